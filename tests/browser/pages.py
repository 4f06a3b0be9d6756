"""Every kind of page that Luthier writes, made without a model: as they are, and with hostile text in every place."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from luthier.advise.page import render_advice
from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from luthier.data.finding import Finding
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.page import render_report
from luthier.evaluation.report import build_report
from luthier.evaluation.runner import run_evaluation
from luthier.evaluation.task import build_task
from luthier.jobs.evals import hold
from luthier.jobs.evals.desk import RunDraft, create_run
from luthier.server.openai.evals.page import render_run
from luthier.settings import Settings
from luthier.store.eval_runs import ModelUsage, get_run
from luthier.store.home import Home
from luthier.tokens.page import render_page
from luthier.tokens.preview import RowPreview, ShownToken, TokenPreview
from tests.advise.advices import build_advice
from tests.advise.shop import build_workshop
from tests.evaluation.reports import DATA, TRAINING, Made, make_findings, make_report
from tests.support.evals import add_eval, claim

if TYPE_CHECKING:
    from luthier.store.eval_runs import ItemStatus

LONG_WORD = "unbreakable" * 1000
HOSTILE = (
    "</pre></script><script>document.title = 'owned'</script><img src=https://evil.example/x onerror=alert(2)>"
    f"\u202eright to left\x00\x1b[2J\ud800 👩‍👩‍👧 مرحبا {LONG_WORD}"
)
MANY = 500


def make_full() -> str:
    made = Made(base_passes_every=5, tuned_fails_every=9)
    report = make_report(made, findings=make_findings(made))
    return render_report(report, training=TRAINING, data=DATA, command="luthier eval --model smollm2 --data orders")


def make_bad() -> str:
    """Broken cases, forgotten skills, leaked rows, secrets and warnings: the page of a model that must not go out."""
    made = Made(count=12, base_passes_every=2, tuned_fails_every=2)
    report = make_report(made, findings=make_findings(made, is_bad=True))
    assert report.verdict is not None
    warned = replace(report, verdict=replace(report.verdict, warnings=("The chat templates of both differ.",)))
    return render_report(warned, training=TRAINING, data=DATA)


def make_single() -> str:
    return render_report(make_report(Made(is_pair=False)), data=DATA)


def make_smallest() -> str:
    return render_report(make_report(Made(count=1, has_grades=False)))


def make_labels() -> str:
    """Of a classifier with too many classes for a narrow screen, with long names."""
    names = [f"intent of the customer {letter * 3}" for letter in "ABCDEFGHIJ"]
    rows = tuple(
        Example(Conversation((Message("user", f"row {index}"), Message("assistant", names[index % 10]))), index + 1)
        for index in range(20)
    )
    engine = ScriptedEngine({"old": lambda _: names[0], "new": lambda messages: names[len(messages[-1].content) % 10]})
    task = build_task(Dataset("intents", Path("intents.jsonl"), rows), parse_grader("label"), Sampling())
    baseline, candidate = (run_evaluation(engine, model, task) for model in engine.answers)
    return render_report(build_report(task, candidate, baseline=baseline))


def make_hostile() -> str:
    made = Made(count=4, text=HOSTILE)
    report = make_report(made, findings=make_findings(made, is_bad=True))
    samples = tuple(
        replace(each, prompt=(Message("user", HOSTILE),), tools=HOSTILE, metadata={HOSTILE[:200]: HOSTILE[-300:]})
        for each in report.samples
    )
    named = replace(report, name=HOSTILE[:300], samples=samples)
    data = replace(DATA, name=HOSTILE, findings={HOSTILE: 1})
    return render_report(named, training=TRAINING, data=data, command=HOSTILE)


def make_many() -> str:
    """As many cases as a careful team measures, all of them changed."""
    return render_report(make_report(Made(count=MANY, tuned_fails_every=2, base_passes_every=3)))


def make_advice() -> str:
    with TemporaryDirectory() as folder:
        return render_advice(build_advice(Path(folder)))


def make_hostile_advice() -> str:
    engine = ScriptedEngine({"clerk": lambda _: HOSTILE, "shop-v1": lambda _: ""})
    with TemporaryDirectory() as folder:
        return render_advice(build_advice(Path(folder), workshop=build_workshop(engine=engine)))


def make_run() -> str:
    return write_run("Paris", "capitals")


def make_hostile_run() -> str:
    return write_run(HOSTILE, HOSTILE[:300])


def write_run(text: str, name: str) -> str:
    statuses: dict[ItemStatus, bool | None] = {"pass": True, "fail": False, "error": None}
    with TemporaryDirectory() as folder:
        home = Home(Settings(home=Path(folder)))
        eval = add_eval(home.database, name.encode("ascii", "replace").decode().replace("\0", ""))
        run = create_run(home.database, RunDraft(eval.id, {"type": "jsonl"}))
        held = claim(home.database).hold
        held.prepare([hold.SourceRow({"question": "capital of France?", "answer": "Paris"})] * len(statuses))
        for pending, (status, verdict) in zip(held.list_pending(after=-1, limit=9), statuses.items(), strict=True):
            sample = describe_sample(text, "" if verdict is not None else "the model cannot answer this")
            result = {"name": "same", "passed": bool(verdict), "score": float(bool(verdict)), "sample": None}
            usage = {"smollm2": ModelUsage(1, 10, 2, 4)}
            held.keep(pending.id, hold.Finding(status, sample, [result], (verdict,), usage))
        held.complete()
        page = render_run(home.database, eval, get_run(home.database, eval.id, run.id))
        home.database.close()
    return page


def describe_sample(text: str, error: str) -> dict[str, Any]:
    kept = text.encode("utf-8", "replace").decode().replace("\0", "")
    return {
        "input": [{"role": "user", "content": kept}],
        "output": [{"role": "assistant", "content": kept}],
        "error": {"code": "", "message": error},
    }


def make_preview() -> str:
    return write_preview(["<|im_start|>", "user", "↵", "Turn", "the", "order", "into", "JSON", ".", "<|im_end|>"])


def make_hostile_preview() -> str:
    return write_preview([HOSTILE[place : place + 400] for place in range(0, len(HOSTILE), 400)])


def write_preview(texts: list[str]) -> str:
    tokens = tuple(
        ShownToken(place, 100 + place, f"{text} ", place >= len(texts), text.startswith("<|"))
        for place, text in enumerate(texts * 2)
    )
    finding = Finding("LD207", "error", 2, "the last message is from the user", "end with an answer")
    refused = TokenPreview("rejected answer", 512, refusal="the template knows no tools", hint="take another base")
    rows = [
        RowPreview(1, (), (TokenPreview("preferred answer", 512, tokens, stop_is_trained=True), refused)),
        RowPreview(2, (finding,), ()),
        RowPreview(3, (), (TokenPreview("", 4, tokens),)),
    ]
    return render_page(rows, file="orders.jsonl", base="smollm2-135m")


MAKERS = {
    "report": make_full,
    "bad report": make_bad,
    "report of one model": make_single,
    "report of one case": make_smallest,
    "report of many labels": make_labels,
    "hostile report": make_hostile,
    "advice": make_advice,
    "hostile advice": make_hostile_advice,
    "eval run": make_run,
    "hostile eval run": make_hostile_run,
    "preview": make_preview,
    "hostile preview": make_hostile_preview,
}
HOSTILE_PAGES = tuple(name for name in MAKERS if name.startswith("hostile"))


@cache
def make_page(name: str) -> str:
    return MAKERS[name]()
