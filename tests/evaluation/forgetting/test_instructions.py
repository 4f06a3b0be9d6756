"""Each rule is met by an answer that follows it, and by none that almost does."""

from __future__ import annotations

import pytest

from luthier.evaluation.forgetting.instructions import judge_probes, list_probes

PROBES = list_probes()

ANSWERS = {
    "one word": (["cold", "Cold.", "**cold**"], ["very cold", "", "It is cold."]),
    "number": (["7", "7."], ["seven", "7 days", ""]),
    "capitals": (["THE SEA IS WIDE."], ["The sea is wide.", "", "THE SEA IS wIDE."]),
    "small letters": (["the sea is wide."], ["The sea is wide.", ""]),
    "JSON": (
        ['{"name": "sea", "use": "fish"}', '```json\n{"name": "sea", "use": ""}\n```'],
        ['{"name": "sea"}', '{"name": 1, "use": 2, "more": 3}', "name: sea", "[1]", '{"name": "sea", "use": "fish"'],
    ),
    "bullets": (
        ["- wide\n- deep\n- salty", "Here they are:\n\n- a\n- b\n- c", "• a\n• b\n• c"],
        ["- wide\n- deep", "1. a\n2. b\n3. c", "- a\n- b\n- c\n- d"],
    ),
    "numbered": (["1. a\n2. b\n3. c", "Facts:\n1) a\n2) b\n3) c"], ["1. a\n2. b", "1. a\n3. b\n2. c", "a\nb\nc"]),
    "ending": (["The sea is wide. END", "The sea is wide. END."], ["END of the sea", "The sea. end", ""]),
    "opening": (["Certainly! The sea", "Certainly, it is"], ["certainly", "The sea is Certainly"]),
    "no comma": (["The sea is wide."], ["The sea, too, is wide.", ""]),
    "at most": (["The sea is wide.", "w " * 12], ["w " * 13, ""]),
    "at least": (["w " * 25], ["w " * 24, ""]),
    "one sentence": (["The sea is wide."], ["The sea is wide. And deep.", "The sea is wide", ""]),
    "two sentences": (["It is wide. It is deep!"], ["It is wide.", "It is wide. It is deep. It is salty."]),
    "question": (["Is it wide?"], ["It is wide.", "Is it? Yes."]),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_rule_tells_what_follows_it_from_what_does_not(kind: str) -> None:
    probe = next(probe for probe in PROBES if probe.kind == kind)
    followed, missed = ANSWERS[kind]
    assert [probe.is_met(answer) for answer in followed] == [True] * len(followed)
    assert [probe.is_met(answer) for answer in missed] == [False] * len(missed)


def test_rules_about_a_text_look_for_that_text() -> None:
    word = next(probe for probe in PROBES if probe.kind == "a given word")
    assert word.is_met("The River is wide.")
    assert not word.is_met("Rivers are wide.")
    sentence = next(probe for probe in PROBES if probe.kind == "repetition")
    assert sentence.is_met('"The cat sleeps on the warm stove."')
    assert not sentence.is_met("The cat sleeps on the stove.")


def test_every_kind_of_probe_is_tested() -> None:
    assert {probe.kind for probe in PROBES} == {*ANSWERS, "a given word", "repetition"}


def test_a_loss_of_every_second_instruction_is_degraded_and_shown() -> None:
    probes = [probe for probe in PROBES if probe.kind == "question"]
    family = judge_probes(probes * 3, ["Why?"] * 30, ["Why?", "No."] * 15, margin=0.1)
    assert (family.state, family.measured, family.total) == ("degraded", 0.5, 30)
    assert (family.baseline, family.candidate) == (1.0, 0.5)
    assert {example.note for example in family.examples} == {"wanted: a question mark at the end"}
    assert len(family.examples) == 5


def test_what_is_not_lost_is_ok_and_what_few_answers_leave_open_is_not_told() -> None:
    probes = [probe for probe in PROBES if probe.kind == "question"]
    assert judge_probes(probes * 3, ["Why?"] * 30, ["Why?"] * 30, margin=0.1).state == "ok"
    few = judge_probes(probes, ["Why?"] * 10, ["Why?"] * 9 + ["No."], margin=0.1)
    assert (few.state, few.measured) == ("cannot_tell", pytest.approx(0.1))


def test_a_gain_is_a_negative_loss() -> None:
    probes = [probe for probe in PROBES if probe.kind == "question"]
    family = judge_probes(probes, ["No."] * 10, ["Why?"] * 10, margin=0.1)
    assert (family.measured, family.state) == (-1.0, "ok")
    assert family.interval.low <= -1.0 < family.interval.high < 0
