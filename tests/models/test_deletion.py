"""Deleted means deleted, and nothing is that others need."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from luthier.errors import DatabaseUnavailable, InvalidRequest, UnknownModel, WrongState
from luthier.jobs.desk import cancel_job
from luthier.jobs.permissions import grant_permissions
from luthier.models.deletion import delete_model, delete_public_model
from luthier.models.public_names import PublicNames
from luthier.models.registry import find_model
from luthier.settings import Settings
from luthier.store.home import Home
from luthier.store.locks import locked
from tests.support.jobs import add_job, start_job
from tests.support.tuned import register_tuned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

NAME = "ft:smollm2-135m:luthier::aaaaaaaa"


def list_entries(home: Home) -> list[str]:
    return sorted(entry.name for entry in home.models.iterdir())


def list_weights(home: Home) -> list[Path]:
    return list(home.path.rglob("*.safetensors"))


def test_weights_checkpoints_and_all_names_are_gone(home: Home) -> None:
    register_tuned(home, "model")
    names = PublicNames(home)
    names.publish(NAME, "model", None)
    grant_permissions(home.database, NAME, ["proj_1"])
    delete_public_model(home, NAME)
    assert list_entries(home) == []
    assert list_weights(home) == []
    assert not any(name.is_tuned for name in names.list_all())
    with pytest.raises(UnknownModel):
        find_model(home, "model")
    with pytest.raises(UnknownModel):
        delete_public_model(home, NAME)


def test_how_the_run_went_stays(home: Home) -> None:
    register_tuned(home, "model")
    delete_model(home, "model")
    assert (home.runs / "run-model" / "metrics.jsonl").is_file()


def test_checkpoints_stay_while_another_model_of_the_run_does(home: Home) -> None:
    register_tuned(home, "final", run="run-1")
    register_tuned(home, "earlier", run="run-1")
    delete_model(home, "final")
    assert (home.runs / "run-1" / "checkpoints").is_dir()
    delete_model(home, "earlier")
    assert list_weights(home) == []


def test_checkpoints_stay_while_the_run_is_at_work(home: Home) -> None:
    register_tuned(home, "model")
    with locked(home.lock_of("run-model")):
        delete_model(home, "model")
    assert (home.runs / "run-model" / "checkpoints").is_dir()


def test_the_same_name_can_be_given_again(home: Home) -> None:
    register_tuned(home, "model")
    delete_model(home, "model")
    assert register_tuned(home, "model").folder.is_dir()


@pytest.mark.parametrize("name", ["smollm2-135m", "gpt-4o-mini"])
def test_neither_a_base_nor_an_alias_can_be_deleted(tmp_path: Path, name: str) -> None:
    home = Home(Settings(home=tmp_path, aliases={"gpt-4o-mini-2024-07-18": "model"}))
    register_tuned(home, "model")
    with pytest.raises(InvalidRequest):
        delete_public_model(home, name)
    assert list_entries(home) == ["model"]
    home.database.close()


def test_the_base_of_another_model_cannot_be_deleted(home: Home) -> None:
    register_tuned(home, "whole")
    register_tuned(home, "adapter", base="whole")
    with pytest.raises(WrongState, match="whole is the base of adapter"):
        delete_model(home, "whole")
    assert list_entries(home) == ["adapter", "whole"]
    delete_model(home, "adapter")
    delete_model(home, "whole")


def test_what_a_job_starts_from_cannot_be_deleted_until_it_ends(home: Home) -> None:
    register_tuned(home, "model")
    job = add_job(home.database, base_model="model")
    with pytest.raises(WrongState, match=job.id):
        delete_model(home, "model")
    cancel_job(home.database, job.id)
    delete_model(home, "model")


def test_a_checkpoint_cannot_be_deleted_until_the_job_that_made_it_ends(home: Home) -> None:
    """Its run may have to go on from what would be deleted."""
    hold = start_job(home.database).hold
    register_tuned(home, "earlier", run="run-1")
    with pytest.raises(WrongState, match=hold.job_id):
        delete_model(home, "earlier")
    hold.succeed(fine_tuned_model="final", trained_tokens=1, result_file=None)
    delete_model(home, "earlier")


def at_deletion(home: Home, act: Callable[[], None]) -> None:
    """Calls `act` right before the database would delete the model's row."""

    def look(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM models"):
            act()

    event.listen(home.database.engine, "before_cursor_execute", look)


def test_a_database_that_fails_leaves_everything_as_it_was(home: Home) -> None:
    register_tuned(home, "model")

    def fail() -> None:
        raise DatabaseUnavailable("gone")

    at_deletion(home, fail)
    with pytest.raises(DatabaseUnavailable):
        delete_model(home, "model")
    assert list_entries(home) == ["model"]
    assert find_model(home, "model").folder.is_dir()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _delete_and_die(folder: Path, *, is_forgotten: bool) -> None:
    """Either before the database knows of it, or after that and before the weights are removed."""
    home = Home(Settings(home=folder))
    if is_forgotten:
        sys.addaudithook(lambda name, _: _die() if name == "shutil.rmtree" else None)
    else:
        at_deletion(home, _die)
    delete_model(home, "model")


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_what_a_killed_deletion_left_is_finished_by_the_next(home: Home, *, is_forgotten: bool) -> None:
    register_tuned(home, "model")
    register_tuned(home, "other")
    home.database.close()
    spawn = multiprocessing.get_context("spawn")
    victim = spawn.Process(target=_delete_and_die, args=(home.path,), kwargs={"is_forgotten": is_forgotten})
    victim.start()
    victim.join(300)
    assert victim.exitcode == -signal.SIGKILL
    assert [entry for entry in list_entries(home) if entry.endswith(".deleted")]
    delete_model(home, "other" if is_forgotten else "model")
    assert list_entries(home) == ([] if is_forgotten else ["other"])
