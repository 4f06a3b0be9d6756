"""What holds for every command: help, version, JSON alone on stdout, and a start without heavy libraries."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier import __version__
from luthier.cli.app import list_commands
from tests.cli.conftest import QUICK, call_process, environment

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from tests.cli.conftest import Call

COMMANDS = sorted(list_commands())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(call: Call, command: str) -> None:
    outcome = call(*command.split(), "--help")
    assert outcome.code == 0
    assert f"Example:\n    luthier {command}" in outcome.out
    assert "--json" in outcome.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_summary_is_shown_whole(call: Call, command: str) -> None:
    *group, name = command.split()
    line = next(line for line in call(*group, "--help").out.splitlines() if line.split()[:1] == [name])
    assert line.endswith(".")
    assert not line.endswith("...")


def test_without_a_command_the_help_is_shown(call: Call) -> None:
    assert call() == call("--help")


def test_the_version_is_printed(call: Call) -> None:
    assert call("--version").out == f"luthier {__version__}\n"


def test_help_needs_no_heavy_library_and_little_time(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['luthier', '--help']\n"
        "from luthier.__main__ import main\n"
        "code = main()\n"
        "heavy = {'torch', 'transformers', 'peft', 'sqlalchemy', 'scipy', 'numpy', 'pydantic', 'rich'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else code)"
    )
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(tmp_path), capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.5


def test_the_help_of_tune_lists_every_setting(call: Call) -> None:
    from luthier.training.config import AUTO_FIELDS, TrainingConfig

    text = " ".join(call("tune", "--help").out.split())
    for name, field in TrainingConfig.model_fields.items():
        default = "auto" if name in AUTO_FIELDS else field.default
        written = str(default).lower() if isinstance(default, bool) else default  # as TOML has it
        assignment = name if default is None else f"{name}={written}"
        assert f"{assignment} {(field.description or '').split(';')[0].split()[0]}" in text


def test_every_command_prints_json_alone(call_tuned: Call, orders: Path, tiny_base: Base, tmp_path: Path) -> None:
    calls: dict[str, tuple[str | Path, ...]] = {
        "check": (orders,),
        "convert": (orders, "--out", tmp_path / "chat.jsonl"),
        "split": (orders, "--out", tmp_path / "data"),
        "preview": (orders, "--base", tiny_base.name),
        "estimate": (orders, "--base", tiny_base.name, "--no-probe"),
        "tune": (orders, "--base", tiny_base.name, "--name", "tiny-orders", *QUICK),
        "eval": ("--model", "tiny-orders", "--data", orders, "--grader", "json", "--max-tokens", "4"),
        "chat": ("tiny-orders", "--message", "hello", "--max-tokens", "4"),
        "models": (),
        "recipes": (),
        "runs": (),
        "show": ("tiny-orders",),
        "lineage": ("tiny-orders",),
        "doctor": (),
        "keys create": (),
        "keys list": (),
        "jobs list": (),
        "data add": (orders, "--name", "some"),
        "data list": (),
        "data show": ("some",),
        "data diff": ("some", orders),
        "data log": ("some",),
        "data write": ("some@1", tmp_path / "some.jsonl"),
    }
    others = {"demo", "curate", "serve", "worker", "keys revoke", "advise", "strength", "data canaries"}
    others |= {name for name in COMMANDS if name.startswith("jobs ") and name != "jobs list"}
    others |= {name for name in COMMANDS if name.startswith(("evals ", "judge "))}
    assert set(calls) == set(COMMANDS) - others, "these take long, or need more, and have tests of their own"
    for command, arguments in calls.items():
        outcome = call_tuned(*command.split(), *arguments, "--json")
        assert outcome.code == 0, outcome.err
        assert isinstance(outcome.document, dict), command


@pytest.mark.parametrize("arguments", [("doctor",), ("models",), ("check", "missing.jsonl"), ("--help",)])
def test_a_terminal_with_no_color_gets_no_escape_codes(home_folder: Path, arguments: tuple[str, ...]) -> None:
    assert "\x1b" not in read_terminal(home_folder, *arguments, NO_COLOR="1", TERM="dumb")


def test_a_terminal_gets_colours_and_a_pipe_does_not(home_folder: Path) -> None:
    assert "\x1b[31merror:" in read_terminal(home_folder, "check", "missing.jsonl")
    assert call_process(home_folder, "check", "missing.jsonl").err.startswith("error: missing.jsonl")


def test_a_reader_that_went_away_ends_the_command_quietly(tuned_home: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    outcome = call_process(tuned_home, "runs", capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (outcome.code, outcome.err) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("arguments", [("runs",), ("runs", "--json"), ("--help",)])
def test_a_full_disk_ends_the_command_with_one_message(home_folder: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        outcome = call_process(home_folder, *arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert outcome.code == 3
    assert outcome.err.splitlines()[0] == "error: standard output: no space left on device"
    assert "Traceback" not in outcome.err
    assert "Exception ignored" not in outcome.err


def test_a_file_name_that_is_no_text_can_be_named(home_folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jsonl")
    outcome = call_process(home_folder, "check", name, "--json")
    assert outcome.code == 2
    assert outcome.document["error"]["code"] == "file_missing"
    assert json.loads(outcome.out)["error"]["message"].startswith("caf")


def read_terminal(home_folder: Path, *arguments: str, **variables: str) -> str:
    """What a terminal of 80 columns would be sent on stdout and stderr together."""
    ours, theirs = pty.openpty()
    variables = {"TERM": "xterm", "COLUMNS": "80", **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "luthier", *arguments],
        env=environment(home_folder, **variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # Linux says so when the other end has closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    process.wait(timeout=300)
    os.close(ours)
    return b"".join(chunks).decode()
