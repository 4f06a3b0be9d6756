"""Evals and their runs, as a server shows them, become plain text for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from luthier.cli.render import format_table

if TYPE_CHECKING:
    from collections.abc import Sequence


def render_evals(evals: Sequence[dict[str, Any]]) -> str:
    if not evals:
        return "no evals yet"
    rows = [("id", "name", "made", "criteria")]
    rows += [
        (eval["id"], eval["name"], _write_moment(eval), ", ".join(each["name"] for each in eval["testing_criteria"]))
        for eval in evals
    ]
    return format_table(rows)


def render_runs(runs: Sequence[dict[str, Any]]) -> str:
    if not runs:
        return "no runs yet"
    rows = [("id", "status", "made", "model", "passed", "failed", "errored")]
    for run in runs:
        counts = run["result_counts"]
        numbers = [str(counts[name]) for name in ("passed", "failed", "errored")]
        rows.append((run["id"], run["status"], _write_moment(run), run["model"], *numbers))
    return format_table(rows)


def render_progress(run: dict[str, Any]) -> str:
    counts = run["result_counts"]
    done = counts["passed"] + counts["failed"] + counts["errored"]
    return f"{run['id']}: {done} of {counts['total']} items" if counts["total"] else f"{run['id']}: {run['status']}"


def render_run(run: dict[str, Any]) -> str:
    counts = run["result_counts"]
    lines = [f"run {run['id']}: {run['status'].replace('_', ' ')}"]
    lines += [f"  {run['error']['code']}: {run['error']['message']}"] if run["error"]["message"] else []
    lines.append(f"  {counts['passed']} passed, {counts['failed']} failed, {counts['errored']} could not be judged")
    lines += [
        f"  {each['testing_criteria'][:-37]}: {each['passed']} passed, {each['failed']} failed"  # without its own id
        for each in run["per_testing_criteria_results"]
    ]
    return "\n".join([*lines, f"  {run['report_url']}"])


def _write_moment(shown: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(shown['created_at'], UTC):%Y-%m-%d %H:%M}"
