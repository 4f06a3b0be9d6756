"""A run goes on by its id alone, whatever has become of the file that it was started with; or it says why it cannot."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from safetensors.torch import load_file, save_file

from luthier.data.catalog import keep_splits, read_splits
from luthier.errors import RunInterrupted, RunNotResumable, UnknownArtefact
from luthier.models.catalog import Base
from luthier.store.catalog import find_artefact
from luthier.training.config import TrainingConfig
from luthier.training.events import StepDone
from luthier.training.naming import name_order
from luthier.training.planning.choices import Choice, write_choices
from luthier.training.resumption import rebuild_order
from luthier.training.run import RunOrder, execute_run, plan_order
from luthier.training.run_record import record_run
from tests.support.chats import make_splits

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.store.home import Home
    from luthier.training.events import Event

CONFIG = TrainingConfig(epochs=1, batch_size=4, r=2, learning_rate=1e-2, target_modules=("q_proj", "v_proj"))


@pytest.fixture
def order(tiny_base: Base, tmp_path: Path) -> RunOrder:
    folder = tmp_path / "base"
    shutil.copytree(tiny_base.folder, folder)
    choices = (Choice("r", 2, "given"), Choice("epochs", 1, "auto", "enough"))
    return RunOrder("colours", Base(str(folder), folder), make_splits(), CONFIG, choices=choices)


@pytest.fixture
def stopped(home: Home, order: RunOrder) -> RunOrder:
    """After the second of four steps."""

    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterrupted):
        execute_run(home, order, observe=interrupt)
    return order


@pytest.fixture
def recorded(home: Home, order: RunOrder) -> RunOrder:
    """Without a single step."""
    with record_run(home, order, plan_order(order)):
        write_choices(order.choices, home.runs / order.id)
    return order


def test_the_order_comes_back_from_the_runs_id(home: Home, recorded: RunOrder) -> None:
    rebuilt = rebuild_order(home, recorded.id)
    assert rebuilt.id == recorded.id
    assert (rebuilt.name, rebuilt.base, rebuilt.config) == (recorded.name, recorded.base, recorded.config)
    assert rebuilt.choices == recorded.choices
    assert rebuilt.splits.manifest() == recorded.splits.manifest()
    assert rebuild_order(home, "colours").id == recorded.id


def test_a_rebuilt_order_goes_on_to_the_same_weights(home: Home, stopped: RunOrder, tmp_path: Path) -> None:
    second = type(home)(home.settings.model_copy(update={"home": tmp_path / "second"}))
    expected = execute_run(second, stopped, observe=lambda event: None)
    events: list[Event] = []
    model = execute_run(home, rebuild_order(home, stopped.id), observe=events.append)
    assert events[0].step == 2
    assert model.card.weights_hash == expected.card.weights_hash
    assert model.card.data == expected.card.data
    second.database.close()


def test_a_name_that_was_made_may_be_made_anew(home: Home, order: RunOrder) -> None:
    order = name_order(home, replace(order, name=""))
    with record_run(home, order, plan_order(order)):
        pass
    rebuilt = rebuild_order(home, order.id)
    assert (rebuilt.name, rebuilt.is_name_made, rebuilt.id) == ("", True, order.id)
    assert name_order(home, rebuilt).name == order.name


def test_the_kept_rows_are_those_that_were_split(home: Home) -> None:
    splits = make_splits()
    kept = read_splits(home, keep_splits(home, splits))
    assert [side.fingerprint for side in kept.sides.values()] == [side.fingerprint for side in splits.sides.values()]
    assert [side.name for side in kept.sides.values()] == [side.name for side in splits.sides.values()]
    assert kept.origin == splits.origin
    assert keep_splits(home, kept) == keep_splits(home, splits)


def test_rows_that_are_gone_are_named_as_the_reason(home: Home, recorded: RunOrder) -> None:
    shutil.rmtree(home.settings.home_path / "blobs")
    with pytest.raises(RunNotResumable, match=f"the rows of {recorded.id} are not kept any more") as caught:
        rebuild_order(home, recorded.id)
    assert "luthier tune" in caught.value.hint


def test_rows_that_were_altered_are_named_as_the_reason(home: Home, recorded: RunOrder) -> None:
    digest = find_artefact(home.database, "chats").manifest["train"]["blob"]
    path = home.settings.home_path / "blobs" / digest[:2] / digest
    path.write_bytes(path.read_bytes().replace(b"red", b"mud"))
    with pytest.raises(RunNotResumable, match="no longer matches its SHA-256"):
        rebuild_order(home, recorded.id)


def test_a_base_with_other_weights_is_named_as_the_reason(home: Home, recorded: RunOrder) -> None:
    path = recorded.base.folder / "model.safetensors"
    tensors = load_file(path)
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, path, {"format": "pt"})
    with pytest.raises(RunNotResumable, match=r"changed since it began: base_weights$"):
        rebuild_order(home, recorded.id)


def test_settings_that_were_altered_are_named_as_the_reason(home: Home, recorded: RunOrder) -> None:
    path = home.runs / recorded.id / "order.json"
    kept = json.loads(path.read_text())
    kept["config"]["learning_rate"] = 0.5
    path.write_text(json.dumps(kept))
    with pytest.raises(RunNotResumable, match=r"changed since it began: config$"):
        rebuild_order(home, recorded.id)


@pytest.mark.parametrize("content", ["", "[]", '{"name": 1}'])
def test_a_damaged_record_is_refused(home: Home, recorded: RunOrder, content: str) -> None:
    (home.runs / recorded.id / "order.json").write_text(content)
    with pytest.raises(RunNotResumable, match=r"order\.json is damaged"):
        rebuild_order(home, recorded.id)


def test_a_run_without_a_record_is_refused(home: Home, recorded: RunOrder) -> None:
    (home.runs / recorded.id / "order.json").unlink()
    with pytest.raises(RunNotResumable, match="older Luthier"):
        rebuild_order(home, recorded.id)


def test_an_unknown_run_is_told_with_the_near_names(home: Home, recorded: RunOrder) -> None:
    with pytest.raises(UnknownArtefact) as caught:
        rebuild_order(home, "colors")
    assert "colours" in caught.value.hint
