"""A webhook's secret, set or made once, and the signatures by which a receiver knows who sent an event."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

from luthier.errors import InvalidConfig, StoreDamaged
from luthier.store.files import translate_disk_errors

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.store.home import Home

PREFIX = "whsec_"
SECRET_BYTES = 32


def load_secret(home: Home) -> str:
    """From the settings, else from the home folder, where the first call of any process puts a new one.

    Raises InvalidConfig for one in the settings that cannot be used.
    """
    given = home.settings.webhook_secret.get_secret_value()
    if given:
        _read_key(given)
        return given
    return _keep_secret(home.path / "keys" / "webhook_secret")


def sign_event(secret: str, *, id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`, as www.standardwebhooks.com writes it."""
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    digest = hmac.new(_read_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _read_key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        hint = f"write {PREFIX} and base64 behind it, or leave it out and one is made"
        raise InvalidConfig("webhook_secret is no base64", hint=hint) from error


def _keep_secret(path: Path) -> str:
    with translate_disk_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _offer_secret(path)
        secret = path.read_text("ascii").strip()
    if not secret.startswith(PREFIX):
        raise StoreDamaged(f"{path} holds no webhook secret", hint="remove it, and a new one is made")
    return secret


def _offer_secret(path: Path) -> None:
    """Complete from the first moment, readable by its owner alone; one that another process offers first stands."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(PREFIX.encode() + base64.b64encode(secrets.token_bytes(SECRET_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink(missing_ok=True)
