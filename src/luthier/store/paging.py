"""A long list becomes pages: rows in an order that no new row disturbs, from after the one that was seen last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from sqlalchemy import tuple_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from luthier.store.tables import Table

Item = TypeVar("Item")
Row = TypeVar("Row", bound="Table")


class Page(NamedTuple, Generic[Item]):
    """`has_more` says whether other rows come after these."""

    items: list[Item]
    has_more: bool


class Span(NamedTuple, Generic[Row]):
    """Which part of a list is asked for: `limit` rows after the row `after`, or from the start."""

    limit: int
    after: Row | None = None
    is_descending: bool = True


def read_page(
    session: Session, query: Select[Row], order: Sequence[InstrumentedAttribute[object]], span: Span[Row]
) -> Page[Row]:
    """`order` are columns of the row that no two rows share all of, such as created_at and id."""
    if span.after is not None:
        query = query.where(_lies_beyond(order, span.after, is_descending=span.is_descending))
    ordered = query.order_by(*(column.desc() if span.is_descending else column.asc() for column in order))
    rows = list(session.scalars(ordered.limit(span.limit + 1)))
    return Page(rows[: span.limit], len(rows) > span.limit)


def _lies_beyond(
    order: Sequence[InstrumentedAttribute[object]], row: Table, *, is_descending: bool
) -> ColumnElement[bool]:
    mine = tuple_(*order)
    theirs = tuple_(*(column.__get__(row, type(row)) for column in order))
    return mine < theirs if is_descending else mine > theirs
