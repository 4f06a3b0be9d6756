"""What `luthier serve` is asked is checked before anything starts."""

from __future__ import annotations

import socket
import sys

import pytest

from luthier.errors import InvalidConfig, MachineError
from luthier.server.processes.assignment import Assignment, build_command, read_assignment
from luthier.server.processes.serving import ServeOptions, open_listener, refuse_open_host, serve
from luthier.settings import Settings
from luthier.store.home import Home


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"])
def test_this_machine_may_always_call(host: str) -> None:
    refuse_open_host(ServeOptions(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.example.org"])
def test_others_may_call_only_through_a_proxy(host: str) -> None:
    with pytest.raises(InvalidConfig, match="in the clear") as caught:
        refuse_open_host(ServeOptions(host=host))
    assert "--behind-proxy" in caught.value.hint
    refuse_open_host(ServeOptions(host=host, is_behind_proxy=True))


def test_a_port_that_is_taken_is_said_to_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MachineError, match=rf"cannot listen on 127.0.0.1, port {port}: .*in use$") as caught:
            open_listener("127.0.0.1", port)
    assert "--port" in caught.value.hint


def test_an_address_of_another_machine_is_not_blamed_on_the_port() -> None:
    with pytest.raises(MachineError, match=r"cannot listen on 203\.0\.113\.1, port 0: .*assign") as caught:
        open_listener("203.0.113.1", 0)
    assert "--host" in caught.value.hint


def test_a_server_that_finds_its_port_taken_makes_no_key_that_nobody_would_see(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(MachineError, match="in use"):
        serve(home, ServeOptions(port=taken.getsockname()[1]), announce=lambda serving: None)
    assert not (home.path / "keys" / "admin.key").exists()


def test_an_address_that_is_none_is_said_to_be() -> None:
    with pytest.raises(MachineError, match=r"cannot listen on 256\.1\.1\.1"):
        open_listener("256.1.1.1", 0)


def test_an_alias_that_leads_nowhere_shows_at_the_start(home: Home) -> None:
    with pytest.raises(InvalidConfig, match="gpt-x"):
        serve(home, ServeOptions(port=0, aliases={"gpt-x": "no-such-model"}), announce=lambda serving: None)


def test_a_wrong_alias_of_the_settings_shows_as_well(home: Home) -> None:
    home = Home(Settings(home=home.path, aliases={"gpt-x": "no-such-model"}))
    with pytest.raises(InvalidConfig, match="gpt-x"):
        serve(home, ServeOptions(port=0), announce=lambda serving: None)


def test_what_a_process_is_told_reaches_it_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assignment = Assignment(3, "/a b/'c'\n", listener_fd=4, engine="vllm", own_hosts=("é",), is_behind_proxy=True)
    command = build_command("luthier.server.processes.api", assignment)
    monkeypatch.setattr(sys, "argv", ["api", command[-1]])
    assert read_assignment() == assignment
