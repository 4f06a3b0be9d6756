"""A sweep over strengths asks validation rows alone, measures nothing twice, and leaves nothing but its answer."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from luthier.data.catalog import keep_splits
from luthier.data.dataset import Dataset
from luthier.data.examples.orders import generate_rows
from luthier.data.reading import load_dataset
from luthier.engine.protocol import Sampling
from luthier.errors import InvalidConfig, InvalidDataset, UnknownModel, UsageError
from luthier.evaluation.forgetting.material import load_material
from luthier.models.registry import TunedModel, keep_model
from luthier.pipeline import Progress, StrengthWish, compare, compare_strengths, evaluate, keep_strength, split
from luthier.store.catalog import keep_artefact, list_models, start_run
from tests.support.adapters import AdapterMaker

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.splits.split import Splits
    from luthier.models.catalog import Base
    from luthier.store.home import Home

WHOLE = load_material()
PART = replace(
    WHOLE, passages=WHOLE.passages[:4], gaps=WHOLE.gaps[::60], probes=WHOLE.probes[::40], questions=WHOLE.questions[:2]
)
SHORT = Sampling(max_tokens=3)
WISH = StrengthWish((0.6,), grader="regex:(?s).*", sampling=SHORT, material=PART)


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    file = tmp_path / "orders.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in generate_rows(30)), encoding="utf-8")
    return split(file, tmp_path / "orders")


@pytest.fixture
def tuned(home: Home, tiny_base: Base, splits: Splits) -> TunedModel:
    """As if it had been trained on the splits: its run and its card say so."""
    made = AdapterMaker(home, tiny_base).keep("made")
    start_run(home.database, id="run-1", name="orders", base=tiny_base.name, config={}, dataset_fingerprint="")
    run = keep_artefact(home.database, kind="run", name="run-1", manifest={}, parents=[keep_splits(home, splits)])
    learned = frozenset(example.prompt_fingerprint for example in splits.train.examples)
    card = made.card.model_copy(update={"name": "orders", "run": "run-1", "trained_on": learned})

    def write(folder: Path) -> None:
        shutil.copytree(made.folder, folder, dirs_exist_ok=True)

    return keep_model(home, card, write, parent=run)


def list_prompts(dataset: Dataset) -> set[str]:
    return {example.prompt_fingerprint[:12] for example in dataset.examples}


def test_the_full_strength_is_the_model_and_test_rows_are_never_asked(
    home: Home, tuned: TunedModel, splits: Splits, tmp_path: Path
) -> None:
    """Whatever is asked is kept by its prompt, so that what was kept tells what was asked."""
    sweep = compare_strengths("orders", wish=WISH, home=home)
    full, weaker = sweep.trials
    assert (full.strength, weaker.strength, sweep.rows) == (1.0, 0.6, "orders-validation")
    for result in (sweep.base, full.result, weaker.result):
        asked = {outcome.sample_id for outcome in result.outcomes}
        assert asked == list_prompts(splits.validation)
        assert not asked & list_prompts(splits.test)
    alone = evaluate("orders", tmp_path / "orders" / "validation.jsonl", home=home, grader=WISH.grader, sampling=SHORT)
    assert [each.output for each in alone.candidate.outcomes] == [each.output for each in full.result.outcomes]
    assert alone.candidate.manifest.weights_hash == full.result.manifest.weights_hash
    assert full.forgetting.families[0].measured != weaker.forgetting.families[0].measured != 0
    assert full.forgetting.families[0].baseline == weaker.forgetting.families[0].baseline
    kept_before = count_kept(home)
    evaluate("orders", tmp_path / "orders", home=home, grader=WISH.grader, sampling=SHORT)
    assert count_kept(home) == kept_before + len(splits.test.examples)


def count_kept(home: Home) -> int:
    return len(list((home.path / "outputs").rglob("*.json")))


def test_a_strength_that_is_kept_is_what_was_measured(home: Home, tuned: TunedModel, tmp_path: Path) -> None:
    sweep = compare_strengths("orders", wish=WISH, home=home)
    kept = keep_strength("orders", 0.6, home=home)
    assert kept.name == "orders-at-0.6"
    assert [record.name for record in list_models(home.database)] == ["orders-at-0.6", "orders", "made"]
    rows = tmp_path / "orders" / "test.jsonl"
    report = compare(
        "orders", "orders-at-0.6", rows, home=home, grader=WISH.grader, sampling=SHORT, measures_latency=False
    )
    assert report.baseline is not None
    hashes = [result.manifest.weights_hash for result in report.results]
    assert hashes[0] != hashes[1] == sweep.trials[1].result.manifest.weights_hash


def test_what_was_stopped_goes_on_from_what_is_kept(home: Home, tuned: TunedModel) -> None:
    """The second call finds all that the first one measured before it was stopped, the third one everything."""
    seen: list[tuple[str, int, int]] = []

    def stop(model: str, done: int, total: int) -> None:
        if "0.6 besides" in model and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_strengths("orders", wish=WISH, home=home, progress=Progress(count_answers=stop))
    assert not list((home.path).glob(".strengths*"))
    kept = count_kept(home)
    told = Progress(count_answers=lambda *counts: seen.append(counts))
    first = compare_strengths("orders", wish=WISH, home=home, progress=told)
    again = {model: done for model, done, _ in reversed(seen) if done}
    assert again["orders@0.6"] == len(first.base.outcomes), "found as one, and not asked one by one"
    assert count_kept(home) > kept
    kept = count_kept(home)
    assert compare_strengths("orders", wish=WISH, home=home).to_json() == first.to_json()
    assert count_kept(home) == kept


def test_another_split_may_be_named_and_its_validation_rows_count(
    home: Home, tuned: TunedModel, tmp_path: Path, splits: Splits
) -> None:
    file = tmp_path / "new.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in generate_rows(40, seed=8)), encoding="utf-8")
    other = split(file, tmp_path / "new")
    sweep = compare_strengths("orders", tmp_path / "new", WISH, home=home)
    assert {outcome.sample_id for outcome in sweep.base.outcomes} == list_prompts(other.validation)
    with pytest.raises(UsageError, match="is one file and no split, so that it has no validation rows"):
        compare_strengths("orders", file, WISH, home=home)


def test_rows_that_the_model_was_trained_on_are_refused(home: Home, tuned: TunedModel, tmp_path: Path) -> None:
    folder = tmp_path / "swapped"
    shutil.copytree(tmp_path / "orders", folder)
    (folder / "manifest.json").unlink()
    train, validation = folder / "train.jsonl", folder / "validation.jsonl"
    rows = train.read_text(), validation.read_text()
    train.write_text(rows[1])
    validation.write_text(rows[0])
    with pytest.raises(InvalidDataset, match=r"24 of 24 validation rows of .* are training rows of orders") as caught:
        compare_strengths("orders", folder, WISH, home=home)
    assert len(load_dataset(validation, minimum=1).examples) == len(caught.value.rows)


def test_a_model_without_kept_rows_asks_for_them(home: Home, tiny_base: Base) -> None:
    AdapterMaker(home, tiny_base).keep("made")
    with pytest.raises(UsageError, match="rows that made was validated on are not kept any more") as caught:
        compare_strengths("made", wish=WISH, home=home)
    assert "--data" in caught.value.hint


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (replace(WISH, strengths=(0.5, 1.2)), "a strength of 1.2 is not between 0 and 1"),
        (replace(WISH, strengths=(1.0,)), "no strength is to be tried"),
        (replace(WISH, margin=0.0), "the margin must lie between 0 and 1, not 0"),
        (replace(WISH, margin=float("nan")), "the margin must lie between 0 and 1, not nan"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(home: Home, tuned: TunedModel, wish: StrengthWish, message: str) -> None:
    with pytest.raises(InvalidConfig, match=message):
        compare_strengths("orders", wish=wish, home=home)


def test_what_is_no_tuned_model_is_refused(home: Home, tuned: TunedModel, tiny_base: Base) -> None:
    with pytest.raises(UsageError, match="is no tuned model"):
        compare_strengths(tiny_base.name, wish=WISH, home=home)
    with pytest.raises(UnknownModel) as caught:
        compare_strengths("ordres", wish=WISH, home=home)
    assert "orders" in caught.value.hint
    for name, error in (("a/b", InvalidConfig), ("smollm2-135m", UsageError)):
        with pytest.raises(error):
            keep_strength("orders", 0.5, name=name, home=home)
