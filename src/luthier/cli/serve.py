"""`luthier serve`: the OpenAI API, the models behind it and a worker for fine-tuning jobs, until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, EngineKind
from luthier.errors import InvalidConfig

if TYPE_CHECKING:
    from luthier.server.processes.serving import Serving


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="NUMBER", min=0, max=65535, help="Port; 0 for any free one.")] = 8000,
    alias: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MODEL",
            help="Another name for a model, such as gpt-4o-mini-2024-07-18=smollm2-135m; may be repeated.",
        ),
    ] = None,
    engine: EngineKind = "torch",
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy", help="A proxy with TLS stands before the server, and nobody else can reach --host."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the OpenAI API, and work on fine-tuning jobs.

    It answers for the models of this machine. Its address is printed when it answers, and at the first start a key
    too. Ctrl-C lets answers that have begun end and training keep a checkpoint; a second one ends everything at once.
    """
    from luthier import pipeline
    from luthier.server.processes.serving import ServeOptions, serve

    options = ServeOptions(host, port, read_aliases(alias or []), engine, behind_proxy)
    serve(pipeline.open_home(), options, announce=lambda serving: announce(serving, as_json=as_json))


def announce(serving: Serving, *, as_json: bool) -> None:
    key = serving.key
    document = {"url": serving.url, "key": key.secret if key.is_new else None, "key_file": str(key.path)}
    lines = [f"serving at {serving.url}"]
    if key.is_new:
        lines.append(f"key: {key.secret} (shown this once, and kept in {key.path})")
    else:
        lines.append(f"key: in {key.path}")
    output.emit(document, "\n".join(lines), as_json=as_json)


def read_aliases(words: list[str]) -> dict[str, str]:
    """Raises InvalidConfig for what is not of the form NAME=MODEL."""
    aliases: dict[str, str] = {}
    for word in words:
        name, _, model = word.partition("=")
        if not (name and model):
            raise InvalidConfig(f"--alias {word!r} is no alias", hint="write --alias NAME=MODEL")
        aliases[name] = model
    return aliases
