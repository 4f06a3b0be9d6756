"""API keys become plain text for people, or documents for --json; the key itself is in the one of a new key alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.cli.render import format_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.store.keys import Key, NewKey


def describe_new_key(made: NewKey) -> dict[str, Any]:
    return {"key": made.secret, **describe_key(made.key)}


def describe_key(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "ending": key.ending,
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }


def render_new_key(made: NewKey) -> str:
    return f"{made.secret}\n  a key for a {made.key.role}, {made.key.id}; keep it now, for it is shown this once"


def render_keys(keys: Sequence[Key]) -> str:
    if not keys:
        return "no keys yet: luthier keys create"
    rows = [("id", "role", "ends in", "made", "state", "name")]
    rows += [
        (
            key.id,
            key.role,
            key.ending,
            f"{key.created_at:%Y-%m-%d %H:%M}",
            "revoked" if key.revoked_at else "valid",
            key.name,
        )
        for key in keys
    ]
    return format_table(rows)
