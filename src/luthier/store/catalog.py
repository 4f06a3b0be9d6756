"""What the other rooms keep and find again: artefacts and their parents, runs, registered models."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sqlalchemy import select, union

from luthier.errors import NameTaken, UnknownArtefact, UnknownModel, did_you_mean
from luthier.store.tables import ArtefactParentRow, ArtefactRow, ModelRow, RunRow, Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from luthier.store.database import Database

RunStatus = Literal["running", "interrupted", "failed", "succeeded"]

SHORTEST_PREFIX = 6
FINISHED = frozenset({"failed", "succeeded"})


@dataclass(frozen=True, slots=True)
class Artefact:
    """`manifest` says how it was made; `fingerprint` is the SHA-256 of that."""

    fingerprint: str
    kind: str
    name: str
    manifest: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RunRecord:
    """`finished_at` is None until the run failed or succeeded; an interrupted one can be taken up again."""

    id: str
    name: str
    base: str
    status: RunStatus
    config: dict[str, Any]
    dataset_fingerprint: str
    model_name: str | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """`run_id` is None for a model that no run here has made."""

    name: str
    base: str
    run_id: str | None
    weights_hash: str
    card: dict[str, Any]
    created_at: datetime


Record = TypeVar("Record", Artefact, RunRecord, ModelRecord)


def keep_artefact(db: Database, *, kind: str, name: str, manifest: dict[str, Any], parents: Sequence[str] = ()) -> str:
    """The fingerprint of `manifest`, which equals `conversation.fingerprint_json` of it.

    What is kept already stays as it was, its name and parents too. Parents are fingerprints; raises
    UnknownArtefact for one that is not kept.
    """
    row = ArtefactRow(
        fingerprint=_fingerprint(manifest), kind=kind, name=name, manifest=manifest, created_at=db.clock()
    )
    with db.session() as session:
        _add_artefact(session, row, parents)
    return row.fingerprint


def find_artefact(db: Database, id_or_name: str) -> Artefact:
    """By fingerprint, else the latest of that name, else by the first 6 digits or more of one fingerprint.

    Raises UnknownArtefact with the nearest names, or with the fingerprints that share the beginning.
    """
    with db.reading() as session:
        row = session.get(ArtefactRow, id_or_name)
        row = row or session.scalar(_artefacts().where(ArtefactRow.name == id_or_name).limit(1))
        row = row or _find_by_prefix(session, id_or_name)
        if row is None:
            # A person may well mean a run or a model, so their names are offered too.
            names = session.scalars(union(*(select(table.name) for table in (ArtefactRow, RunRow, ModelRow))))
            raise UnknownArtefact(f"nothing is kept under {id_or_name!r}", hint=did_you_mean(id_or_name, names))
        return _record(Artefact, row)


def list_artefacts(db: Database, kind: str) -> list[Artefact]:
    """The latest first."""
    with db.reading() as session:
        rows = session.scalars(_artefacts().where(ArtefactRow.kind == kind))
        return [_record(Artefact, row) for row in rows]


def parents_of(db: Database, fingerprint: str) -> list[Artefact]:
    """The latest first; empty for an artefact that was made from nothing kept here."""
    link = ArtefactParentRow
    with db.reading() as session:
        rows = session.scalars(
            _artefacts().join(link, link.parent == ArtefactRow.fingerprint).where(link.child == fingerprint)
        )
        return [_record(Artefact, row) for row in rows]


def start_run(
    db: Database, *, id: str, name: str, base: str, config: dict[str, Any], dataset_fingerprint: str
) -> RunRecord:
    """Says that the run is `running`, whether it is new or taken up again; then the first record stands."""
    with db.session() as session:
        row = session.get(RunRow, id)
        if row is None:
            row = RunRow(
                id=id,
                name=name,
                base=base,
                config=config,
                dataset_fingerprint=dataset_fingerprint,
                created_at=db.clock(),
            )
            session.add(row)
        row.status, row.error, row.finished_at = "running", None, None
        session.flush()
        return _record(RunRecord, row)


def end_run(
    db: Database,
    id: str,
    *,
    status: Literal["interrupted", "failed", "succeeded"],
    error: str | None = None,
    model_name: str | None = None,
) -> RunRecord:
    """Says how the run ended, why, and which model came of it. Raises UnknownArtefact."""
    with db.session() as session:
        row = _find_run(session, id)
        row.status, row.error, row.model_name = status, error, model_name
        row.finished_at = db.clock() if status in FINISHED else None
        return _record(RunRecord, row)


def get_run(db: Database, id_or_name: str) -> RunRecord:
    """By id, else the latest of that name. Raises UnknownArtefact with the nearest names."""
    with db.reading() as session:
        return _record(RunRecord, _find_run(session, id_or_name))


def list_runs(db: Database) -> list[RunRecord]:
    """The latest first."""
    with db.reading() as session:
        rows = session.scalars(select(RunRow).order_by(RunRow.created_at.desc(), RunRow.id))
        return [_record(RunRecord, row) for row in rows]


def register_model(
    db: Database,
    *,
    name: str,
    base: str,
    run_id: str | None,
    weights_hash: str,
    card: dict[str, Any],
    parent: str | None = None,
) -> ModelRecord:
    """Gives the weights a name for good. Raises NameTaken when it belongs to others already.

    A repeat with the same run and weights changes nothing, so that a run killed right after it can finish. `parent` is
    the fingerprint of what has made it: with it the model becomes an artefact too, and the run whose own name this is
    has succeeded, all of it or nothing. Raises UnknownArtefact when the parent is not kept.
    """
    with db.session() as session:
        row = session.get(ModelRow, name)
        if row is None:
            row = ModelRow(
                name=name,
                base=base,
                run_id=run_id,
                weights_hash=weights_hash,
                card=card,
                created_at=db.clock(),
            )
            session.add(row)
            session.flush()
        elif (row.run_id, row.weights_hash) != (run_id, weights_hash):
            raise NameTaken(f"a model named {name!r} exists already", hint="choose another name")
        if parent is not None:
            _conclude(session, row, parent, now=db.clock())
        return _record(ModelRecord, row)


def get_model(db: Database, name: str) -> ModelRecord:
    """Raises UnknownModel with the nearest names."""
    with db.reading() as session:
        row = session.get(ModelRow, name)
        if row is None:
            hint = did_you_mean(name, session.scalars(select(ModelRow.name)))
            raise UnknownModel(f"no model is named {name!r}", hint=hint)
        return _record(ModelRecord, row)


def list_models(db: Database) -> list[ModelRecord]:
    """The latest first."""
    with db.reading() as session:
        rows = session.scalars(select(ModelRow).order_by(ModelRow.created_at.desc(), ModelRow.name))
        return [_record(ModelRecord, row) for row in rows]


def _conclude(session: Session, model: ModelRow, parent: str, *, now: datetime) -> None:
    card = model.card
    artefact = ArtefactRow(fingerprint=_fingerprint(card), kind="model", name=model.name, manifest=card, created_at=now)
    _add_artefact(session, artefact, [parent])
    run = None if model.run_id is None else session.get(RunRow, model.run_id)
    if run is not None and run.name == model.name:
        run.status, run.error, run.model_name, run.finished_at = "succeeded", None, model.name, now


def _add_artefact(session: Session, row: ArtefactRow, parents: Sequence[str]) -> None:
    if session.get(ArtefactRow, row.fingerprint) is not None:
        return
    known = session.scalars(select(ArtefactRow.fingerprint).where(ArtefactRow.fingerprint.in_(parents)))
    if missing := set(parents) - set(known):
        message = f"{row.kind} {row.name!r}: its parent {min(missing)!r} is not kept"
        raise UnknownArtefact(message, hint="keep the parent first")
    session.add(row)
    session.flush()
    session.add_all(ArtefactParentRow(child=row.fingerprint, parent=parent) for parent in set(parents))


def _fingerprint(manifest: dict[str, Any]) -> str:
    """A copy of `fingerprint_json`, because the store knows nothing of conversations; a test compares."""
    text = json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _artefacts() -> Select[ArtefactRow]:
    return select(ArtefactRow).order_by(ArtefactRow.created_at.desc(), ArtefactRow.fingerprint)


def _find_by_prefix(session: Session, prefix: str) -> ArtefactRow | None:
    if not re.fullmatch(f"[0-9a-f]{{{SHORTEST_PREFIX},64}}", prefix):
        return None
    rows = session.scalars(_artefacts().where(ArtefactRow.fingerprint.startswith(prefix))).all()
    if len(rows) > 1:
        matches = ", ".join(f"{row.fingerprint[:16]} ({row.name})" for row in rows)
        raise UnknownArtefact(f"{len(rows)} artefacts begin with {prefix!r}", hint=f"write more of it: {matches}")
    return rows[0] if rows else None


def _find_run(session: Session, id_or_name: str) -> RunRow:
    latest = select(RunRow).where(RunRow.name == id_or_name).order_by(RunRow.created_at.desc(), RunRow.id)
    row = session.get(RunRow, id_or_name) or session.scalar(latest.limit(1))
    if row is None:
        hint = did_you_mean(id_or_name, session.scalars(select(RunRow.name).distinct()))
        raise UnknownArtefact(f"no run is called {id_or_name!r}", hint=hint)
    return row


def _record(kind: type[Record], row: Table) -> Record:
    return kind(**{field.name: getattr(row, field.name) for field in fields(kind)})
