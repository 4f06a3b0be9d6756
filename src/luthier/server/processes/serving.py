"""Options of `luthier serve` become a running server: a socket, a key, and three processes under a supervisor."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import socket
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import InvalidConfig, MachineError
from luthier.models.public_names import PublicNames
from luthier.pipeline.keys import ensure_own_key
from luthier.pipeline.own_servers import note_server
from luthier.server.logs import configure_logging
from luthier.server.processes.assignment import Assignment, build_command
from luthier.server.processes.part import Part
from luthier.server.processes.supervisor import Supervisor
from luthier.settings import build_environment
from luthier.store.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from luthier.pipeline.engines import EngineKind
    from luthier.pipeline.keys import OwnKey

MARGIN_SECONDS = 10.0
"""For a process to end after what it was given time for, before it is ended by force."""

STOP_TRAINING_SECONDS = 30.0
"""As long as a worker lets training take for its last checkpoint."""

BACKLOG = 2048


class ServeOptions(NamedTuple):
    """`aliases` are added to those of the settings; `port` 0 takes any that is free."""

    host: str = "127.0.0.1"
    port: int = 8000
    aliases: Mapping[str, str] = {}
    engine: EngineKind = "torch"
    is_behind_proxy: bool = False


class Serving(NamedTuple):
    """`url` is what an OpenAI client takes as base_url."""

    url: str
    key: OwnKey


def serve(home: Home, options: ServeOptions, *, announce: Callable[[Serving], None]) -> None:
    """Until SIGTERM or Ctrl-C; `announce` is called when the server answers.

    Raises InvalidConfig for a host that the whole network could reach without encryption or an alias that leads
    nowhere, MachineError for an address that is taken, and ProcessLost when a process cannot start.
    """
    refuse_open_host(options)
    aliases = {**home.settings.aliases, **options.aliases}
    home = Home(home.settings.model_copy(update={"aliases": aliases}))
    PublicNames(home).check_aliases()
    configure_logging("supervisor")
    with TemporaryDirectory(prefix="luthier-") as folder, open_listener(options.host, options.port) as listener:
        key = ensure_own_key(home)  # not before, for it is shown once, by a server that answers
        home.database.close()
        supervisor = Supervisor(build_parts(home, options, listener, socket_path=Path(folder) / "engine"))
        serving = Serving(f"{_describe_address(listener)}/v1", key)
        with note_server(home, serving.url):
            supervisor.run(on_ready=lambda: announce(serving), on_stop=listener.close)


def refuse_open_host(options: ServeOptions) -> None:
    if options.is_behind_proxy or _is_loopback(options.host):
        return
    raise InvalidConfig(
        f"{options.host} can be reached from other machines, and keys would cross the network in the clear",
        hint="put a proxy with TLS before the server and add --behind-proxy, or leave --host out",
    )


def open_listener(host: str, port: int) -> socket.socket:
    """It stays open while processes that answer on it come and go, so that nobody is turned away meanwhile."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason, hint = _explain_taken_address(error)
        raise MachineError(f"cannot listen on {host}, port {port}: {reason}", hint=hint) from error


def build_parts(home: Home, options: ServeOptions, listener: socket.socket, *, socket_path: Path) -> list[Part]:
    """The engine is asked to end last: answers that have begun come from it."""
    settings = home.settings
    environment = build_environment(
        {"LUTHIER_HOME": str(settings.home_path), "LUTHIER_ALIASES": json.dumps(settings.aliases)}
    )

    def build(module: str, ready_fd: int) -> list[str]:
        assignment = Assignment(
            ready_fd,
            str(socket_path),
            listener_fd=listener.fileno(),
            engine=options.engine,
            own_hosts=() if _is_wildcard(options.host) else (options.host,),
            is_behind_proxy=options.is_behind_proxy,
        )
        return build_command(f"luthier.server.processes.{module}", assignment)

    drain = settings.drain_seconds + MARGIN_SECONDS
    return [
        Part("engine", partial(build, "engine"), environment, stage=2, patience_seconds=MARGIN_SECONDS),
        Part("api", partial(build, "api"), environment, stage=1, patience_seconds=drain, kept_fds=(listener.fileno(),)),
        Part(
            "worker",
            partial(build, "worker"),
            environment,
            stage=1,
            patience_seconds=STOP_TRAINING_SECONDS + MARGIN_SECONDS,
        ),
    ]


def _explain_taken_address(error: OSError | OverflowError) -> tuple[str, str]:
    """Why, and what to do. `create_server` puts the address into its errors, which our own message names already."""
    number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
    reason = (os.strerror(number) if number else getattr(error, "strerror", None) or str(error)).lower()
    if number in (errno.EADDRINUSE, errno.EACCES):
        return reason, "another program may use the port: choose one with --port, or 0 for any that is free"
    return reason, "give --host an address of this machine"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_wildcard(host: str) -> bool:
    return host in ("", "0.0.0.0", "::")


def _describe_address(listener: socket.socket) -> str:
    """By which this machine can call it."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
