"""API keys are made, told apart by their digest, and taken back; what is kept cannot be turned into a key again."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from sqlalchemy import select

from luthier.errors import UnknownArtefact, did_you_mean
from luthier.store.ids import new_id
from luthier.store.tables import KeyRow

if TYPE_CHECKING:
    from datetime import datetime

    from luthier.store.database import Database

Role = Literal["rater", "member", "admin"]
"""Each may do all that those before it may."""

ROLES: tuple[Role, ...] = get_args(Role)

PREFIX = "sk-luthier-"
SECRET_BYTES = 32  # too many to guess, so that a plain hash without salt or rounds keeps them safe
ENDING_CHARACTERS = 4


@dataclass(frozen=True, slots=True)
class Key:
    """`ending` are the key's last characters, by which its owner knows it again."""

    id: str
    name: str
    role: Role
    ending: str
    created_at: datetime
    revoked_at: datetime | None


class NewKey(NamedTuple):
    """`secret` is the key itself, which is told this once and kept nowhere."""

    secret: str
    key: Key


REMEMBERED_SECONDS = 1.0
"""How long a server may take a key for valid without asking: one that was revoked so long ago works nowhere."""


def create_key(db: Database, role: Role, *, name: str = "") -> NewKey:
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    row = KeyRow(
        id=new_id("key_", now := db.clock()),
        name=name,
        role=role,
        digest=digest_key(secret),
        ending=secret[-ENDING_CHARACTERS:],
        created_at=now,
        revoked_at=None,
    )
    with db.session() as session:
        session.add(row)
    return NewKey(secret, _read(row))


def find_key(db: Database, secret: str) -> Key | None:
    """The key that this is, unless it was revoked."""
    digest = digest_key(secret)
    with db.reading() as session:
        row = session.scalar(select(KeyRow).where(KeyRow.digest == digest, KeyRow.revoked_at.is_(None)))
    # An index finds a digest in a time that depends on it, which tells nothing about the key that it was made of.
    return _read(row) if row is not None and hmac.compare_digest(row.digest, digest) else None


def list_keys(db: Database) -> list[Key]:
    """The latest first, revoked ones among them."""
    with db.reading() as session:
        return [_read(row) for row in session.scalars(select(KeyRow).order_by(KeyRow.id.desc()))]


def revoke_key(db: Database, key_id: str) -> Key:
    """One that was revoked before stays so. Raises UnknownArtefact."""
    with db.session() as session:
        row = session.get(KeyRow, key_id)
        if row is None:
            known = session.scalars(select(KeyRow.id))
            raise UnknownArtefact(f"no key of the id {key_id!r}", hint=did_you_mean(key_id, known))
        row.revoked_at = row.revoked_at or db.clock()
        return _read(row)


def digest_key(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _read(row: KeyRow) -> Key:
    role = next(role for role in ROLES if role == row.role)
    return Key(row.id, row.name, role, row.ending, row.created_at, row.revoked_at)
