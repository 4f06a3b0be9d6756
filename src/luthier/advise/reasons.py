"""A recommendation becomes what a manager reads: one short answer, one sentence, and the reasons behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.advise.ladder import find_best
from luthier.advise.recommendation import FEWEST_GOOD_ROWS, count_cases, find_best_above
from luthier.advise.rungs import EFFORTS, TRAINED, Technique
from luthier.evaluation.compare import compare_results
from luthier.evaluation.wording import phrase_cases, phrase_fraction, phrase_points, phrase_points_range, phrase_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from luthier.advise.diagnosis import Diagnosis
    from luthier.advise.ladder import Step
    from luthier.advise.recommendation import Needs, Recommendation
    from luthier.advise.rungs import Skipped

ANSWERS: dict[Technique, str] = {
    "prompt": "Just prompt",
    "own_prompt": "Use your own prompt",
    "few_shot": "Use few-shot",
    "retrieval": "Use retrieval",
    "few_shot_retrieval": "Use few-shot and retrieval",
    "tuned": "Fine-tune",
    "tuned_retrieval": "Fine-tune and retrieve",
}


MOST_CUT_OFF = 0.10
"""Share of a rung's answers, as in the verdict on two models."""


class Found(NamedTuple):
    """All that the reasons are made of; diagnoses are by the name of the step."""

    recommendation: Recommendation
    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...]
    needs: Needs
    good_rows: int
    diagnoses: Mapping[str, Diagnosis]


def phrase_answer(found: Found) -> str:
    """A few words, without a full stop."""
    finding, step, _, _ = found.recommendation
    if step is None:
        return "No advice"
    if finding == "missed":
        return "Not there yet"
    answer = ANSWERS[step.rung.technique]
    return answer if finding == "met" else f"Probably: {answer[0].lower()}{answer[1:]}"


def phrase_headline(found: Found) -> str:
    finding, step, _, _ = found.recommendation
    target = phrase_fraction(found.needs.target)
    if step is None:
        return "No rung could be measured that may be recommended."
    if finding == "met":
        return f"{step.name} is the lowest rung that meets the target of {target}."
    if finding == "unproven":
        return f"{step.name} reaches the target of {target} as measured; {count(step)} are too few to be sure."
    return f"No rung reaches the target of {target}; {step.name} comes closest."


def list_reasons(found: Found) -> tuple[str, ...]:
    """Complete sentences, what decides first."""
    return (
        *explain_result(found),
        *explain_cheaper(found),
        *explain_tuning(found),
        *explain_failures(found),
        *explain_cuts(found),
        *explain_passages(found),
        *explain_rows(found),
        *explain_objections(found),
        *explain_next(found),
        *explain_remedies(found),
    )


def explain_result(found: Found) -> Iterator[str]:
    finding, step, cases_needed, _ = found.recommendation
    if step is None:
        return
    yield f"{step.name} passed {step.result.passed} of {count(step)}, {phrase_rate(step)}."
    if finding == "unproven" and cases_needed:
        yield f"If that is its true rate, about {cases_needed} test cases would prove it."
    elif finding == "unproven":
        yield "It lies so close to the target that no reasonable number of cases would prove it."
    elif finding == "missed" and step.state == "cannot_tell":
        yield "The target lies inside that interval, so it may be met; more test cases would tell."
    elif finding == "missed":
        missing = phrase_points(found.needs.target - step.result.interval.high).removeprefix("+")
        yield f"Even the most hopeful reading of its result is {missing} short."


def explain_cheaper(found: Found) -> Iterator[str]:
    """A lower rung that may be enough, which this test is too small to say."""
    finding, step, _, objections = found.recommendation
    if finding != "met" or step is None:
        return
    for lower in found.steps[: found.steps.index(step)]:
        cases = count_cases(lower.rate, found.needs.target)
        if lower.name not in objections and lower.rate >= found.needs.target and cases is not None:
            yield (
                f"{lower.name}, which takes less, may meet it too: it passed {lower.result.passed} of {count(lower)}, "
                f"and about {cases} would prove that rate."
            )
            return


def explain_tuning(found: Found) -> Iterator[str]:
    """Did it take fine-tuning at all?"""
    finding, step, _, _ = found.recommendation
    if step is None or finding == "missed":
        return
    technique = step.rung.technique
    if technique == "prompt":
        yield "Prompting is good enough already, so there is nothing to build, to train or to keep."
    elif technique not in TRAINED:
        opening = "Fine-tuning is not needed" if finding == "met" else "If that holds, fine-tuning is not needed"
        yield f"{opening}: this rung takes {EFFORTS[technique]}."
    else:
        best = find_best(list_untrained(found.steps))
        if best is not None:
            yield f"Without fine-tuning the best is {best.name} with {phrase_rate(best)}."


