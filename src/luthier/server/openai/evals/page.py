"""A run and what came of its items become one page for people, which opens anywhere and loads nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.evaluation.display.texts import show_text
from luthier.store.eval_runs import ItemQuery, list_items

if TYPE_CHECKING:
    from luthier.evaluation.display.pieces import Shown
    from luthier.store.database import Database
    from luthier.store.eval_runs import EvalRun, ItemStatus, OutputItem
    from luthier.store.evals import Eval

PAGE_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}

MOST_SHOWN = 100
"""Items of each kind; the API lists all."""

LONGEST_SNIPPET = 120
GROUPS: tuple[tuple[ItemStatus, str], ...] = (("error", "Could not be judged"), ("fail", "Failed"), ("pass", "Passed"))


class CriterionRow(NamedTuple):
    name: str
    passed: int
    failed: int
    rate: str


class Case(NamedTuple):
    number: int
    snippet: str
    error: str
    prompt: list[tuple[str, Shown]]
    item: Shown
    answers: list[Shown]
    results: list[dict[str, Any]]


class Group(NamedTuple):
    key: str
    title: str
    note: str
    cases: list[Case]


def render_run(db: Database, eval: Eval, run: EvalRun) -> str:
    from luthier.evaluation.pages.document import render_page

    criteria = zip(eval.testing_criteria, run.tally.criteria, strict=True)
    return render_page(
        "run.html.jinja",
        package="luthier.server.openai.evals",
        title=run.name or eval.name or run.id,
        subheading=f"{run.model or 'answers that came with the items'}, {run.status.replace('_', ' ')}",
        headline=_write_headline(run),
        error=f"{run.error.code}: {run.error.message}" if run.error else "",
        criteria=[
            CriterionRow(definition["name"], counts.passed, counts.failed, _write_rate(*counts))
            for definition, counts in criteria
        ],
        usage=run.tally.usage,
        groups=[_build_group(db, run, status, title) for status, title in GROUPS],
        facts_of_run=_list_facts(eval, run),
    )


def _write_headline(run: EvalRun) -> str:
    tally = run.tally
    judged = tally.passed + tally.failed
    left = run.total - judged - tally.errored
    parts = [f"{tally.passed:,} of {judged:,} judged items passed: {_write_rate(tally.passed, tally.failed)}"]
    parts += [f"{tally.errored:,} could not be judged"] if tally.errored else []
    parts += [f"{left:,} were not reached" if run.finished_at else f"{left:,} are left"] if left else []
    return "; ".join(parts)


def _write_rate(passed: int, failed: int) -> str:
    total = passed + failed
    if not total:
        return "nothing was judged"
    from luthier.stats.intervals import wilson_interval

    interval = wilson_interval(passed, total)
    return f"{passed / total:.0%} ({interval.low:.0%} to {interval.high:.0%})"


def _list_facts(eval: Eval, run: EvalRun) -> list[tuple[str, str]]:
    facts = [("Run", run.id), ("Eval", f"{eval.name} {eval.id}".strip()), ("Made", _write_moment(run.created_at))]
    facts += [("Ended", _write_moment(run.finished_at))] if run.finished_at else []
    sampling = run.data_source.get("sampling_params") or {}
    return facts + [(name, json.dumps(value, ensure_ascii=False)) for name, value in sampling.items()]


def _write_moment(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _build_group(db: Database, run: EvalRun, status: ItemStatus, title: str) -> Group:
    page = list_items(db, run.eval_id, run.id, ItemQuery(limit=MOST_SHOWN, status=status))
    note = f"the first {MOST_SHOWN}; the API lists all" if page.has_more else str(len(page.items))
    return Group(status, title, note, [_show_item(item) for item in page.items])


def _show_item(item: OutputItem) -> Case:
    answers = [_write_output(output) for output in item.sample["output"]]
    told = next(iter(answers), "")
    results = [{**result, "explanation": (result["sample"] or {}).get("explanation", "")} for result in item.results]
    return Case(
        number=item.number,
        snippet=told if len(told) <= LONGEST_SNIPPET else f"{told[:LONGEST_SNIPPET]}…",
        error=item.sample["error"]["message"],
        prompt=[(message["role"], show_text(message["content"])) for message in item.sample["input"]],
        item=show_text(json.dumps(item.item, ensure_ascii=False)),
        answers=[show_text(answer) for answer in answers],
        results=results,
    )


def _write_output(output: dict[str, Any]) -> str:
    calls = [json.dumps(call, ensure_ascii=False) for call in output.get("tool_calls") or ()]
    return "\n".join([*filter(None, [output["content"]]), *calls])
