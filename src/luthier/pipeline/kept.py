"""What the home folder keeps: models, runs, bases, and where each came from."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from luthier.pipeline.home import open_home

if TYPE_CHECKING:
    from luthier.store.catalog import ModelRecord, RunRecord
    from luthier.store.home import Home


def show(name: str, *, home: Home | None = None) -> dict[str, Any]:
    """What is kept about a model, a run or any artefact, by name, id or the beginning of a fingerprint.

    Of a run, `rows` says which rows it used and which it left out, and `settings` where each came from; None for all
    else.
    """
    from luthier.store.inventory import describe_kept
    from luthier.store.published import find_published
    from luthier.training.ledger import read_ledger
    from luthier.training.planning.choices import read_choices

    home = home or open_home()
    published = find_published(home.database, name)
    found = describe_kept(home.database, published.model_name if published else name)
    if found["run"] and _was_killed(home, found["run"]["id"], found["run"]["status"]):
        found["run"]["status"] = "interrupted"
    if found["kind"] != "run":
        return {**found, "rows": None, "settings": None}
    ledger, choices = read_ledger(home.runs / found["name"]), read_choices(home.runs / found["name"])
    return {
        **found,
        "rows": asdict(ledger) if ledger else None,
        "settings": [choice._asdict() for choice in choices],
    }


def list_models(*, home: Home | None = None) -> list[ModelRecord]:
    """The tuned models, the latest first."""
    from luthier.store import catalog

    return catalog.list_models((home or open_home()).database)


def list_runs(*, home: Home | None = None) -> list[RunRecord]:
    """The latest first. One that was killed, and so could not say that it ended, counts as interrupted."""
    from luthier.store import catalog

    home = home or open_home()
    return [
        replace(run, status="interrupted") if _was_killed(home, run.id, run.status) else run
        for run in catalog.list_runs(home.database)
    ]


def list_bases(*, home: Home | None = None) -> dict[str, bool]:
    """The embedded bases, and whether each has been fetched."""
    from luthier.models.catalog import EMBEDDED_BASES, is_fetched

    home = home or open_home()
    return {name: is_fetched(home, name) for name in EMBEDDED_BASES}


def _was_killed(home: Home, run: str, status: str) -> bool:
    """Whether it could not say how it ended: it counts as at work, and no process holds its lock."""
    from luthier.store.locks import is_locked

    return status == "running" and not is_locked(home.lock_of(run))
