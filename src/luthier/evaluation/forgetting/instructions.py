"""Requests whose fulfilment plain Python can see, such as three bullet points or a word to end with."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.forgetting.finding import MOST_EXAMPLES, Family, ProbeCase
from luthier.evaluation.forgetting.margins import judge_passes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
BULLET = re.compile(r"[-*•] *\S")
NUMBERED = re.compile(r"(\d+)[.)] *\S")
SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)")
FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)

TOPICS = ("the sea", "a bicycle", "bread", "the Moon", "a garden", "music", "cats", "a train", "winter", "a library")


class Probe(NamedTuple):
    """`is_met` sees the text of an answer; `wanted` says in words what it looks for."""

    kind: str
    prompt: str
    wanted: str
    is_met: Callable[[str], bool]


class _Rule(NamedTuple):
    """`prompt` has a place for each of `fillings`, which `is_met` may need to see."""

    kind: str
    prompt: str
    wanted: str
    is_met: Callable[[str, str], bool]
    fillings: tuple[str, ...] = TOPICS


def list_probes() -> tuple[Probe, ...]:
    """Always the same, in the same order."""
    return tuple(_fill(rule, filling) for rule in RULES for filling in rule.fillings)


def judge_probes(
    probes: Sequence[Probe], baseline: Sequence[str], candidate: Sequence[str], *, margin: float
) -> Family:
    """Of two models' answers to the probes, in their order."""
    before, after = (
        [probe.is_met(text) for probe, text in zip(probes, texts, strict=True)] for texts in (baseline, candidate)
    )
    loss = judge_passes(before, after, margin=margin)
    total = len(probes)
    return Family(
        key="instructions",
        title="Instructions",
        measured=loss.measured,
        interval=loss.interval,
        margin=margin,
        unit="share of answers",
        baseline=sum(before) / total,
        candidate=sum(after) / total,
        total=total,
        state=loss.state,
        explanation=f"{sum(after)} of {total} instructions are followed, {sum(before)} before",
        examples=tuple(
            ProbeCase(probe.prompt, old, new, f"wanted: {probe.wanted}")
            for probe, old, new, was_met, is_met in zip(probes, baseline, candidate, before, after, strict=True)
            if was_met and not is_met
        )[:MOST_EXAMPLES],
    )


def _fill(rule: _Rule, filling: str) -> Probe:
    return Probe(rule.kind, rule.prompt.format(filling), rule.wanted, lambda text: rule.is_met(text.strip(), filling))


def _has_one_word(text: str, _: str) -> bool:
    return len(WORD.findall(text)) == 1


def _is_number(text: str, _: str) -> bool:
    return re.fullmatch(r"\d+\.?", text) is not None


def _is_upper(text: str, _: str) -> bool:
    return text.isupper()


def _is_lower(text: str, _: str) -> bool:
    return text.islower()


def _has_keys(text: str, _: str) -> bool:
    fenced = FENCE.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(value) == {"name", "use"}


def _has_three_bullets(text: str, _: str) -> bool:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return sum(BULLET.match(line) is not None for line in lines) == 3


def _has_three_numbers(text: str, _: str) -> bool:
    """An introduction before the list is let pass."""
    found = [NUMBERED.match(line.strip()) for line in text.splitlines()]
    return [match[1] for match in found if match] == ["1", "2", "3"]


def _ends_with_end(text: str, _: str) -> bool:
    return WORD.findall(text)[-1:] == ["END"]


def _begins_with_certainly(text: str, _: str) -> bool:
    return WORD.findall(text)[:1] == ["Certainly"]


def _contains(text: str, word: str) -> bool:
    return word in WORD.findall(text.lower())


def _has_no_comma(text: str, _: str) -> bool:
    return "," not in text and bool(WORD.search(text))


def _is_short(text: str, _: str) -> bool:
    return 1 <= len(WORD.findall(text)) <= 12


def _is_long(text: str, _: str) -> bool:
    return len(WORD.findall(text)) >= 25


