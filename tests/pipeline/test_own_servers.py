"""The home's key is sent to the server of that home as long as it runs, and to nothing else that listens."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from luthier import pipeline
from luthier.errors import KeyRefused
from luthier.pipeline.own_servers import list_own_servers, note_server
from luthier.pipeline.servers import find_key
from luthier.store.locks import locked

if TYPE_CHECKING:
    from luthier.store.home import Home

URL = "http://127.0.0.1:8123/v1"
NOTE = """
import sys
from luthier.pipeline.own_servers import note_server
from luthier.settings import Settings
from luthier.store.home import Home
with note_server(Home(Settings(home=sys.argv[1])), sys.argv[2]):
    print("noted", flush=True)
    sys.stdin.read()
"""


def test_the_key_goes_to_the_server_of_this_home_while_it_runs(home: Home) -> None:
    own = pipeline.ensure_own_key(home)
    with note_server(home, URL):
        assert find_key(URL, home.settings).get_secret_value() == own.secret
        assert find_key("http://127.0.0.1:8123", home.settings).get_secret_value() == own.secret
    with pytest.raises(KeyRefused):
        find_key(URL, home.settings)
    assert list(home.keys.iterdir()) == [own.path]


@pytest.mark.parametrize("address", ["http://127.0.0.1:8124", "http://localhost:8123", "http://[::1]:8123"])
def test_another_address_of_this_machine_gets_no_key(home: Home, address: str) -> None:
    """`localhost` may be ::1, where somebody else listens."""
    pipeline.ensure_own_key(home)
    with note_server(home, URL), pytest.raises(KeyRefused) as caught:
        find_key(address, home.settings)
    assert "http://127.0.0.1:8123" in caught.value.hint


def test_after_a_server_was_killed_its_address_is_anybodys(home: Home) -> None:
    command = [sys.executable, "-c", NOTE, str(home.path), URL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "noted\n"
        assert list_own_servers(home.settings) == ["http://127.0.0.1:8123"]
        (note,) = home.keys.glob("serving-*")
        assert stat.S_IMODE(note.stat().st_mode) == 0o600
        server.kill()
    assert note.exists()
    assert list_own_servers(home.settings) == []
    with note_server(home, "http://127.0.0.1:8200/v1"):
        assert not note.exists()


@pytest.mark.parametrize(
    "text", ["", "[]", json.dumps({"origin": "http://127.0.0.1:8123", "machine": ["far", "away"]})]
)
def test_a_note_of_another_machine_or_without_sense_counts_for_nothing(home: Home, text: str) -> None:
    path = home.keys / "serving-0.json"
    path.write_text(text)
    with locked(path):
        assert list_own_servers(home.settings) == []
