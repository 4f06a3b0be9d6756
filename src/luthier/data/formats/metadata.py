"""What a format has no place for goes to the object `metadata` of a row, so that nothing is lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.data.formats.format import UnreadableRow

if TYPE_CHECKING:
    from collections.abc import Collection


def add_metadata(row: dict[str, Any], fields: dict[str, Any], *, used: Collection[str]) -> dict[str, Any]:
    """The row with those of the fields that were not used, nulls apart, in its metadata.

    Raises UnreadableRow when the metadata that is there already says something else under the same name.
    """
    own = fields.get("metadata")
    rest = {key: value for key, value in fields.items() if key not in used and key != "metadata" and value is not None}
    if not rest:
        return row if own is None else {**row, "metadata": own}
    if own is not None and not isinstance(own, dict):
        own = {"metadata": own}
    known = own or {}
    clash = next((key for key in rest if key in known and known[key] != rest[key]), None)
    if clash is not None:
        message = f"the key {clash!r} stands in the row and, with another value, in its metadata"
        raise UnreadableRow(message, hint="rename one of the two")
    return {**row, "metadata": {**known, **rest}}
