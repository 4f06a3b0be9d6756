"""Each family of errors has its exit code, says what and what next, and never shows a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from luthier.cli import output
from luthier.data.examples.orders import generate_rows
from luthier.errors import (
    InvalidDataset,
    LuthierError,
    MachineError,
    RunInterrupted,
    TrainingDiverged,
    UnknownModel,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Call


class Mistake(NamedTuple):
    command: str
    exit_code: int
    error_code: str
    says: str


MISTAKES = [
    Mistake("check missing.jsonl", 2, "file_missing", "missing.jsonl"),
    Mistake("check", 2, "usage", "--explain"),
    Mistake("check --explain LD999", 2, "usage", "did you mean"),
    Mistake("split missing.jsonl --out data", 2, "file_missing", "missing.jsonl"),
    Mistake("split empty.jsonl --out data", 1, "invalid_dataset", "empty.jsonl"),
    Mistake("split text.jsonl --out data", 1, "invalid_dataset", "text.jsonl:1"),
    Mistake("split few.jsonl --out data", 1, "invalid_dataset", "10"),
    Mistake("tune missing.jsonl", 2, "file_missing", "missing.jsonl"),
    Mistake("tune few.jsonl", 1, "invalid_dataset", "10"),
    Mistake("tune orders.jsonl --base smolm2-135m", 2, "unknown_base", "did you mean smollm2-135m?"),
    Mistake("tune orders.jsonl --base ./nowhere", 2, "unknown_base", "./nowhere"),
    Mistake("tune orders.jsonl --set epoch=2", 2, "invalid_config", "did you mean epochs"),
    Mistake("tune orders.jsonl --set epochs", 2, "invalid_config", "key=value"),
    Mistake("tune orders.jsonl --set epochs=0", 2, "invalid_config", "epochs"),
    Mistake("tune orders.jsonl --recipe order", 2, "file_missing", "did you mean orders?"),
    Mistake("eval --data orders.jsonl", 2, "usage", "--model"),
    Mistake("eval --data orders.jsonl --model a --model b --model c", 2, "usage", "3 models"),
    Mistake("eval --data orders.jsonl --model tinny", 2, "unknown_model", "tinny"),
    Mistake("eval --data orders.jsonl --model tinny --grader jsn", 2, "invalid_config", "did you mean json"),
    Mistake("eval --data orders.jsonl --model tinny --temperature 3", 2, "usage", "--temperature"),
    Mistake("eval --data orders.jsonl --model tinny --report .", 2, "usage", "--report"),
    Mistake("eval --data orders.jsonl --model tinny --engine vlm", 2, "usage", "--engine"),
    Mistake("eval --data orders.jsonl --model tinny --structure jsn", 2, "invalid_structure", "did you mean json?"),
    Mistake("eval --data orders.jsonl --model tinny --structure choice:", 2, "invalid_structure", "choice:A|B"),
    Mistake("eval --data orders.jsonl --model tinny --structure schema:no.json", 2, "file_missing", "no.json"),
    Mistake("eval --data orders.jsonl --model openai:", 2, "unknown_model", "no model"),
    Mistake("chat tinny --message hello --structure schema:few.jsonl", 2, "invalid_structure", "not JSON"),
    Mistake("chat tinny --message hello --tools tools.json", 2, "invalid_structure", "no list of tools"),
    Mistake("chat tinny --message hello --stop=", 2, "usage", "--stop"),
    Mistake("chat tinny --message hello", 2, "unknown_model", "tinny"),
    Mistake("chat tinny", 2, "usage", "--message"),
    Mistake("show nothing", 2, "unknown_artefact", "nothing"),
    Mistake("lineage nothing", 2, "unknown_artefact", "nothing"),
    Mistake("tun orders.jsonl", 2, "usage", "'tune'"),
    Mistake("tune orders.jsonl --bse x", 2, "usage", "--base"),
    Mistake("tune", 2, "usage", "`tune` needs data"),
]


@pytest.fixture
def data(tmp_path: Path) -> None:
    rows = [json.dumps(row) for row in generate_rows(20)]
    (tmp_path / "orders.jsonl").write_text("\n".join(rows))
    (tmp_path / "tools.json").write_text('{"type": "function"}')
    (tmp_path / "few.jsonl").write_text("\n".join(rows[:5]))
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "text.jsonl").write_text("no JSON at all\n" * 12)


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.command for mistake in MISTAKES])
def test_a_mistake_is_named_in_text_and_in_json(call: Call, mistake: Mistake) -> None:
    arguments = mistake.command.split()
    told = call(*arguments)
    assert (told.code, told.out) == (mistake.exit_code, "")
    assert told.err.startswith("error: ")
    assert "\nhint: " in told.err
    assert mistake.says in told.err

    document = call(*arguments, "--json")
    assert document.code == mistake.exit_code
    assert set(document.document) == {"error"}
    assert set(document.document["error"]) == {"code", "message", "hint", "rows"}
    assert document.document["error"]["code"] == mistake.error_code
    assert document.err == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LuthierError("so"), 1),
        (InvalidDataset("so"), 1),
        (TrainingDiverged("so"), 1),
        (UnknownModel("so"), 2),
        (MachineError("so"), 3),
        (RunInterrupted("so"), 130),
        (OSError(28, "no space left", "here"), 3),
        (PermissionError(13, "not yours", "there"), 3),
    ],
)
def test_each_family_of_errors_has_its_exit_code(error: Exception, code: int) -> None:
    def act() -> None:
        raise error

    assert output.guard(act, as_json=False) == code


def test_a_bug_is_not_hidden() -> None:
    def act() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        output.guard(act, as_json=False)


def test_at_most_twenty_rows_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    error = InvalidDataset("bad", rows=[f"row {number}" for number in range(23)], hint="mend them")
    output.print_error(error)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["error: bad", "  row 0"]
    assert lines[-3:] == ["  row 19", "  and 3 more", "hint: mend them"]


def test_a_home_that_cannot_be_made_is_the_machines_fault(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LUTHIER_HOME", str(tmp_path / "file" / "home"))
    assert call("models").code == 3


def test_a_hub_that_does_not_answer_is_the_machines_fault(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "orders.jsonl").write_text("\n".join(json.dumps(row) for row in generate_rows(20)))
    outcome = call("tune", "orders.jsonl", "--base", "nobody/nothing", "--json")
    assert (outcome.code, outcome.document["error"]["code"]) == (3, "hub_unreachable")
