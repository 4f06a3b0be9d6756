from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from luthier.conversation import Message
from luthier.evaluation.graders.protocol import LabelPair
from luthier.evaluation.result import ModelResult
from luthier.evaluation.slices import EXPLORATORY, Slice, compute_slices
from luthier.evaluation.task import Sample
from luthier.stats.intervals import paired_difference_interval
from luthier.stats.paired import mcnemar_exact
from tests.evaluation.results import build_result


def build_samples(count: int, metadata: list[dict[str, Any]] | None = None, *, clusters: int = 0) -> list[Sample]:
    """Prompts of 1, 2, 3, … characters."""
    return [
        Sample(
            id=f"case-{place + 1}",
            prompt=(Message("user", "x" * (place + 1)),),
            reference="",
            line=place + 1,
            fingerprint="",
            metadata=metadata[place] if metadata else {},
            cluster=str(place % clusters) if clusters else "",
        )
        for place in range(count)
    ]


def with_labels(result: ModelResult, labels: str) -> ModelResult:
    outcomes = [replace(each, label=LabelPair(label, "")) for each, label in zip(result.outcomes, labels, strict=True)]
    return replace(result, outcomes=tuple(outcomes))


def find(slices: tuple[Slice, ...], key: str) -> dict[str, Slice]:
    return {each.value: each for each in slices if each.key == key}


def test_prompts_are_parted_into_thirds_by_length() -> None:
    baseline, candidate = build_result("a", "f" * 30), build_result("b", "f" * 20 + "p" * 10)
    found = find(compute_slices(build_samples(30), baseline, candidate), "prompt length")
    assert list(found) == ["up to 10 characters", "11 to 20 characters", "more than 20 characters"]
    longest = found["more than 20 characters"]
    assert (longest.total, longest.baseline_rate, longest.candidate_rate, longest.difference) == (10, 0.0, 1.0, 1.0)
    assert longest.interval == paired_difference_interval(10, 0, 10)
    assert longest.p_value == mcnemar_exact(10, 0)
    assert longest.adjusted_p_value == pytest.approx(3 * longest.p_value)
    assert longest.note == "better here, to be confirmed on new rows"
    assert found["up to 10 characters"].note == ""


def test_the_longest_prompts_may_be_the_only_ones_that_got_worse() -> None:
    baseline, candidate = build_result("a", "p" * 60), build_result("b", "p" * 45 + "f" * 15)
    found = find(compute_slices(build_samples(60), baseline, candidate), "prompt length")
    assert [each.note for each in found.values()] == ["", "", "worse here, to be confirmed on new rows"]


def test_labels_and_metadata_make_slices_of_ten_cases_or_more() -> None:
    labels = "x" * 12 + "y" * 11 + "z" * 7
    metadata = [{"source": "mail" if place % 2 else "form", "id": place, "list": [1]} for place in range(30)]
    baseline, candidate = with_labels(build_result("a", "fp" * 15), labels), build_result("b", "pp" * 15)
    found = compute_slices(build_samples(30, metadata), baseline, candidate)
    assert {value: each.total for value, each in find(found, "label").items()} == {"x": 12, "y": 11}
    by_source = find(found, "source")
    assert (by_source["form"].difference, by_source["mail"].difference) == (1.0, 0.0)
    assert {each.key for each in found} == {"prompt length", "label", "source"}


def test_a_key_that_only_some_rows_have_makes_slices_of_those() -> None:
    metadata = [{"source": "mail" if place < 12 else "form"} if place < 24 else {"other": 1} for place in range(30)]
    found = compute_slices(build_samples(30, metadata), build_result("a", "f" * 30), build_result("b", "p" * 30))
    assert {value: each.total for value, each in find(found, "source").items()} == {"form": 12, "mail": 12}


def test_a_key_with_one_large_value_parts_nothing() -> None:
    metadata = [{"source": "mail" if place < 25 else "form"} for place in range(30)]
    found = compute_slices(build_samples(30, metadata), build_result("a", "f" * 30), build_result("b", "p" * 30))
    assert find(found, "source") == {}


def test_values_of_different_kinds_that_read_alike_are_one_slice() -> None:
    metadata = [{"level": 1 if place % 2 else "1"} if place < 20 else {"level": True} for place in range(40)]
    found = compute_slices(build_samples(40, metadata), build_result("a", "f" * 40), build_result("b", "p" * 40))
    assert {value: each.total for value, each in find(found, "level").items()} == {"1": 20, "True": 20}


def test_a_small_test_set_has_no_slices() -> None:
    assert compute_slices(build_samples(18), build_result("a", "f" * 18), build_result("b", "p" * 18)) == ()


def test_a_baseline_that_was_not_heard_is_not_beaten_in_a_slice_either() -> None:
    baseline, candidate = build_result("a", "u" * 30), build_result("b", "p" * 30)
    found = compute_slices(build_samples(30), baseline, candidate)
    assert {each.difference for each in found} == {0.0}


def test_clusters_count_in_slices_and_few_are_noted() -> None:
    baseline, candidate = build_result("a", "f" * 60), build_result("b", "p" * 60)
    alone = compute_slices(build_samples(60), baseline, candidate)
    together = compute_slices(build_samples(60, clusters=5), baseline, candidate)
    assert together[0].p_value == pytest.approx(2 / 2**5)
    assert together[0].p_value > 1000 * alone[0].p_value
    assert together[0].note == "from only 5 clusters"


def test_of_slices_without_a_difference_hardly_any_is_called_one() -> None:
    """Two equally good models and eight slices, 200 times: BH keeps a false lead to one evaluation in twenty."""
    rng = np.random.default_rng(71)
    metadata = [{"a": place % 3, "b": place // 40} for place in range(120)]
    samples = build_samples(120, metadata)
    false_leads = 0
    for _ in range(200):
        before, after = ("".join(np.where(rng.random(120) < 0.6, "p", "f")) for _ in "ab")
        slices = compute_slices(samples, build_result("a", before), build_result("b", after))
        false_leads += any(each.note for each in slices)
    assert false_leads / 200 <= 0.09


def test_the_label_of_slices_says_that_they_prove_nothing() -> None:
    assert "exploratory" in EXPLORATORY
