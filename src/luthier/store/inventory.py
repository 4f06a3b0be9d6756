"""A name, id or beginning of a fingerprint becomes all that is kept about what it stands for, down to the raw data."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from luthier.store.catalog import find_artefact, get_run, parents_of

if TYPE_CHECKING:
    from luthier.store.catalog import Artefact, RunRecord
    from luthier.store.database import Database


def describe_kept(db: Database, name: str) -> dict[str, Any]:
    """Everything as JSON: what was kept, the state of the run if it is one, and what it was made from.

    Times are ISO 8601 in UTC. Raises UnknownArtefact with the nearest names of all that is kept.
    """
    artefact = find_artefact(db, name)
    run = _describe(get_run(db, artefact.name)) if artefact.kind == "run" else None
    return {**_describe(artefact), "run": run, "lineage": trace_lineage(db, artefact)}


def trace_lineage(db: Database, artefact: Artefact) -> list[dict[str, str]]:
    """The ancestors, each once and the nearest first."""
    lineage: dict[str, dict[str, str]] = {}
    waiting = parents_of(db, artefact.fingerprint)
    while waiting:
        parent = waiting.pop(0)
        lineage[parent.fingerprint] = {
            "kind": parent.kind,
            "name": parent.name,
            "fingerprint": parent.fingerprint,
        }
        waiting += [near for near in parents_of(db, parent.fingerprint) if near.fingerprint not in lineage]
    return list(lineage.values())


def _describe(record: Artefact | RunRecord) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(record).items()}
