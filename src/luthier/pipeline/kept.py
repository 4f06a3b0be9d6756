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

    Of a run, `rows` says which rows it used and which it left out; None for all else.
    """
    from luthier.store.inventory import describe_kept
    from luthier.training.ledger import read_ledger

    home = home or open_home()
    found = describe_kept(home.database, name)
    ledger = read_ledger(home.runs / found["name"]) if found["kind"] == "run" else None
    return {**found, "rows": asdict(ledger) if ledger else None}


def list_models(*, home: Home | None = None) -> list[ModelRecord]:
    """The tuned models, the latest first."""
    from luthier.store import catalog

    return catalog.list_models((home or open_home()).database)


def list_runs(*, home: Home | None = None) -> list[RunRecord]:
    """The latest first. One that was killed, and so could not say that it ended, counts as interrupted."""
    from luthier.store import catalog
    from luthier.store.locks import is_locked

    home = home or open_home()
    return [
        replace(run, status="interrupted") if run.status == "running" and not is_locked(home.lock_of(run.id)) else run
        for run in catalog.list_runs(home.database)
    ]


def list_bases(*, home: Home | None = None) -> dict[str, bool]:
    """The embedded bases, and whether each has been fetched."""
    from luthier.models.catalog import EMBEDDED_BASES, is_fetched

    home = home or open_home()
    return {name: is_fetched(home, name) for name in EMBEDDED_BASES}
