"""What a run takes its items from, read to the end before the first question: each row whole and as its eval says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from luthier.errors import InvalidRequest
from luthier.jobs.evals.hold import SourceRow
from luthier.pipeline.evals.item_schema import ItemSchema
from luthier.store.completions import CompletionQuery, list_completions
from luthier.store.user_files.shelf import find_content_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from luthier.store.completions import KeptCompletion
    from luthier.store.eval_runs import EvalRun
    from luthier.store.evals import Eval
    from luthier.store.home import Home

MOST_ITEMS = 100_000
LONGEST_LINE = 8 * 2**20  # bytes
PAGE = 100
NO_ROWS_HINT = "give at least one row"


def read_source(home: Home, eval: Eval, run: EvalRun) -> list[SourceRow]:
    """Raises InvalidRequest that names the row or line; UnknownFile; StoreDamaged for a content that is gone."""
    source = run.data_source["source"]
    config = eval.data_source_config
    match source["type"]:
        case "file_content":
            rows = list_rows(SourceRow(row["item"], row.get("sample")) for row in source["content"])
        case "file_id":
            rows = list_rows(_read_lines(find_content_path(home, source["id"])))
        case _:
            filters = {**(config.get("metadata") or {}), **(source.get("metadata") or {})}
            rows = list_rows(_find_completions(home, {**source, "metadata": filters}))
    check_rows(config, rows)
    return rows


def list_rows(rows: Iterable[SourceRow]) -> list[SourceRow]:
    """Raises InvalidRequest for no row, and for more than a run may have."""
    listed = []
    for row in rows:
        listed.append(row)
        if len(listed) > MOST_ITEMS:
            raise InvalidRequest(f"the source has more than {MOST_ITEMS:,} items", hint="make several runs of it")
    if not listed:
        raise InvalidRequest("the source has no items", hint=NO_ROWS_HINT)
    return listed


def check_rows(config: dict[str, Any], rows: Iterable[SourceRow]) -> None:
    """Raises InvalidRequest for the first that its eval's schema does not allow."""
    if config["type"] != "custom":
        return
    schema = ItemSchema(config["item_schema"])
    for number, row in enumerate(rows):
        problem = schema.find_problem(row.item)
        if problem is not None:
            raise InvalidRequest(f"item {number} {problem}", hint="items count from 0")


def read_completion(kept: KeptCompletion) -> SourceRow:
    """`item.input` are the messages that were asked; the answer that was stored is the sample."""
    item = {
        "input": kept.request["messages"],
        "id": kept.id,
        "model": kept.model,
        "created_at": int(kept.created_at.timestamp()),
        "metadata": kept.metadata or {},
        "tools": kept.request.get("tools"),
        "response_format": kept.request.get("response_format"),
    }
    return SourceRow(item, {"choices": kept.response["choices"], "model": kept.model})


def _read_lines(path: Path) -> Iterator[SourceRow]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), start=1):
            if len(line) > LONGEST_LINE:
                raise InvalidRequest(f"line {number} of the file is longer than {LONGEST_LINE:,} bytes")
            if line.strip():
                yield _read_line(number, line)


def _read_line(number: int, line: bytes) -> SourceRow:
    try:
        row = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"line {number} of the file is no JSON", hint="a file of items is JSON Lines") from error
    item, sample = (row.get("item"), row.get("sample")) if isinstance(row, dict) else (None, None)
    if not isinstance(item, dict) or not isinstance(sample, dict | None):
        hint = 'write each line as {"item": {...}}, with a "sample" beside it where there is an answer already'
        raise InvalidRequest(f"line {number} of the file holds no item", hint=hint)
    return SourceRow(item, sample)


def _find_completions(home: Home, source: dict[str, Any]) -> Iterator[SourceRow]:
    """Those that were stored until now, the earliest first."""
    limit = source.get("limit") or MOST_ITEMS + 1
    after = None
    count = 0
    while count < limit:
        query = CompletionQuery(
            limit=min(PAGE, limit - count),
            after=after,
            model=source.get("model"),
            metadata=source["metadata"],
            created_from=_read_moment(source.get("created_after")),
            created_until=_read_moment(source.get("created_before")),
        )
        page = list_completions(home.database, query)
        yield from map(read_completion, page.items)
        count += len(page.items)
        if not page.has_more:
            return
        after = page.items[-1].id


def _read_moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
