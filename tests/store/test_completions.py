from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from luthier.errors import UnknownArtefact
from luthier.store.completions import (
    CompletionQuery,
    KeptCompletion,
    amend_metadata,
    delete_completion,
    get_completion,
    keep_completion,
    list_completions,
)
from luthier.store.ids import new_id

if TYPE_CHECKING:
    from luthier.store.database import Database
    from luthier.store.home import Home

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def db(home: Home) -> Database:
    return home.database


def keep(db: Database, second: int, *, model: str = "m", metadata: dict[str, str] | None = None) -> str:
    moment = START + timedelta(seconds=second)
    kept = KeptCompletion(new_id("chatcmpl-", moment), moment, model, metadata, {"messages": []}, {"choices": []})
    keep_completion(db, kept)
    assert get_completion(db, kept.id) == kept
    return kept.id


def find(db: Database, **asked: Any) -> list[str]:
    return [kept.id for kept in list_completions(db, CompletionQuery(**asked)).items]


def test_pages_follow_one_another_in_both_orders(db: Database) -> None:
    ids = [keep(db, second) for second in range(5)]
    first = list_completions(db, CompletionQuery(limit=2))
    assert ([kept.id for kept in first.items], first.has_more) == (ids[:2], True)
    rest = list_completions(db, CompletionQuery(limit=3, after=ids[1]))
    assert ([kept.id for kept in rest.items], rest.has_more) == (ids[2:], False)
    assert find(db, is_descending=True, after=ids[2]) == [ids[1], ids[0]]


def test_model_and_all_pairs_of_metadata_have_to_fit(db: Database) -> None:
    plain = keep(db, 0)
    one = keep(db, 1, metadata={"a": "1"})
    both = keep(db, 2, metadata={"a": "1", "b.\"'": "2"}, model="n")
    assert find(db) == [plain, one, both]
    assert find(db, metadata={"a": "1"}) == [one, both]
    assert find(db, metadata={"a": "1", "b.\"'": "2"}) == [both]
    assert find(db, metadata={"a": "2"}) == []
    assert find(db, metadata=None) == [plain]
    assert find(db, model="n") == [both]


def test_metadata_is_replaced_and_what_is_deleted_is_gone(db: Database) -> None:
    kept = keep(db, 0, metadata={"a": "1"})
    assert amend_metadata(db, kept, {"b": "2"}).metadata == {"b": "2"}
    assert get_completion(db, kept).metadata == {"b": "2"}
    delete_completion(db, kept)
    for act in (get_completion, delete_completion):
        with pytest.raises(UnknownArtefact):
            act(db, kept)


@pytest.mark.parametrize("nonsense", ["", "x", "chatcmpl-\0", "chatcmpl-" + "Z" * 24])
def test_what_is_no_id_never_reaches_the_database(db: Database, nonsense: str) -> None:
    with pytest.raises(UnknownArtefact):
        get_completion(db, nonsense)
    with pytest.raises(UnknownArtefact):
        list_completions(db, CompletionQuery(after=nonsense))
