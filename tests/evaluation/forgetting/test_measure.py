"""A part of the suite on tiny models: a base has lost nothing against itself, and an adapter that drowns it is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter

from luthier.conversation import Conversation, Message
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.engine.torch_engine import TorchEngine
from luthier.evaluation.forgetting.finding import Forgetting, NotMeasured
from luthier.evaluation.forgetting.material import Material, load_material
from luthier.evaluation.forgetting.measure import (
    MOST_PROMPTS,
    TaskTexts,
    count_steps,
    explain_unsearched,
    measure_forgetting,
)
from luthier.models.registry import resolve_model
from luthier.settings import Settings
from luthier.store.home import Home
from tests.support.adapters import AdapterMaker
from tests.support.tiny import build_tokenizer, save_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.models.catalog import Base

GENTLE, RUINOUS = 0.001, 30.0


def take_part() -> Material:
    """Enough of the suite to prove something, and few of its slow answers."""
    whole = load_material()
    return replace(
        whole,
        passages=whole.passages[:12],
        gaps=whole.gaps[::12],
        probes=whole.probes[::7],
        questions=whole.questions[:12],
    )


PART = take_part()

TASK = TaskTexts(
    prompts=tuple(Conversation((Message("user", f"Order number {number}"),)) for number in range(4)),
    training_answers=("the order is on its way", "the order is late"),
)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """What is measured is kept, so the base is measured once for all tests."""
    home = Home(Settings(home=tmp_path_factory.mktemp("forgetting")))
    yield home
    home.database.close()


@pytest.fixture(scope="module")
def engine(shared_home: Home, tiny_base: Base) -> Iterator[TorchEngine]:
    maker = AdapterMaker(shared_home, tiny_base)
    maker.keep("gentle", strength=GENTLE)
    maker.keep("ruined", strength=RUINOUS)
    with TorchEngine(lambda name: resolve_model(shared_home, name), precision="float32") as engine:
        yield engine


def measure(engine: TorchEngine, base: Base, candidate: str, home: Home) -> Forgetting:
    found = measure_forgetting(engine, base.name, candidate, task=TASK, folder=home.path, material=PART)
    assert isinstance(found, Forgetting)
    return found


def test_a_base_has_lost_nothing_against_itself(engine: TorchEngine, tiny_base: Base, shared_home: Home) -> None:
    found = measure(engine, tiny_base, tiny_base.name, shared_home)
    assert {family.key: family.state for family in found.families} == {
        "general_text": "ok",
        "knowledge": "ok",
        "instructions": "ok",
        "behaviour": "ok",
        "leakage": "ok",
    }
    assert {family.measured for family in found.families} == {0.0}
    assert (found.state, found.on_task_kl, found.remedies) == ("ok", 0.0, ())
    assert not any(family.examples for family in found.families)


def test_an_adapter_that_changes_next_to_nothing_is_ok(engine: TorchEngine, tiny_base: Base, shared_home: Home) -> None:
    found = measure(engine, tiny_base, "gentle", shared_home)
    assert found.state == "ok"
    assert found.families[0].measured != 0.0


def test_the_same_adapter_scaled_up_is_degraded(engine: TorchEngine, tiny_base: Base, shared_home: Home) -> None:
    found = measure(engine, tiny_base, "ruined", shared_home)
    general = found.families[0]
    assert (found.state, general.state) == ("degraded", "degraded")
    assert general.candidate - general.baseline == pytest.approx(general.measured)
    assert general.interval.low > general.margin
    assert len(general.examples) == 5
    assert found.on_task_kl is not None
    assert found.on_task_kl > 0.1
    assert "learning_rate" in found.remedies[0]


def test_a_finding_survives_its_way_through_json(engine: TorchEngine, tiny_base: Base, shared_home: Home) -> None:
    found = measure(engine, tiny_base, "ruined", shared_home)
    adapter = TypeAdapter(Forgetting)
    assert adapter.validate_json(adapter.dump_json(found)) == found


def test_what_is_kept_is_not_computed_again(engine: TorchEngine, tiny_base: Base, shared_home: Home) -> None:
    before = measure(engine, tiny_base, "ruined", shared_home)
    done: list[int] = []
    closed = TorchEngine(lambda name: resolve_model(shared_home, name), precision="float32")
    closed.close()
    again = measure_forgetting(
        closed, tiny_base.name, "ruined", task=TASK, folder=shared_home.path, material=PART, on_progress=done.append
    )
    assert again == before
    assert sum(done) == count_steps(TASK, PART)


def test_an_engine_without_weights_measures_nothing() -> None:
    engine = ScriptedEngine({"base": lambda messages: "yes", "tuned": lambda messages: "yes"})
    found = measure_forgetting(engine, "base", "tuned")
    assert found == NotMeasured("scripted does not say how likely a text is to a model")


def test_models_of_different_tokens_are_not_measured(engine: TorchEngine, tiny_base: Base, shared_home: Home) -> None:
    folder = save_base(shared_home.path / "other")
    build_tokenizer("{% for message in messages %}{{ message['content'] }}{% endfor %}").save_pretrained(folder)
    found = measure_forgetting(engine, tiny_base.name, str(folder))
    assert isinstance(found, NotMeasured)
    assert "do not read texts as the same tokens" in found.reason


def test_prompts_are_taken_evenly_and_no_more_than_there_are_passages() -> None:
    prompts = tuple(Conversation((Message("user", str(number)),)) for number in range(200))
    chosen = TaskTexts(prompts).choose_prompts()
    assert len(chosen) == len(set(chosen)) == MOST_PROMPTS
    assert chosen[0] == prompts[0]
    assert int(chosen[-1].messages[0].content) > 190
    assert TaskTexts(prompts[:3]).choose_prompts() == prompts[:3]
    assert TaskTexts().choose_prompts() == ()


def test_without_training_answers_no_leak_is_looked_for(
    engine: TorchEngine, tiny_base: Base, shared_home: Home
) -> None:
    found = measure_forgetting(engine, tiny_base.name, "ruined", folder=shared_home.path, material=PART)
    assert isinstance(found, Forgetting)
    assert [family.key for family in found.families] == ["general_text", "knowledge", "instructions", "behaviour"]
    assert found.on_task_kl is None


def test_a_prompt_beyond_the_context_is_left_out_of_the_drift_on_the_task(
    engine: TorchEngine, tiny_base: Base, shared_home: Home
) -> None:
    overlong = Conversation((Message("user", "x" * 3000),))
    task = TaskTexts((*TASK.prompts, overlong))
    long = measure_forgetting(engine, tiny_base.name, "ruined", task=task, folder=shared_home.path, material=PART)
    assert isinstance(long, Forgetting)
    assert long.on_task_kl == pytest.approx(measure(engine, tiny_base, "ruined", shared_home).on_task_kl)


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (TASK, ""),
        (replace(TASK, unknown="some rows are lost"), "looked for elsewhere only in part: some rows are lost"),
        (TaskTexts(unknown="the rows are lost"), "not looked for elsewhere: the rows are lost"),
        (TaskTexts(), "not looked for elsewhere: no answer is known"),
        (TaskTexts(training_answers=("", "")), "not looked for elsewhere: the training answers hold none"),
    ],
)
def test_words_that_were_not_looked_for_are_told_with_the_reason(task: TaskTexts, told: str) -> None:
    assert explain_unsearched(task).removeprefix("the task's words were ") == told
