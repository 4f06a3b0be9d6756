"""Tuned models by name, whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from luthier.errors import StoreDamaged, UnknownArtefact, UnknownModel
from luthier.models.card import ModelCard, describe_card, read_card
from luthier.models.registry import TunedModel, find_model, keep_model, resolve_model
from luthier.store.catalog import get_run, keep_artefact, list_artefacts, start_run

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from luthier.store.home import Home

CARD = ModelCard(
    name="orders-bot",
    base="smollm2-135m",
    base_weights_hash="b",
    weights_hash="w",
    template_hash="t",
    system_prompt="Be brief.",
    data={"name": "orders", "rows": 3, "fingerprint": "f" * 64},
    config={"r": 16},
    metrics={"validation_loss": 0.1},
    run="run-1",
    luthier_version="0.1.0",
    created_at=datetime(2026, 1, 2, tzinfo=UTC),
    trained_on=frozenset({"a" * 64, "b" * 64}),
)


def start(home: Home) -> str:
    start_run(home.database, id="run-1", name="orders-bot", base="smollm2-135m", config={}, dataset_fingerprint="f")
    return keep_artefact(home.database, kind="run", name="run-1", manifest={})


def keep(home: Home) -> TunedModel:
    run = start(home)
    return keep_model(home, CARD, lambda folder: (folder / "adapter").touch(), parent=run)


def test_a_model_is_found_with_its_card(home: Home) -> None:
    keep(home)
    found = find_model(home, "orders-bot")
    assert found.card == CARD
    assert "| validation_loss | 0.1 |" in (found.folder / "README.md").read_text()
    assert isinstance(resolve_model(home, "orders-bot"), TunedModel)


@pytest.mark.parametrize(
    ("config", "sentence", "library"),
    [
        ({"r": 16}, "An adapter of smollm2-135m, tuned", "peft"),
        ({"tuning": "qlora"}, "An adapter of smollm2-135m in four bits, tuned", "peft"),
        ({"tuning": "full"}, "A model made of smollm2-135m by training all weights, tuned", "transformers"),
    ],
)
def test_a_card_says_what_was_trained(config: dict[str, Any], sentence: str, library: str) -> None:
    """One without that setting is of a time when there was only one way."""
    text = describe_card(CARD.model_copy(update={"config": config}))
    assert sentence in text
    assert f"library_name: {library}" in text


def test_a_name_that_is_no_tuned_model_may_be_a_base(home: Home, tiny_base: Base) -> None:
    assert resolve_model(home, str(tiny_base.folder)).folder == tiny_base.folder


def test_an_unknown_model_is_answered_with_near_names_of_both_kinds(home: Home) -> None:
    keep(home)
    for typed, meant in (("orders-bt", "orders-bot"), ("smollm2-135", "smollm2-135m")):
        with pytest.raises(UnknownModel, match=f"no model is called '{typed}'") as caught:
            resolve_model(home, typed)
        assert meant in caught.value.hint


def test_what_is_wrong_with_a_folder_is_said(home: Home) -> None:
    with pytest.raises(UnknownModel, match="there is no folder"):
        resolve_model(home, "./nowhere")


def test_a_failure_while_writing_leaves_no_model(home: Home) -> None:
    def fail(folder: Path) -> None:
        raise KeyboardInterrupt

    run = start(home)
    with pytest.raises(KeyboardInterrupt):
        keep_model(home, CARD, fail, parent=run)
    assert list(home.models.iterdir()) == []
    with pytest.raises(UnknownModel):
        find_model(home, "orders-bot")


def test_name_artefact_and_the_end_of_the_run_are_kept_together_or_not_at_all(home: Home) -> None:
    start(home)
    with pytest.raises(UnknownArtefact):
        keep_model(home, CARD, lambda folder: (folder / "adapter").touch(), parent="not kept")
    with pytest.raises(UnknownModel):
        find_model(home, "orders-bot")
    assert get_run(home.database, "run-1").status == "running"
    keep(home)
    assert [each.name for each in list_artefacts(home.database, "model")] == ["orders-bot"]
    run = get_run(home.database, "run-1")
    assert (run.status, run.model_name, run.finished_at is not None) == ("succeeded", "orders-bot", True)


def test_weights_that_are_kept_again_keep_their_card(home: Home) -> None:
    """As by a run that was killed after it had kept them; its new card would tell of another time and pace."""
    run = start(home)
    keep(home)
    later = CARD.model_copy(update={"created_at": datetime(2026, 1, 3, tzinfo=UTC)})
    kept = keep_model(home, later, lambda folder: (folder / "adapter").touch(), parent=run)
    assert kept.card == find_model(home, "orders-bot").card == CARD
    assert len(list_artefacts(home.database, "model")) == 1


@pytest.mark.parametrize("content", ["{", "{}", '{"name": "x"}'])
def test_a_damaged_card_is_named(home: Home, content: str) -> None:
    folder = keep(home).folder
    (folder / "card.json").write_text(content)
    with pytest.raises(StoreDamaged, match="has no readable card"):
        read_card(folder)
