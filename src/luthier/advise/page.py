"""An advice becomes one HTML page that opens anywhere: the answer on top, the ladder under it, then the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.advise.rungs import EFFORTS, TITLES
from luthier.evaluation.charts.ladder import LadderRung, draw_ladder
from luthier.evaluation.display.texts import show_text
from luthier.evaluation.pages.answers import CaseView, build_case, find_room
from luthier.evaluation.pages.document import render_page
from luthier.evaluation.wording import phrase_count, phrase_p_value, phrase_points, phrase_points_range

if TYPE_CHECKING:
    from luthier.advise.advice import Advice
    from luthier.advise.ladder import Step
    from luthier.advise.rungs import Skipped

STATE_WORDS = {"met": "met", "not_met": "not met", "cannot_tell": "cannot tell", "void": "void"}
STATE_TONES = {"met": "passed", "not_met": "failed", "cannot_tell": "cannot_tell", "void": "failed"}
CHANGE_WORDS = {"better": "better", "worse": "worse", "cannot_tell": "cannot tell"}
CHANGE_TONES = {"better": "passed", "worse": "failed", "cannot_tell": "cannot_tell"}
TONES = {"met": "ship", "unproven": "cannot_tell", "missed": "do_not_ship", "nothing": "do_not_ship"}

COPY_WORDS = {"exact": "word for word", "near": "with small changes"}
COPIES_SHOWN = 10

SHOWN_AT_ONCE = 20
OPEN_AT_ONCE = 3


class RungRow(NamedTuple):
    """`change` is against the best rung below; empty for the lowest, and for one that is void. `left_out` tells what no
    prompt had room for.
    """

    name: str
    effort: str
    state: str
    tone: str
    below: str
    change: str
    change_word: str
    change_tone: str
    evidence: str
    failures: str
    left_out: str


class ShownSources(NamedTuple):
    rung: str
    names: tuple[str, ...]
    left_out: int


class LadderCase(NamedTuple):
    case: CaseView
    sources: tuple[ShownSources, ...]


class CaseGroup(NamedTuple):
    key: str
    title: str
    note: str
    cases: tuple[LadderCase, ...]
    more: tuple[LadderCase, ...]
    open_count: int

    @property
    def total(self) -> int:
        return len(self.cases) + len(self.more)


def render_advice(advice: Advice) -> str:
    return render_page(
        "advise.html.jinja",
        package="luthier.advise",
        advice=advice,
        tone=TONES[advice.recommendation.finding],
        ladder=draw_ladder(list_rungs(advice), target=advice.needs.target) if advice.steps or advice.skipped else "",
        rows=[build_row(step, advice) for step in advice.steps],
        groups=build_groups(advice),
        engines=list(dict.fromkeys(step.result.manifest.engine for step in advice.steps)),
        copies=[(each, COPY_WORDS[each.kind]) for each in advice.copies[:COPIES_SHOWN]],
        show_text=show_text,
        timed=max((found.count for found in advice.latencies.values()), default=0),
    )


def list_rungs(advice: Advice) -> list[LadderRung]:
    """What was not measured stands behind what was, in its order."""
    best = advice.recommendation.step
    return [
        *(draw_step(step, advice, is_recommended=step is best) for step in advice.steps),
        *(draw_skipped(each) for each in advice.skipped),
    ]


def draw_step(step: Step, advice: Advice, *, is_recommended: bool) -> LadderRung:
    latency = advice.latencies.get(step.name)
    return LadderRung(
        name=TITLES[step.rung.technique],
        quality=step.rate,
        interval=step.result.interval,
        seconds=latency.whole_seconds.median if latency else None,
        dollars=advice.find_dollars(step.name),
        prompt_tokens=step.prompt_tokens,
        note=f"{step.rung.model}; void, for it knows test rows" if step.is_void else step.rung.model,
        is_recommended=is_recommended and advice.recommendation.finding != "missed",
    )


def draw_skipped(skipped: Skipped) -> LadderRung:
    note = f"{skipped.model}: {skipped.reason}" if skipped.model else skipped.reason
    return LadderRung(TITLES[skipped.technique], None, None, None, None, note=note)


def build_row(step: Step, advice: Advice) -> RungRow:
    change = advice.changes.get(step.name)
    told = ("", "", "", "")
    if change is not None:
        told = (
            phrase_points(change.difference),
            CHANGE_WORDS[change.word],
            CHANGE_TONES[change.word],
            f"fixed {change.fixed}, broke {change.broken}; {phrase_points_range(change.low, change.high)}, "
            f"{phrase_p_value(change.adjusted_p_value)}",
        )
    return RungRow(
        step.name,
        EFFORTS[step.rung.technique],
        STATE_WORDS[step.standing],
        STATE_TONES[step.standing],
        step.below,
        *told,
        describe_failures(step, advice),
        describe_left_out(step),
    )


def describe_failures(step: Step, advice: Advice) -> str:
    found = advice.diagnoses[step.name]
    counts = {
        f"not {found.form}" if found.form else "wrong form": found.wrong_form,
        "wrong content" if found.form else "wrong": found.wrong_content,
        "cut off": found.cut_off,
        "no answer": found.unanswered,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"


def describe_left_out(step: Step) -> str:
    """Empty where every prompt held all that was offered."""
    prompts = sum(bool(prompt.left_out) for prompt in step.prompts)
    return f"{step.left_out} in {phrase_count(prompts)} of {len(step.prompts)} prompts" if prompts else ""


def build_groups(advice: Advice) -> list[CaseGroup]:
    """Groups without a case are left out."""
    found: dict[str, list[LadderCase]] = {"differ": [], "by-none": [], "by-all": []}
    room = find_room(len(advice.task.samples), len(advice.steps))
    for place in range(len(advice.task.samples) if advice.steps else 0):
        passed = {step.result.outcomes[place].passed for step in advice.steps}
        key = "differ" if len(passed) > 1 else "by-all" if True in passed else "by-none"
        found[key].append(build_ladder_case(advice, place, room))
    words = {
        "differ": ("Where the rungs differ", "passed by some rungs and not by others"),
        "by-none": ("Passed by none", "which no rung answers as the reference wants it"),
        "by-all": ("Passed by all", "for which the lowest rung is enough"),
    }
    shown = {"differ": SHOWN_AT_ONCE, "by-none": SHOWN_AT_ONCE, "by-all": 0}
    return [
        CaseGroup(key, *words[key], tuple(cases[: shown[key]]), tuple(cases[shown[key] :]), open_first(key))
        for key, cases in found.items()
        if cases
    ]


def open_first(key: str) -> int:
    return OPEN_AT_ONCE if key == "differ" else 0


def build_ladder_case(advice: Advice, place: int, room: int) -> LadderCase:
    case = build_case(advice.task.samples[place], [step.result for step in advice.steps], place, room=room)
    prompts = [(step.name, step.prompts[place]) for step in advice.steps]
    sources = (ShownSources(name, each.shown, each.left_out) for name, each in prompts if each.shown or each.left_out)
    return LadderCase(case, tuple(sources))
