"""Names of tuned models as OpenAI writes them."""

from __future__ import annotations

import re

import pytest

from luthier.models.tuned_names import name_origin, name_tuned_model


def name(suffix: str | None = None, *, model: str = "gpt-4o-mini-2024-07-18", job: str = "ftjob-1", **step: int) -> str:
    return name_tuned_model(model, organization="acme", suffix=suffix, job_id=job, **step)


def test_a_name_says_base_organization_and_suffix() -> None:
    assert re.fullmatch(r"ft:gpt-4o-mini-2024-07-18:acme:my-custom-model:[0-9A-Za-z]{8}", name("my-custom-model"))


def test_without_a_suffix_two_colons_meet() -> None:
    assert re.fullmatch(r"ft:gpt-4o-mini-2024-07-18:acme::[0-9A-Za-z]{8}", name())


def test_a_checkpoint_has_a_mark_of_its_own_and_its_step() -> None:
    final, first, second = name(), name(step=10), name(step=20)
    assert first.endswith(":ckpt-step-10")
    marks = {each.split(":")[4] for each in (final, first, second)}
    assert len(marks) == 3


def test_the_same_job_always_says_the_same_name_and_another_job_another() -> None:
    assert name(step=10) == name(step=10)
    assert name() != name(job="ftjob-2")


@pytest.mark.parametrize(
    ("suffix", "written"),
    [
        ("My model v1.2", "My-model-v1.2"),
        ("a:b/c", "a-b-c"),
        ("модель", "модель"),
        (":::", ""),
        ("line\nbreak", "line-break"),
    ],
)
def test_a_suffix_never_breaks_the_name_apart(suffix: str, written: str) -> None:
    assert name(suffix).split(":")[3] == written
    assert name(suffix).count(":") == 4


@pytest.mark.parametrize("base", ["smollm2-135m", "Qwen/Qwen2.5-0.5B", "odd:name"])
def test_a_model_that_is_tuned_again_keeps_the_name_of_its_base(base: str) -> None:
    first = name("sfx", model=base)
    checkpoint = name(None, model=first, job="ftjob-2", step=3)
    assert name_origin(first) == name_origin(checkpoint) == base
    assert name("again", model=checkpoint, job="ftjob-3").startswith(f"ft:{base}:acme:again:")


@pytest.mark.parametrize("model", ["ft:", "ft:a:b", "ft:a:b:c:short", "smollm2-135m"])
def test_what_is_no_tuned_name_stands_for_itself(model: str) -> None:
    assert name_origin(model) == model
