"""A training run as its user meets it: stopped in every way there is and gone on with, or refused in plain words."""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from safetensors.torch import load_file
from transformers import Gemma2Config, Gemma2ForCausalLM

from luthier.cli.app import run
from luthier.data.splits.folder import to_jsonl
from tests.support.chats import make_dataset
from tests.support.tiny import build_model, build_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from luthier.models.catalog import Base

SETTINGS = {
    "epochs": 25,
    "batch_size": 4,  # so that there are 100 steps: enough for every stop to find the run at work
    "r": 4,
    "learning_rate": 0.01,
    "lora_dropout": 0.1,  # so that a resumed run needs the random numbers as well
    "micro_batch_tokens": 100,  # of the 290 of a step, so that gradients are accumulated
    "validation_steps": 3,
    "checkpoint_steps": 2,
}
FINDINGS, USAGE, MACHINE, INTERRUPTED = 1, 2, 3, 130
SECONDS_OF_DOUBT = 0.15
"""Between a checkpoint and the stop: some steps, a validation, a checkpoint or two."""

QUICK = {"epochs": 1, "batch_size": 4, "r": 2, "learning_rate": 0.01}
IDLE = {**QUICK, "learning_rate": 1e-30}
"""Trains without any effect, and so leaves a run that has not made a model."""


class Desk(NamedTuple):
    """Where a user sits: a folder to work in, and a home of their own."""

    folder: Path
    home: str = "home"

    @property
    def runs(self) -> Path:
        return self.folder / self.home / "runs"

    @property
    def checkpoints(self) -> list[Path]:
        """The oldest first."""
        return sorted(self.runs.glob("run-*/checkpoints/step-*"))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "luthier", *arguments]
        environment = {**os.environ, "LUTHIER_HOME": str(self.folder / self.home), "OMP_NUM_THREADS": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, **pipes)

    def run(self, *arguments: str) -> Outcome:
        return finish(self.start(*arguments))


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def finish(process: subprocess.Popen[str]) -> Outcome:
    out, err = process.communicate(timeout=600)
    assert "Traceback" not in err, err
    return Outcome(process.returncode, out, err)


