"""Versions of datasets and what changed between them become plain text for people, or documents for --json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.cli.render import FINGERPRINT_SHOWN, format_table
from luthier.data.labels import find_labels
from luthier.evaluation.wording import phrase_fraction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from luthier.data.dataset import Dataset, Example
    from luthier.data.difference import Change
    from luthier.data.versions import Addition, Version
    from luthier.pipeline.canaries import Planted
    from luthier.pipeline.versions import Comparison, VersionDetails

ROWS_SHOWN = 5
"""Of each kind of change."""

TEXT_SHOWN = 60
"""Characters of a prompt or an answer."""

LEAD_SHOWN = 20
"""Characters before the place where two texts begin to differ."""

LABELS_SHOWN = 10


def describe_version(version: Version) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.number,
        "rows": version.rows,
        "fingerprint": version.fingerprint,
        "source": version.source,
        "changes": version.changes,
        "artefact": version.artefact,
        "created_at": version.created_at.isoformat(),
    }


def describe_datasets(versions: Sequence[Version]) -> dict[str, Any]:
    return {
        "datasets": [describe_version(version) | {"versions": version.number} for version in _pick_latest(versions)]
    }


def describe_details(details: VersionDetails) -> dict[str, Any]:
    labels = find_labels(example.conversation.answer for example in details.rows.examples)
    return {
        **describe_version(details.version),
        "is_preference": details.rows.is_preference,
        "labels": {"field": labels.title, "counts": dict(labels.counts())} if labels else None,
        "models": details.models,
    }


def describe_comparison(comparison: Comparison) -> dict[str, Any]:
    difference = comparison.difference
    return {
        "old": comparison.old,
        "new": comparison.new,
        "counts": difference.counts,
        "is_reordered": difference.is_reordered,
        "added": [_describe_row(example) for example in difference.added],
        "removed": [_describe_row(example) for example in difference.removed],
        "changed": [
            {"parts": list(change.parts), "old": _describe_row(change.old), "new": _describe_row(change.new)}
            for change in difference.changed
        ],
    }


def render_addition(addition: Addition) -> str:
    version = addition.version
    if not addition.is_new:
        latest = "" if version == addition.latest else f"; the latest is {addition.latest.title}"
        return f"nothing to add: these rows are {version.title} already{latest}"
    changes = "" if version.number == 1 else f" ({_phrase_changes(version)} since {version.name}@{version.number - 1})"
    return (
        f"{version.title}: {_count_rows(version.rows)}{changes}, fingerprint {version.fingerprint[:FINGERPRINT_SHOWN]}"
    )


def render_datasets(versions: Sequence[Version]) -> str:
    if not versions:
        return "no datasets yet; `luthier data add FILE` keeps one"
    return format_table(
        [
            ("dataset", "latest", "rows", "made", "fingerprint"),
            *(
                (v.name, v.title, str(v.rows), _show_time(v.created_at), v.fingerprint[:FINGERPRINT_SHOWN])
                for v in _pick_latest(versions)
            ),
        ]
    )


def render_details(details: VersionDetails) -> str:
    version = details.version
    facts = [
        ("rows", f"{version.rows}{' pairs of answers' if details.rows.is_preference else ''}"),
        ("made", f"{_show_time(version.created_at)} from {version.source}"),
        (
            "since",
            f"{version.name}@{version.number - 1}: {_phrase_changes(version)}"
            if version.number > 1
            else "the first version",
        ),
        ("fingerprint", version.fingerprint),
        ("models", ", ".join(details.models) or "none was trained on it here"),
    ]
    return "\n".join(
        [version.title, format_table([(f"  {key}", value) for key, value in facts]), *_list_labels(details.rows)]
    )


def render_log(versions: Sequence[Version]) -> str:
    rows = [("version", "rows", "made", "changes", "from", "fingerprint")]
    for version in versions:
        changes = _phrase_changes(version) if version.number > 1 else "new"
        made = (version.title, str(version.rows), _show_time(version.created_at), changes)
        rows.append((*made, version.source, version.fingerprint[:FINGERPRINT_SHOWN]))
    return format_table(rows)


def render_comparison(comparison: Comparison, *, show_all: bool) -> str:
    difference = comparison.difference
    counts = ", ".join(f"{count} {kind}" for kind, count in difference.counts.items())
    parts = [f"{comparison.old} to {comparison.new}: {counts}"]
    if difference.is_reordered:
        parts.append("unchanged rows stand in another order")
    most = len(difference.added) + len(difference.removed) + len(difference.changed) if show_all else ROWS_SHOWN
    for kind, lines in _list_rows(comparison):
        if lines:
            more = f"  and {len(lines) - most} more; --all shows them" if len(lines) > most else ""
            parts += ["", kind, *lines[:most], *([more] if more else [])]
    return "\n".join(parts)


def _list_rows(comparison: Comparison) -> tuple[tuple[str, list[str]], ...]:
    old, new, difference = comparison
    return (
        (f"added, in {new}", [_show_row(example) for example in difference.added]),
        (f"removed, in {old}", [_show_row(example) for example in difference.removed]),
        ("changed", [_show_change(change) for change in difference.changed]),
    )


def _show_row(example: Example) -> str:
    prompt, answer = _last_question(example), _answer_text(example)
    return f"  line {example.line}: {_cut(prompt)} → {_cut(answer)}"


def _show_change(change: Change) -> str:
    """The parts that differ, from a little before the place where they begin to."""
    old, new, parts = change
    place = f"line {new.line}" if old.line == new.line else f"line {old.line}, now line {new.line}"
    texts = {"prompt": _prompt_text, "answer": _answer_text, "tools": _tools_text, "metadata": _extras_text}
    lines = [f"  {place}, {_cut(_last_question(new))}: other {' and '.join(parts)}"]
    for part in parts:
        one, other = texts[part](old), texts[part](new)
        start = max(0, _count_common(one, other) - LEAD_SHOWN)
        lines += [f"    - {_cut(one, start)}", f"    + {_cut(other, start)}"]
    return "\n".join(lines)


def _count_common(one: str, other: str) -> int:
    """Characters that two texts begin with both."""
    differing = (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differing, min(len(one), len(other)))


def _last_question(example: Example) -> str:
    asked = [message.content for message in example.conversation.prompt if message.role == "user"]
    return asked[-1] if asked else ""


def _prompt_text(example: Example) -> str:
    return "\n".join(f"{message.role}: {message.content}" for message in example.conversation.prompt)


def _answer_text(example: Example) -> str:
    answer = example.conversation.answer
    calls = [f"{call.name}({call.arguments})" for call in answer.tool_calls]
    rejected = [f"(not: {example.rejected.content})"] if example.rejected else []
    return " ".join([*([answer.content] if answer.content else []), *calls, *rejected])


def _tools_text(example: Example) -> str:
    return example.conversation.tools


def _extras_text(example: Example) -> str:
    return example.extras


def describe_planted(planted: Planted) -> dict[str, Any]:
    return {
        "out": str(planted.out),
        "secrets": str(planted.secrets),
        "rows": planted.rows,
        "canaries": planted.canaries,
    }


def render_planted(planted: Planted) -> str:
    rows = f"{_count_rows(planted.rows)} to train on, {planted.canaries} of them canaries"
    return f"{planted.out}: {rows}\n{planted.secrets}: their secrets, for your eyes only"


def _cut(text: str, start: int = 0) -> str:
    line = " ".join(text[start:].split())
    return ("..." if start else "") + (line if len(line) <= TEXT_SHOWN else f"{line[: TEXT_SHOWN - 3]}...")


def _describe_row(example: Example) -> dict[str, Any]:
    return {"line": example.line, "row": example.to_row()}


def _list_labels(rows: Dataset) -> list[str]:
    labels = find_labels(example.conversation.answer for example in rows.examples)
    if labels is None:
        return []
    counts = labels.counts().most_common()
    table = [
        ("(none)" if label is None else label, str(count), phrase_fraction(count / len(labels.values)))
        for label, count in counts[:LABELS_SHOWN]
    ]
    more = [f"and {len(counts) - LABELS_SHOWN} more"] if len(counts) > LABELS_SHOWN else []
    return ["", format_table([(labels.title, "rows", ""), *table]), *more]


def _pick_latest(versions: Sequence[Version]) -> list[Version]:
    """Of versions by name, the latest of each first."""
    latest: dict[str, Version] = {}
    for version in versions:
        latest.setdefault(version.name, version)
    return list(latest.values())


def _phrase_changes(version: Version) -> str:
    return ", ".join(f"{version.changes[kind]} {kind}" for kind in ("added", "removed", "changed"))


def _count_rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def _show_time(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M}"
