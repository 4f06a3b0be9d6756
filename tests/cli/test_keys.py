"""Keys are made, listed and revoked by command, and shown once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.api import build_api

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Call


def test_a_new_key_is_shown_once(call: Call) -> None:
    made = call("keys", "create", "--role", "rater", "--name", "Ada", "--json").document
    assert set(made) == {"key", "id", "name", "role", "ending", "created_at", "revoked_at"}
    assert made["key"].startswith("sk-luthier-")
    assert (made["role"], made["name"], made["revoked_at"]) == ("rater", "Ada", None)
    listed = call("keys", "list", "--json")
    assert listed.document["keys"] == [{name: value for name, value in made.items() if name != "key"}]
    assert made["key"] not in listed.out
    assert made["key"] not in call("keys", "list").out


def test_a_key_is_a_members_unless_said_otherwise(call: Call) -> None:
    assert call("keys", "create").out.splitlines()[1].startswith("  a key for a member, key_")


def test_a_revoked_key_stays_in_the_list(call: Call) -> None:
    key_id = call("keys", "create", "--json").document["id"]
    assert call("keys", "revoke", key_id).out.startswith(f"revoked {key_id}")
    assert call("keys", "list").out.splitlines()[1].split()[-1] == "revoked"


def test_an_empty_list_says_what_to_do(call: Call) -> None:
    assert call("keys", "list").out == "no keys yet: luthier keys create\n"


def test_mistakes_say_what_would_be_right(call: Call) -> None:
    assert "admin, member, rater" in call("keys", "create", "--role", "boss").err
    assert "no key of the id 'key_x'" in call("keys", "revoke", "key_x").err


def test_a_servers_keys_are_managed_from_elsewhere(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = build_api(tmp_path / "elsewhere")
    monkeypatch.setenv("LUTHIER_SERVER_KEY", api.key)
    with api.listen() as address:
        made = call("keys", "create", "--role", "rater", "--name", "Ada", "--server", address, "--json").document
        monkeypatch.setenv("LUTHIER_SERVER", address)
        with api.open_client(made["key"]) as client:
            assert client.get("/v1/models").status_code == 403
        revoked = call("keys", "revoke", made["id"], "--json").document
        listed = call("keys", "list", "--json").document["keys"]
        assert revoked == listed[0]
        assert {**revoked, "key": made["key"], "revoked_at": None} == made
        with api.open_client(made["key"]) as client:
            assert client.get("/v1/models").status_code == 401
        assert call("keys", "create", "--role", "boss").code == 2
        monkeypatch.setenv("LUTHIER_SERVER_KEY", api.create_key("member"))
        assert "needs 'admin'" in call("keys", "create").err
    monkeypatch.delenv("LUTHIER_SERVER")
    assert call("keys", "list", "--json").document["keys"] == []
    api.home.database.close()
