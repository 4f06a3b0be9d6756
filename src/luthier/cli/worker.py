"""`luthier worker`: one more machine, or one more process, that works on fine-tuning jobs, until Ctrl-C."""

from __future__ import annotations

from luthier.cli import output
from luthier.cli.options import AsJson


def worker(as_json: AsJson = False) -> None:
    """Work on the fine-tuning jobs of a server, until Ctrl-C.

    It shares the server's database and home folder. Ctrl-C lets training keep a checkpoint and gives its job back to
    the others. What is printed, when it begins to wait for jobs, is the database that it looks for them in.
    """
    from luthier import pipeline
    from luthier.pipeline.working import work
    from luthier.server.logs import configure_logging
    from luthier.server.processes.child import catch_stop

    home = pipeline.open_home()
    configure_logging("worker", shows_content=home.settings.logs_content)
    work(home, stop=catch_stop(), on_start=lambda: announce(home.database.place, as_json=as_json))


def announce(database: str, *, as_json: bool) -> None:
    output.emit({"database": database}, f"waiting for jobs in {database}", as_json=as_json)
