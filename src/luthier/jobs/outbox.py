"""Events that a webhook has to be told wait in the database until they were delivered, whoever is killed meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import delete, select

from luthier.store.ids import new_id
from luthier.store.tables import WebhookDeliveryRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from luthier.store.database import Database

WebhookType = Literal[
    "fine_tuning.job.succeeded",
    "fine_tuning.job.failed",
    "fine_tuning.job.cancelled",
    "eval.run.succeeded",
    "eval.run.failed",
    "eval.run.canceled",
]

LIFETIME = timedelta(hours=72)  # as long as OpenAI tries
REMEMBERED = timedelta(days=30)  # so that somebody can see why an event was not heard


class Delivery(NamedTuple):
    """`tries` counts this one too; `event` is the body in OpenAI's form."""

    id: str
    event: dict[str, Any]
    tries: int


def announce_event(session: Session, *, type: WebhookType, subject_id: str, now: datetime) -> None:
    """Part of the transaction that makes it true: either both are kept, or neither. Forgets what is long past."""
    session.execute(delete(WebhookDeliveryRow).where(WebhookDeliveryRow.created_at < now - REMEMBERED))
    id = new_id("evt_", now)
    event = {
        "id": id,
        "object": "event",
        "created_at": int(now.timestamp()),
        "type": type,
        "data": {"id": subject_id},
    }
    session.add(WebhookDeliveryRow(id=id, event=event, created_at=now, tries=0, next_try_at=now))


def claim_delivery(db: Database, *, hold_seconds: float) -> Delivery | None:
    """The one that has been due for longest, which nobody else gets for `hold_seconds`; None when none is due.

    Without `note_delivered` or `put_off` it is due again after that. One that is too old is given up.
    """
    now = db.clock()
    with db.session() as session:
        give_up = WebhookDeliveryRow.created_at < now - LIFETIME
        due = select(WebhookDeliveryRow).where(WebhookDeliveryRow.next_try_at <= now)
        due = due.order_by(WebhookDeliveryRow.next_try_at, WebhookDeliveryRow.id).limit(1)
        for old in session.scalars(due.where(give_up).limit(100).with_for_update(skip_locked=True)):
            old.next_try_at = None
        row = session.scalar(due.where(~give_up).with_for_update(skip_locked=True))
        if row is None:
            return None
        row.tries += 1
        row.next_try_at = now + timedelta(seconds=hold_seconds)
        return Delivery(row.id, row.event, row.tries)


def note_delivered(db: Database, id: str) -> None:
    with db.session() as session:
        row = session.get_one(WebhookDeliveryRow, id)
        row.delivered_at, row.next_try_at, row.last_error = db.clock(), None, None


def put_off(db: Database, id: str, *, error: str, seconds: float) -> None:
    """Says why it could not be delivered, and when to try again."""
    now = db.clock()
    with db.session() as session:
        row = session.get_one(WebhookDeliveryRow, id)
        if row.delivered_at is None:
            row.last_error, row.next_try_at = error, now + timedelta(seconds=seconds)
