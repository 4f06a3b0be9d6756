"""The secret of webhooks, and signatures that the official SDK accepts."""

from __future__ import annotations

import base64
import json
import re
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import openai
import pytest
from pydantic import SecretStr

from luthier.errors import InvalidConfig, StoreDamaged
from luthier.jobs.webhook_secret import load_secret, sign_event
from luthier.settings import Settings
from luthier.store.home import Home

if TYPE_CHECKING:
    from pathlib import Path


def test_a_secret_is_made_once_and_is_its_owners_alone(home: Home) -> None:
    secret = load_secret(home)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert load_secret(home) == secret
    kept = home.path / "keys" / "webhook_secret"
    assert kept.read_text() == secret + "\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [entry.name for entry in kept.parent.iterdir()] == ["webhook_secret"]


def test_all_who_ask_first_at_once_get_the_same(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: load_secret(home), range(8)))) == 1


def test_the_settings_secret_is_used_and_nothing_kept(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path, webhook_secret=SecretStr("my own")))
    assert load_secret(home) == "my own"
    assert not (tmp_path / "keys").exists()


def test_a_secret_that_is_no_base64_is_refused_without_being_told(tmp_path: Path) -> None:
    home = Home(Settings(home=tmp_path, webhook_secret=SecretStr("whsec_not base64!")))
    with pytest.raises(InvalidConfig) as caught:
        load_secret(home)
    assert "not base64!" not in f"{caught.value.message} {caught.value.hint}"


def test_a_file_that_holds_something_else_is_no_secret(home: Home) -> None:
    load_secret(home)
    (home.path / "keys" / "webhook_secret").write_text("")
    with pytest.raises(StoreDamaged):
        load_secret(home)


@pytest.mark.parametrize("secret", ["whsec_" + base64.b64encode(b"0123456789" * 3).decode(), "any text at all"])
def test_the_sdk_accepts_the_signature_and_no_changed_body(secret: str) -> None:
    now = int(time.time())
    event = {"id": "evt_1", "created_at": now, "type": "fine_tuning.job.failed", "data": {"id": "ftjob-1"}}
    body = json.dumps(event).encode()
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign_event(secret, id="evt_1", timestamp=now, body=body),
    }
    with openai.OpenAI(api_key="none", webhook_secret=secret) as client:
        assert client.webhooks.unwrap(body, headers).type == "fine_tuning.job.failed"
        with pytest.raises(openai.InvalidWebhookSignatureError):
            client.webhooks.unwrap(body.replace(b"ftjob-1", b"ftjob-2"), headers)


def test_a_signature_is_the_one_of_the_published_example() -> None:
    """The example of the specification at www.standardwebhooks.com."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    found = sign_event(secret, id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
