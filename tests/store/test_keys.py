"""Keys are told apart by their digest, and what is kept of one is not the key."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from luthier.errors import UnknownArtefact
from luthier.settings import Settings
from luthier.store.home import Home
from luthier.store.keys import create_key, find_key, list_keys, revoke_key

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_is_found_again_with_its_role(home: Home) -> None:
    made = create_key(home.database, "member", name="ci")
    assert find_key(home.database, made.secret) == made.key
    assert (made.key.role, made.key.name, made.key.ending) == ("member", "ci", made.secret[-4:])


@pytest.mark.parametrize("wrong", ["", "sk-luthier-", "{key}x", " {key}", "{key} ", "\ud800", "%"])
def test_nothing_else_is_that_key(home: Home, wrong: str) -> None:
    made = create_key(home.database, "admin")
    assert find_key(home.database, wrong.format(key=made.secret)) is None
    assert find_key(home.database, made.secret.swapcase()) is None
    assert find_key(home.database, made.key.id) is None


def test_the_key_itself_is_nowhere_on_the_disk(home: Home) -> None:
    made = create_key(home.database, "admin", name="the name")
    home.database.close()
    kept = b"".join(path.read_bytes() for path in home.path.rglob("*") if path.is_file())
    assert b"the name" in kept
    assert hashlib.sha256(made.secret.encode()).hexdigest().encode() in kept
    assert made.secret.removeprefix("sk-luthier-").encode() not in kept


def test_a_revoked_key_is_found_no_more_and_keeps_its_first_moment(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    home = Home(Settings(home=tmp_path), clock=lambda: now)
    made = create_key(home.database, "admin")
    assert revoke_key(home.database, made.key.id).revoked_at == now
    now += timedelta(days=1)
    assert revoke_key(home.database, made.key.id).revoked_at == now - timedelta(days=1)
    assert find_key(home.database, made.secret) is None
    home.database.close()


def test_keys_are_listed_the_latest_first(tmp_path: Path) -> None:
    moments = iter(datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 5))
    home = Home(Settings(home=tmp_path), clock=lambda: next(moments))
    for name in "abc":
        create_key(home.database, "rater", name=name)
    assert [key.name for key in list_keys(home.database)] == ["c", "b", "a"]
    home.database.close()


def test_a_key_that_does_not_exist_cannot_be_revoked(home: Home) -> None:
    made = create_key(home.database, "admin")
    with pytest.raises(UnknownArtefact) as caught:
        revoke_key(home.database, made.key.id[:-1] + "x")
    assert made.key.id in caught.value.hint


def test_no_two_keys_are_alike(home: Home) -> None:
    made = [create_key(home.database, "rater") for _ in range(20)]
    assert len({each.secret for each in made}) == len({each.key.id for each in made}) == 20
    assert {len(each.secret) for each in made} == {54}
