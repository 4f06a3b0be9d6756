"""Evals and their runs on SQLite and on PostgreSQL: kept, paged through in both orders, renamed and deleted."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from luthier.errors import InvalidRequest, UnknownArtefact
from luthier.jobs.evals.desk import RunDraft, create_run
from luthier.settings import Settings
from luthier.store.database import open_database
from luthier.store.eval_runs import ItemQuery, RunQuery, delete_run, get_item, get_run, list_items, list_runs
from luthier.store.evals import EvalDraft, EvalQuery, amend_eval, create_eval, delete_eval, get_eval, list_evals
from tests.support.evals import CRITERION, CUSTOM, add_eval, finish_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from luthier.store.database import Database
    from tests.support.postgresql import PostgresqlServer


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "sqlite":
        return Settings(home=tmp_path / "home")
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return Settings(home=tmp_path / "home", database_url=server.create_database(f"test_{secrets.token_hex(4)}"))


@pytest.fixture
def db(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Database]:
    database = open_database(settings, clock=clock)
    yield database
    database.close()


def names(db: Database, **asked: Any) -> list[str]:
    return [eval.name for eval in list_evals(db, EvalQuery(**asked)).items]


def test_what_was_kept_is_found_again(db: Database) -> None:
    draft = EvalDraft(CUSTOM, [CRITERION], "orders", {"team": "a"})
    made = create_eval(db, draft)
    assert get_eval(db, made.id) == made
    assert (made.data_source_config, made.testing_criteria, made.name, made.metadata) == draft


def test_pages_follow_one_another_by_creation_and_by_the_last_change(db: Database) -> None:
    ids = [add_eval(db, name).id for name in "abcd"]
    first = list_evals(db, EvalQuery(limit=3))
    assert ([eval.id for eval in first.items], first.has_more) == (ids[:3], True)
    assert names(db, after=ids[2]) == ["d"]
    assert names(db, is_descending=True, after=ids[2]) == ["b", "a"]
    amend_eval(db, ids[0], {"name": "A"})
    assert names(db, order_by="updated_at") == ["b", "c", "d", "A"]
    assert names(db, order_by="updated_at", after=ids[3]) == ["A"]
    delete_eval(db, ids[1])
    assert names(db, after=ids[1]) == ["c", "d"]
    with pytest.raises(UnknownArtefact):
        names(db, order_by="updated_at", after=ids[1])


def test_a_change_leaves_what_it_does_not_name(db: Database) -> None:
    made = create_eval(db, EvalDraft(CUSTOM, [CRITERION], "a", {"k": "v"}))
    assert amend_eval(db, made.id, {"name": "b"}).metadata == {"k": "v"}
    assert amend_eval(db, made.id, {"metadata": None}).metadata is None
    assert get_eval(db, made.id).name == "b"
    with pytest.raises(InvalidRequest):
        amend_eval(db, made.id, {"metadata": {"k": "\0"}})


def test_an_eval_goes_with_its_runs_and_their_items(db: Database) -> None:
    eval = add_eval(db)
    run, item = finish_run(db, eval.id)
    other = add_eval(db)
    kept, _ = finish_run(db, other.id)
    delete_eval(db, eval.id)
    for ask in (
        lambda: get_eval(db, eval.id),
        lambda: get_run(db, eval.id, run.id),
        lambda: list_runs(db, eval.id, RunQuery()),
        lambda: get_item(db, eval.id, run.id, item),
        lambda: delete_eval(db, eval.id),
    ):
        with pytest.raises(UnknownArtefact):
            ask()
    assert get_run(db, other.id, kept.id).status == "completed"


def test_runs_are_listed_by_status_in_both_orders(db: Database) -> None:
    eval = add_eval(db)
    done, _ = finish_run(db, eval.id)
    waiting = [create_run(db, RunDraft(eval.id, {"type": "jsonl"}, name)).id for name in "ab"]
    assert [run.id for run in list_runs(db, eval.id, RunQuery()).items] == [done.id, *waiting]
    assert [run.id for run in list_runs(db, eval.id, RunQuery(status="queued")).items] == waiting
    assert [run.id for run in list_runs(db, eval.id, RunQuery(is_descending=True, after=waiting[1])).items] == [
        waiting[0],
        done.id,
    ]
    delete_run(db, eval.id, done.id)
    assert [run.id for run in list_runs(db, eval.id, RunQuery(after=done.id)).items] == waiting


def test_a_run_is_found_only_under_its_own_eval(db: Database) -> None:
    run, item = finish_run(db, add_eval(db).id)
    other = add_eval(db)
    for ask in (
        lambda: get_run(db, other.id, run.id),
        lambda: delete_run(db, other.id, run.id),
        lambda: list_items(db, other.id, run.id, ItemQuery()),
        lambda: get_item(db, other.id, run.id, item),
    ):
        with pytest.raises(UnknownArtefact):
            ask()


@pytest.mark.parametrize("nonsense", ["", "x", "eval_\0", "eval_" + "Z" * 24])
def test_what_is_no_id_never_reaches_the_database(db: Database, nonsense: str) -> None:
    eval = add_eval(db)
    for ask in (
        lambda: get_eval(db, nonsense),
        lambda: list_evals(db, EvalQuery(after=nonsense)),
        lambda: get_run(db, eval.id, nonsense),
        lambda: list_runs(db, eval.id, RunQuery(after=nonsense)),
    ):
        with pytest.raises(UnknownArtefact):
            ask()
