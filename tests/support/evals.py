"""Evals, runs and what came of them, for tests that need some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.jobs.evals.desk import NOTHING_YET, RunDraft, create_run
from luthier.jobs.evals.hold import Finding, SourceRow
from luthier.jobs.evals.queue import claim_run
from luthier.jobs.liveness import ProcessIdentity, identify_process
from luthier.store.eval_runs import EvalRun, ItemQuery, ModelUsage, get_run, list_items
from luthier.store.evals import Eval, EvalDraft, create_eval
from luthier.store.ids import new_id
from luthier.store.tables import EvalRunRow

if TYPE_CHECKING:
    from luthier.jobs.evals.queue import RunClaim
    from luthier.store.database import Database
    from luthier.store.eval_runs import ItemStatus

CUSTOM: dict[str, Any] = {
    "type": "custom",
    "item_schema": {
        "type": "object",
        "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
        "required": ["question", "answer"],
    },
    "include_sample_schema": True,
}
CRITERION: dict[str, Any] = {
    "type": "string_check",
    "name": "same",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.answer }}",
    "operation": "eq",
}
ASKING: dict[str, Any] = {
    "type": "completions",
    "model": "smollm2-135m",
    "input_messages": {
        "type": "template",
        "template": [
            {"role": "developer", "content": "Answer in one word."},
            {"role": "user", "content": {"type": "input_text", "text": "{{ item.question }}"}},
        ],
    },
}


def list_content(*pairs: tuple[str, str]) -> dict[str, Any]:
    """A source of questions with their answers."""
    rows = [{"item": {"question": question, "answer": answer}} for question, answer in pairs]
    return {"type": "file_content", "content": rows}


def add_eval(db: Database, name: str = "") -> Eval:
    return create_eval(db, EvalDraft(CUSTOM, [CRITERION], name))


def claim(db: Database) -> RunClaim:
    claimed = claim_run(db, identify_process())
    assert claimed is not None
    return claimed


def find(status: ItemStatus, *, model: str = "m", passed: tuple[bool | None, ...] | None = None) -> Finding:
    verdicts = {"pass": (True,), "fail": (False,), "error": (None,)}
    sample = {"output": [], "input": [], "error": {"code": "", "message": ""}}
    return Finding(status, sample, [], verdicts[status] if passed is None else passed, {model: ModelUsage(1, 10, 2, 4)})


def add_held_run(db: Database, eval_id: str) -> str:
    """One that a process of another machine works on, so that nobody here does."""
    now = db.clock()
    holder = ProcessIdentity("other", "another machine", 1, 1)._asdict()
    row = EvalRunRow(
        id=new_id("evalrun_", now),
        eval_id=eval_id,
        name="",
        status="in_progress",
        data_source={"type": "jsonl"},
        created_at=now,
        request_fingerprint="",
        is_prepared=False,
        total=0,
        tally={**NOTHING_YET, "criteria": [[0, 0]]},
        attempt=1,
        barren_attempts=1,
        beats=0,
        holder=holder,
    )
    with db.session() as session:
        session.add(row)
    return row.id


def finish_run(db: Database, eval_id: str) -> tuple[EvalRun, str]:
    """A completed run of one item, and that item's id."""
    run = create_run(db, RunDraft(eval_id, {"type": "jsonl"}))
    hold = claim(db).hold
    hold.prepare([SourceRow({"answer": "x"})])
    (pending,) = hold.list_pending(after=-1, limit=9)
    hold.keep(pending.id, find("pass"))
    hold.complete()
    (item,) = list_items(db, eval_id, run.id, ItemQuery()).items
    return get_run(db, eval_id, run.id), item.id