def _has_one_sentence(text: str, _: str) -> bool:
    return len(SENTENCE_END.findall(text)) == 1 and SENTENCE_END.search(text[-1:]) is not None


def _has_two_sentences(text: str, _: str) -> bool:
    return len(SENTENCE_END.findall(text)) == 2 and SENTENCE_END.search(text[-1:]) is not None


def _is_question(text: str, _: str) -> bool:
    return text.endswith("?")


def _repeats(text: str, sentence: str) -> bool:
    return text.strip('"“” ') == sentence


RULES = (
    _Rule(
        "one word",
        "Answer with a single word: {}",
        "one word",
        _has_one_word,
        (
            "what is the opposite of hot?",
            "which animal barks?",
            "what colour is snow?",
            "in which season does it snow most?",
            "what do cows drink?",
            "what is the opposite of big?",
            "which animal says meow?",
            "what do we call frozen water?",
            "in which direction does the sun rise?",
            "what is the day after Monday?",
        ),
    ),
    _Rule(
        "number",
        "{} Answer with a number only.",
        "a number and nothing else",
        _is_number,
        (
            "How many days does a week have?",
            "How many legs does a spider have?",
            "What is five plus four?",
            "How many wheels does a bicycle have?",
            "How many months does a year have?",
            "What is ten minus three?",
            "How many legs does a dog have?",
            "How many minutes does an hour have?",
            "What is two times three?",
            "How many fingers does a hand have?",
        ),
    ),
    _Rule(
        "capitals",
        "WRITE ONE SENTENCE ABOUT {} IN CAPITAL LETTERS ONLY.",
        "capital letters only",
        _is_upper,
        tuple(topic.upper() for topic in TOPICS),
    ),
    _Rule("small letters", "write one short sentence about {} in small letters only.", "small letters only", _is_lower),
    _Rule(
        "JSON",
        'Describe {} as a JSON object with the keys "name" and "use", and write nothing else.',
        "a JSON object with the keys name and use",
        _has_keys,
    ),
    _Rule(
        "bullets", "Write exactly three bullet points about {}, each after a dash.", "three bullets", _has_three_bullets
    ),
    _Rule("numbered", "List three facts about {}, numbered 1, 2 and 3.", "lines numbered 1 to 3", _has_three_numbers),
    _Rule("ending", "Write one short sentence about {} and then the word END.", "END as the last word", _ends_with_end),
    _Rule(
        "opening",
        "Begin your answer with the word Certainly. What can you say about {}?",
        "Certainly as the first word",
        _begins_with_certainly,
    ),
    _Rule(
        "a given word",
        'Write one sentence that contains the word "{}".',
        "the given word",
        _contains,
        ("river", "window", "green", "music", "winter", "friend", "paper", "seven", "road", "happy"),
    ),
    _Rule("no comma", "Write one short sentence about {} without any comma.", "no comma", _has_no_comma),
    _Rule("at most", "Say something about {} in at most twelve words.", "at most 12 words", _is_short),
    _Rule("at least", "Write at least twenty-five words about {}.", "at least 25 words", _is_long),
    _Rule("one sentence", "Write exactly one sentence about {}.", "one sentence", _has_one_sentence),
    _Rule("two sentences", "Write exactly two sentences about {}.", "two sentences", _has_two_sentences),
    _Rule("question", "Ask me one question about {}.", "a question mark at the end", _is_question),
    _Rule(
        "repetition",
        "Repeat this sentence and write nothing else: {}",
        "the sentence itself",
        _repeats,
        (
            "The cat sleeps on the warm stove.",
            "We met at the old bridge.",
            "Rain fell all night.",
            "Nobody knew the answer.",
            "My brother plays the drums.",
            "The train leaves at noon.",
            "She painted the door blue.",
            "Three birds sat on the wire.",
            "I have never seen the sea.",
            "Please close the window.",
        ),
    ),
)