def explain_failures(found: Found) -> Iterator[str]:
    """Of the rung that comes closest, or where the target is reached of the best one that is not trained."""
    finding, closest, _, _ = found.recommendation
    step = closest if finding == "missed" else find_best(list_untrained(found.steps))
    if step is None:
        return
    diagnosis = found.diagnoses[step.name]
    failed = f"{diagnosis.failed} answers of {step.name} that did not pass"
    if diagnosis.is_about_form:
        yield (
            f"Of the {failed}, {diagnosis.wrong_form} are not {diagnosis.form} at all: a matter of form, which "
            "examples and fine-tuning put right."
        )
    elif diagnosis.form and diagnosis.is_about_content:
        yield (
            f"Of the {failed}, {diagnosis.wrong_content} have the right form, {diagnosis.form}, and say something "
            "wrong: no other form of asking puts that right."
        )


def explain_cuts(found: Found) -> Iterator[str]:
    """What was cut off is not judged, so a limit that is too low makes a rung look worse than it is."""
    cut = [
        f"{found.diagnoses[step.name].cut_off} of {step.result.total} answers of {step.name}"
        for step in found.steps
        if are_cuts_decisive(found, step)
    ]
    if cut:
        yield f"Cut off at the token limit: {', '.join(cut)}. Raise --max-tokens before you judge these."


def are_cuts_decisive(found: Found, step: Step) -> bool:
    """Many are, and so are few that stand between a rung and the target."""
    cut = found.diagnoses[step.name].cut_off / step.result.total
    is_in_the_way = cut > 0 and step.rate < found.needs.target <= step.rate + cut
    return not step.is_void and (cut > MOST_CUT_OFF or is_in_the_way)


def explain_remedies(found: Found) -> Iterator[str]:
    if found.recommendation.finding == "missed":
        yield (
            f"What may help: more training rows than these {found.good_rows:,}, a larger base, or a hosted model as "
            "one more rung (--rung-model)."
        )


def explain_passages(found: Found) -> Iterator[str]:
    """Why retrieval may harm a tuned model."""
    trained = {step.rung.technique: step for step in found.steps if step.rung.technique in TRAINED and not step.is_void}
    if len(trained) == len(TRAINED) and trained["tuned_retrieval"].rate < trained["tuned"].rate:
        yield (
            f"{trained['tuned'].name} was trained without passages, so it has not learned what to do with them: "
            f"with them it passes {trained['tuned_retrieval'].result.passed} of {count(trained['tuned_retrieval'])}."
        )


def explain_rows(found: Found) -> Iterator[str]:
    if found.good_rows < FEWEST_GOOD_ROWS:
        yield (
            f"There are {phrase_cases(found.good_rows, 'good training row')}, and fine-tuning is advised from "
            f"{FEWEST_GOOD_ROWS} on."
        )
    if found.needs.changes:
        yield "The knowledge behind the answers changes: documents can be replaced any day, weights only by training."
    if found.needs.cites:
        yield "Answers must name their sources: only retrieval knows which passages an answer was given."


def explain_objections(found: Found) -> Iterator[str]:
    """What is wrong with several rungs is said once."""
    objections = found.recommendation.objections
    for reason in dict.fromkeys(objections.values()):
        *others, last = (name for name, own in objections.items() if own == reason)
        who = f"{', '.join(others)} and {last} are" if others else f"{last} is"
        yield f"{who} left out of the choice: {reason}."


def explain_next(found: Found) -> Iterator[str]:
    """What climbing further would bring, or has brought."""
    step = found.recommendation.step
    if step is None:
        return
    above = find_best_above(step, found.steps)
    if above is not None and above.rate <= step.rate:
        passes = f"passes {above.result.passed} of {count(above)}"
        yield f"No rung above does better: the best there, {above.name}, {passes}."
    elif above is not None:
        change = compare_results(step.result, above.result)
        yield (
            f"The best rung above, {above.name}, changes that by {phrase_points(change.difference)} "
            f"(95% interval {phrase_points_range(*change.interval)}) and takes {EFFORTS[above.rung.technique]}."
        )
    elif step.rate < 1 and any(each.is_above for each in found.skipped):
        left = phrase_points(1 - step.rate).removeprefix("+")
        yield f"The rungs above were not measured; at most {left} are left to gain there."


def list_untrained(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.rung.technique not in TRAINED]


def phrase_rate(step: Step) -> str:
    return f"{phrase_fraction(step.rate)} (95% interval {phrase_range(*step.result.interval)})"


def count(step: Step) -> str:
    return phrase_cases(step.result.total, "test case")
