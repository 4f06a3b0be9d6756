"""`luthier keys`: who may use the server, and as what."""

from __future__ import annotations

from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, Server

RoleName = Annotated[
    str, typer.Option("--role", metavar="ROLE", help="admin may do all, member all but manage, rater only rate.")
]
KeyName = Annotated[str, typer.Option("--name", metavar="TEXT", help="Whom or what it is for, so that you know later.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `luthier keys list` shows it.")]


def create(role: RoleName = "member", name: KeyName = "", server: Server = None, as_json: AsJson = False) -> None:
    """Make a key for the server, and show it this once.

    A server that runs already takes it at once.
    """
    from luthier import pipeline
    from luthier.cli.render_keys import describe_new_key, render_new_key

    with pipeline.open_keys(server) as desk:
        made = desk.create_key(role, name=name)
    output.emit(describe_new_key(made), render_new_key(made), as_json=as_json)


def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the server's keys, revoked ones too; none of them is shown."""
    from luthier import pipeline
    from luthier.cli.render_keys import describe_key, render_keys

    with pipeline.open_keys(server) as desk:
        keys = desk.list_keys()
    output.emit({"keys": [describe_key(key) for key in keys]}, render_keys(keys), as_json=as_json)


def revoke(key_id: KeyId, server: Server = None, as_json: AsJson = False) -> None:
    """Take a key back: when this returns, no server takes it any more."""
    from luthier import pipeline
    from luthier.cli.render_keys import describe_key

    with pipeline.open_keys(server) as desk:
        key = desk.revoke_key(key_id)
    output.emit(describe_key(key), f"revoked {key.id}, which ended in {key.ending}", as_json=as_json)
