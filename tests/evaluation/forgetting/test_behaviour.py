"""Answers that are none are told from answers, in whatever way they fail."""

from __future__ import annotations

import pytest

from luthier.evaluation.forgetting.behaviour import Said, find_faults, judge_behaviour


def say(text: str, *, ends: bool = True) -> Said:
    return Said("Why is the sky blue?", text, len(text.split()), "stop" if ends else "length")


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        (say("Because blue light is scattered most."), ()),
        (say(""), ("empty",)),
        (say(" \n… !"), ("empty",)),
        (say("I'm sorry, but I cannot help with that."), ("refusal",)),
        (say("I apologise for the issue with your order."), ("refusal",)),
        (say("As an AI, I do not look at the sky."), ("refusal",)),
        (say("Light is scattered, and so red is lost. " + "It takes a while to explain. " * 3 + "I'm sorry."), ()),
        (say("total" * 30), ("repetition",)),
        (say("Boil an egg:\n\n" * 8, ends=False), ("repetition", "no end")),
        (say("ha ha ha ha ha ha"), ()),
        (say("1. Light\n2. Air\n3. Dust\n4. Water\n5. Ice"), ()),
        (say("Blue light is scattered, because", ends=False), ("no end",)),
    ],
)
def test_faults_are_found_and_sound_answers_have_none(said: Said, faults: tuple[str, ...]) -> None:
    assert find_faults(said) == faults


def test_a_model_that_refuses_everything_is_degraded() -> None:
    sound, refused = [say("Because of the air.")] * 40, [say("I cannot answer that.")] * 40
    family = judge_behaviour(sound, refused, margin=0.1)
    assert (family.state, family.measured, family.candidate) == ("degraded", 1.0, 1.0)
    assert "40 refused" in family.explanation
    assert family.examples[0].note == "refusal"


def test_faults_that_the_base_has_too_are_no_loss() -> None:
    refused = [say("I cannot answer that.")] * 40
    family = judge_behaviour(refused, refused, margin=0.1)
    assert (family.state, family.measured, family.baseline, family.examples) == ("ok", 0.0, 1.0, ())


def test_one_fault_more_in_forty_is_not_proven_to_matter() -> None:
    sound = [say("Because of the air.")] * 40
    family = judge_behaviour(sound, [*sound[:-1], say("")], margin=0.1)
    assert family.state == "cannot_tell" or family.interval.high <= 0.1
    assert [example.note for example in family.examples] == ["empty"]
