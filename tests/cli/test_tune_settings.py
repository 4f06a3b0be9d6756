"""`tune` says where each setting came from, rehearses a run, and probes learning rates once for an order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from luthier import pipeline
from luthier.errors import OutOfMemory
from luthier.training.planning import memory
from tests.cli.conftest import QUICK

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from luthier.store.home import Home
    from tests.cli.conftest import Call


def test_each_value_is_shown_with_its_origin_and_kept_with_the_run(
    call_tuned: Call, orders: Path, tiny_base: Base
) -> None:
    run = next(run["id"] for run in call_tuned("runs", "--json").document["runs"] if run["name"] == "tiny-orders")
    kept = {each["name"]: each for each in call_tuned("show", run, "--json").document["settings"]}
    assert (kept["epochs"]["value"], kept["epochs"]["source"]) == (1, "given")
    assert kept["learning_rate"]["source"] == "auto"
    assert kept["learning_rate"]["reason"].startswith("for a base of hidden size 32, 10 times that of full fine-tuning")
    shown = call_tuned("show", run).out
    assert "settings, and where they come from:" in shown
    assert "epochs = 1" in shown


def test_settings_and_warnings_are_told_before_the_first_step(call: Call, orders: Path, tiny_base: Base) -> None:
    told = call(
        "tune", orders, "--base", tiny_base.name, *QUICK, "--set", "learning_rate=1e-6", "--recipe", "house-style"
    ).err
    assert told.index("learning_rate = 1e-06") < told.index("warning: learning_rate 1e-06 is far below")
    rows = len(orders.read_text(encoding="utf-8").splitlines())
    told_of = re.search(r"^(\d+) rows to train on, (\d+) to validate with, (\d+) kept for tests$", told, re.MULTILINE)
    assert told_of is not None
    assert sum(map(int, told_of.groups())) == rows
    assert told.index("warning: ") < told.index("training in ")
    assert ["patience", "=", "2", "recipe"] in [line.split() for line in told.splitlines()]


def test_a_rehearsal_says_all_and_does_nothing(call: Call, orders: Path, tiny_base: Base, home_folder: Path) -> None:
    document = call("tune", orders, "--base", tiny_base.name, *QUICK, "--dry-run", "--json").document
    assert document["steps"] == 6
    assert document["trained_tokens"] == document["splits"]["train"]["trained_tokens"]
    assert 0 < document["computed_tokens"] < document["tokens"]
    assert set(document["memory"]["parts"]) == {
        "weights",
        "trained",
        "gradients",
        "optimizer",
        "activations",
        "logits",
    }
    assert {each["name"]: each["source"] for each in document["settings"]}["learning_rate"] == "auto"
    assert document["prices"] == []
    assert list((home_folder / "runs").iterdir()) == []
    assert call("runs", "--json").document["runs"] == []
    told = call("tune", orders, "--base", tiny_base.name, *QUICK, "--dry-run").out
    assert "settings, and where they come from:" in told
    assert "is computed once" in told
    assert "hosted services" not in told


def test_what_cannot_fit_is_refused_with_what_would(
    orders: Path, tiny_base: Base, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"r": 2, "micro_batch_tokens": 4096, "activation_checkpointing": "off"}
    fitting = pipeline.estimate(orders, base=tiny_base.name, settings=settings, probes=False, home=home)
    monkeypatch.setattr(memory, "find_free_memory", lambda: fitting.memory.needed + 50_000)
    pipeline.rehearse(orders, base=tiny_base.name, settings=settings, home=home)
    settings["tuning"] = "full"
    with pytest.raises(
        OutOfMemory, match=r"needs \d+ MiB of memory or more \(.*optimizer .*\), and \d+ MiB are free"
    ) as caught:
        pipeline.rehearse(orders, base=tiny_base.name, settings=settings, home=home)
    assert caught.value.hint.startswith("these would fit: ")
    assert "--set tuning=lora" in caught.value.hint
    with pytest.raises(OutOfMemory):
        pipeline.tune(orders, base=tiny_base.name, settings=settings, home=home)


def test_a_probed_rate_is_kept_so_the_same_command_finds_its_run(call: Call, orders: Path, tiny_base: Base) -> None:
    command = ("tune", orders, "--base", tiny_base.name, *QUICK, "--probe", "--name", "probed")
    first = call(*command)
    assert "probing 5 learning rates with " in first.err
    assert "held-out loss" in first.err
    again = call(*command, "--json")
    assert "already" in again.err
    assert "probing" not in again.err
    kept = {each["name"]: each for each in call("show", again.document["run"], "--json").document["settings"]}
    assert kept["learning_rate"]["source"] == "probe"


def test_a_probe_does_not_choose_what_was_given(call: Call, orders: Path, tiny_base: Base) -> None:
    given = ("--set", "learning_rate=1e-3", "--probe", "--json")
    error = call("tune", orders, "--base", tiny_base.name, *QUICK, *given).document["error"]
    assert error["code"] == "invalid_config"
    assert "--set learning_rate=auto" in error["hint"]
