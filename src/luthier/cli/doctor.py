"""`luthier doctor`: whether this machine has what Luthier needs."""

from __future__ import annotations

from luthier.cli import output
from luthier.cli.options import AsJson


def doctor(as_json: AsJson = False) -> None:
    """Look over this installation.

    Checks Python, home folder, disk, memory, database, libraries and base models. The exit code is 3 when
    a check fails.
    """
    from luthier.cli.render import render_checks
    from luthier.doctor import examine_machine
    from luthier.settings import load_settings

    with output.working("looking over this machine"):
        checks = examine_machine(load_settings())
    output.emit({"checks": [check._asdict() for check in checks]}, render_checks(checks), as_json=as_json)
    if any(check.status == "fail" for check in checks):
        output.leave(output.MACHINE)