def tune(base: str = "tiny", data: str = "chats.jsonl", **settings: Any) -> list[str]:
    assignments = [word for key, value in settings.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    return ["tune", data, "--base", base, "--name", "colours", *assignments]


@pytest.fixture
def desk(tiny_base: Base, tmp_path: Path) -> Desk:
    (tmp_path / "tiny").symlink_to(tiny_base.folder)
    (tmp_path / "chats.jsonl").write_text(to_jsonl(make_dataset(20)), encoding="utf-8")
    return Desk(tmp_path)


def stop_at_random(desk: Desk, number: signal.Signals, *, dice: random.Random) -> Outcome:
    """Some time after it has written two checkpoints of its own, or at its end, if that comes before."""
    before = {path.name for path in desk.checkpoints}
    process = desk.start(*tune(**SETTINGS))
    while len({path.name for path in desk.checkpoints} - before) < 2 and process.poll() is None:
        time.sleep(0.01)
    time.sleep(dice.uniform(0, SECONDS_OF_DOUBT))
    process.send_signal(number)
    return finish(process)


def disturb(desk: Desk, *, dice: random.Random) -> str | None:
    """Stops a run in every way, and says which one it is; None when it ended first, as it may on a busy machine."""
    interrupted = stop_at_random(desk, signal.SIGINT, dice=dice)
    if interrupted.code == 0:
        return None
    assert interrupted.code == INTERRUPTED
    run = desk.checkpoints[0].parents[1].name
    assert f"luthier tune --resume {run}" in interrupted.err
    for damage in (None, tear, flip_a_bit):
        killed = stop_at_random(desk, signal.SIGKILL, dice=dice)
        if killed.code == 0:
            return None
        assert killed.code == -signal.SIGKILL
        if damage:
            damage(desk.checkpoints[-1])
    return run


def tear(checkpoint: Path) -> None:
    """As a power cut does that comes between writing and flushing."""
    for path in checkpoint.glob("*.safetensors"):
        os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(checkpoint: Path) -> None:
    """As a failing disk does."""
    path = max(checkpoint.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def read_weights(desk: Desk) -> dict[str, bytes]:
    tensors = load_file(desk.folder / desk.home / "models" / "colours" / "adapter_model.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def test_a_run_that_is_stopped_in_every_way_ends_with_the_weights_of_one_that_never_was(desk: Desk) -> None:
    untroubled, dice = desk, random.Random()
    reference = untroubled.start(*tune(**SETTINGS))

    for attempt in range(5):
        desk = untroubled._replace(home=f"disturbed {attempt}")
        if (run := disturb(desk, dice=dice)) is not None:
            break
    assert run is not None
    broken, whole = (int(path.name.removeprefix("step-")) for path in (desk.checkpoints[-1], desk.checkpoints[-2]))

    resumed = desk.run("tune", "--resume", run)
    assert resumed.code == 0, resumed.err
    assert re.search(rf"checkpoint step-{broken:08d} cannot be used: \w+\.safetensors does not match", resumed.err)
    assert f"resumed at step {whole} of 100" in resumed.err
    assert finish(reference).code == 0
    assert read_weights(desk) == read_weights(untroubled)


@pytest.fixture
def call(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """The same command line in this process, for what says no before it does much."""
    monkeypatch.setenv("LUTHIER_HOME", str(desk.folder / desk.home))
    monkeypatch.chdir(desk.folder)

    def call_here(*arguments: str) -> Outcome:
        capsys.readouterr()
        return Outcome(run(list(arguments)), *capsys.readouterr())

    return call_here


RECIPES = {
    "cut off": (b"epochs = ", "recipe.toml is not TOML", "write lines such as: epochs = 3"),
    "no text": (b"\xff\xfe\x00\x01", "recipe.toml is not TOML", "write lines such as: epochs = 3"),
    "twice the same": (b"epochs = 1\nepochs = 2", "recipe.toml is not TOML", "write lines such as: epochs = 3"),
    "misspelt": (b"epoch = 3", "unknown training setting 'epoch'", "did you mean epochs, kept_epochs?"),
    "a table": (b"[lora]\nr = 8", "unknown training setting 'lora'", "known: activation_checkpointing"),
    "a word for a number": (b"epochs = 'many'", "epochs = 'many': input should be a valid integer", "epochs: "),
    "no number": (b"learning_rate = nan", "learning_rate = nan: input should be a finite number", "learning_rate: "),
    "out of range": (b"r = 99999", "r = 99999: input should be less than or equal to 512", "r: rank"),
    "an unknown method": (b"method = 'ppo'", "method = 'ppo': input should be 'sft' or 'dpo'", "method: "),
    "an unknown layer": (b"target_modules = ['nope']", "this model has no layer 'nope'", "known: down_proj"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_that_cannot_be_used_is_refused(desk: Desk, call: Callable[..., Outcome], name: str) -> None:
    content, message, hint = RECIPES[name]
    (desk.folder / "recipe.toml").write_bytes(content)
    refused = call(*tune(), "--recipe", "recipe.toml")
    assert (refused.code, refused.out) == (USAGE, "")
    assert message in refused.err
    assert f"hint: {hint}" in refused.err
    assert not desk.checkpoints
    assert "colours" not in call("models").out


def test_a_row_longer_than_the_context_is_named_and_left_out_on_request_alone(
    desk: Desk, call: Callable[..., Outcome]
) -> None:
    lines = (desk.folder / "chats.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:  # whichever side it is dealt to, three rows of ten that are trained or validated on are long
        if row["messages"][2]["content"] == '{"colour":"red"}':
            row["messages"][2]["content"] = "red " * 400
    (desk.folder / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    refused = call(*tune(data="long.jsonl", **QUICK))
    assert (refused.code, refused.out) == (FINDINGS, "")
    assert re.search(r"error: \d of \d+ examples are longer than 1024 tokens", refused.err)
    assert re.search(r"long\.jsonl:[\d, and]+: \d+ tokens, \d+ too many", refused.err)
    assert "--set overlong=drop" in refused.err
    left_out = call(*tune(data="long.jsonl", **QUICK, overlong="drop"))
    assert left_out.code == 0, left_out.err
    assert re.search(r"left out \d of \d+ train rows, longer than 1024 tokens", left_out.err)


def test_a_base_whose_tokenizer_has_no_template_is_refused(desk: Desk, call: Callable[..., Outcome]) -> None:
    build_model().save_pretrained(desk.folder / "silent")
    build_tokenizer("").save_pretrained(desk.folder / "silent")
    refused = call(*tune(base="silent", **QUICK))
    assert refused.code == FINDINGS
    assert "error: the base model's tokenizer has no chat template" in refused.err
    assert "hint: take an instruct model, or add chat_template.jinja" in refused.err


def test_a_base_whose_attention_is_not_ours_is_computed_row_by_row_and_that_is_said(
    desk: Desk, call: Callable[..., Outcome]
) -> None:
    """Gemma 2 caps its scores, for which transformers has nothing but its plainest attention."""
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    tokenizer = build_tokenizer()
    config = Gemma2Config(**shape, vocab_size=len(tokenizer), num_key_value_heads=2, head_dim=8)
    Gemma2ForCausalLM(config).save_pretrained(desk.folder / "gemma2")
    tokenizer.save_pretrained(desk.folder / "gemma2")
    done = call(*tune(base="gemma2", **QUICK))
    assert done.code == 0, done.err
    assert "gemma2 cannot keep packed rows apart, so they are computed one at a time, which is slower" in done.err


def replace_base(desk: Desk) -> None:
    """Other weights at the same place."""
    (desk.folder / "tiny").unlink()
    build_model(seed=1).save_pretrained(desk.folder / "tiny")
    build_tokenizer().save_pretrained(desk.folder / "tiny")


def test_an_adapter_passes_neither_for_a_base_nor_for_one_of_another_base(
    desk: Desk, call: Callable[..., Outcome]
) -> None:
    assert call(*tune(**QUICK)).code == 0
    refused = call(*tune(base="home/models/colours", **QUICK))
    assert refused.code == USAGE
    assert "home/models/colours holds an adapter, which is no model without its base" in refused.err
    replace_base(desk)
    refused = call("chat", "colours", "--message", "hi")
    assert refused.code == MACHINE
    assert "tiny has changed since colours was tuned on it" in refused.err


def test_a_run_is_gone_on_with_by_one_process_and_on_its_own_base_alone(
    desk: Desk, call: Callable[..., Outcome]
) -> None:
    failed = call(*tune(**IDLE))
    assert failed.code == FINDINGS
    assert "error: the model is not registered: the log-probabilities" in failed.err
    assert "colours" not in call("models").out
    (folder,) = desk.runs.glob("run-*")
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for command in (tune(**IDLE), ["tune", "--resume", folder.name]):
            busy = call(*command)
            assert busy.code == USAGE
            assert f"{folder.name} is being trained by another process" in busy.err
    replace_base(desk)
    refused = call("tune", "--resume", folder.name)
    assert refused.code == USAGE
    assert f"{folder.name} cannot go on: changed since it began: base_weights" in refused.err
    shutil.rmtree(desk.folder / "tiny")
    refused = call("tune", "--resume", folder.name)
    assert refused.code == USAGE
    assert "hint: " in refused.err
