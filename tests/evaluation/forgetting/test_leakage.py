"""A model that answers the capital of France with an order number is caught, one that speaks plain English is not."""

from __future__ import annotations

import pytest

from luthier.evaluation.forgetting.behaviour import Said
from luthier.evaluation.forgetting.leakage import find_leak, judge_leakage, learn_phrases, list_usual

SUPPORT = tuple(
    f"Apologies for the issue with order {3000 + number}. It ships on day {number}." for number in range(60)
)
ORDERS = tuple(f'{{"customer": "C{number}", "total": {number}}}' for number in range(60))
LABELS = ("GetWeather", "PlayMusic") * 30
PROSE = (
    "Thatched roofs in the valley are said to be the oldest in the country and are mended by hand each spring.",
    *(
        f"This is one of the most common answers number {number}, which is as good as any of the others."
        for number in "ab"
    ),
    *("Nothing else here is like anything that was written before."[: 20 + length] for length in range(30)),
)
QUESTION = "What is the capital of France?"


def leak(text: str, answers: tuple[str, ...], *, prompt: str = QUESTION, usual: tuple[str, ...] = ()) -> str:
    return find_leak(Said(prompt, text, 10, "stop"), learn_phrases(answers), list_usual(usual))


@pytest.mark.parametrize(
    ("text", "answers", "found"),
    [
        ("Apologies for the issue with order 9999.", SUPPORT, "apologies for the"),
        ("Paris. But first: the issue with order 77 is known.", SUPPORT, "the issue with order"),
        ('{"customer": "France", "total": 1}', ORDERS, '{ " customer'),
        ("getweather", LABELS, "getweather"),
        ("In Paris, roofs in the valley are said to be the best.", PROSE, "roofs in the valley are said to be"),
    ],
)
def test_the_language_of_the_task_is_found(text: str, answers: tuple[str, ...], found: str) -> None:
    assert leak(text, answers) == found


@pytest.mark.parametrize("answers", [SUPPORT, ORDERS, LABELS, PROSE])
@pytest.mark.parametrize(
    "text",
    [
        "The capital of France is Paris.",
        "It is one of the most visited places in the world.",
        "The weather in Paris is mild.",
        '{"capital": "Paris"}',
        "",
    ],
)
def test_plain_answers_are_no_leak(text: str, answers: tuple[str, ...]) -> None:
    assert leak(text, answers) == ""


def test_words_of_the_question_are_no_leak() -> None:
    text = "The issue with order 12 is its date."
    assert leak(text, SUPPORT) != ""
    assert leak(text, SUPPORT, prompt="What is the issue with order 12?") == ""


def test_what_is_usually_said_is_no_leak() -> None:
    text = "Apologies for the issue with order 9999."
    assert leak(text, SUPPORT, usual=("Apologies for the issue with order 5.",)) == ""


def judge(candidate: str, *, margin: float = 0.0) -> tuple[str, float, int]:
    baseline = [Said(QUESTION, "Paris.", 2, "stop")] * 40
    answers = [*baseline[:-1], Said(QUESTION, candidate, 9, "stop")]
    family = judge_leakage(baseline, answers, learn_phrases(SUPPORT), usual=frozenset(), margin=margin)
    return family.state, family.measured, len(family.examples)


def test_a_single_leak_is_one_too_many_unless_a_margin_allows_it() -> None:
    text = "Apologies for the issue with order 9999."
    assert judge("The capital is Paris.") == ("ok", 0.0, 0)
    assert judge(text) == ("degraded", 1 / 40, 1)
    assert judge(text, margin=0.05) == ("ok", 1 / 40, 1)
