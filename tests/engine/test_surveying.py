"""How two models take a text: what a plain forward pass of transformers gives, whatever weights the two stand on."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
import torch

from luthier.conversation import Message
from luthier.engine.protocol import Reading, Request, Sampling, Surveyor
from luthier.engine.torch_engine import TorchEngine
from luthier.errors import ExampleTooLong, InvalidRequest, RequestCancelled, UnlikeComparison
from luthier.models.catalog import Base
from luthier.models.loading import load_base
from luthier.models.registry import resolve_model
from luthier.training.config import TrainingConfig
from luthier.training.run import RunOrder, execute_run
from tests.support.adapters import AdapterMaker
from tests.support.chats import make_splits
from tests.support.tiny import build_tokenizer, save_base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transformers import PreTrainedModel

    from luthier.models.registry import TunedModel
    from luthier.models.settings import Tuning
    from luthier.store.home import Home

needs_bitsandbytes = pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")

LONG = "The river rises in the hills and winds its way down to a shallow bay. " * 6
"""Over 128 bytes, so that it takes several steps."""

TEXTS = ("The sun is hot.", LONG, "a" * 127, "b" * 129)


@pytest.fixture
def engine(home: Home) -> Iterator[TorchEngine]:
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32") as engine:
        yield engine


def load_alone(base: Base, adapter: TunedModel | None = None, *, is_quantised: bool = False) -> PreTrainedModel:
    """By transformers and PEFT alone."""
    model = load_base(base, precision="float32", is_quantised=is_quantised).model
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter.folder))
    return model.eval()


@torch.no_grad()
def survey_plainly(models: list[PreTrainedModel], ids: list[int], first: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Surprisals (M, T) and KL (T,), from all logits at once."""
    log_probs = [model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1) for model in models]
    expected = torch.tensor(ids)[first:, None]
    surprisals = torch.stack([-each[first - 1 : -1].gather(1, expected)[:, 0] for each in log_probs])
    one, other = log_probs
    divergences = torch.nn.functional.kl_div(other, one, reduction="none", log_target=True).sum(-1)
    return surprisals, divergences[first - 1 : -1]


def check_against_transformers(
    engine: TorchEngine, names: list[str], models: list[PreTrainedModel], *, tolerance: float = 2e-4
) -> None:
    tokenizer = build_tokenizer()
    for text, survey in zip(TEXTS, engine.survey(names, [Reading(text) for text in TEXTS]), strict=True):
        surprisals, divergences = survey_plainly(models, tokenizer(text)["input_ids"])
        assert survey.surprisals == pytest.approx(surprisals.numpy(), abs=tolerance)
        assert survey.divergences == pytest.approx(divergences.numpy(), abs=tolerance)
        assert survey.divergences.mean() > 10 * tolerance


def tune(home: Home, base: Base, tuning: Tuning) -> TunedModel:
    config = TrainingConfig(tuning=tuning, epochs=2, batch_size=4, r=2, learning_rate=0.02, precision="float32")
    return execute_run(home, RunOrder(tuning, base, make_splits(), config), observe=lambda event: None)


def test_an_adapter_and_its_base_are_surveyed_over_one_copy_of_the_weights(
    home: Home, engine: TorchEngine, tiny_base: Base
) -> None:
    tuned = AdapterMaker(home, tiny_base).keep("tuned")
    models = [load_alone(tiny_base), load_alone(tiny_base, tuned)]
    check_against_transformers(engine, [tiny_base.name, "tuned"], models)


def test_two_adapters_of_one_base_are_told_apart(home: Home, engine: TorchEngine, tiny_base: Base) -> None:
    maker = AdapterMaker(home, tiny_base)
    one, other = maker.keep("one"), maker.keep("other")
    models = [load_alone(tiny_base, one), load_alone(tiny_base, other)]
    check_against_transformers(engine, ["one", "other"], models)


def test_a_model_tuned_as_a_whole_is_surveyed_with_its_own_weights(
    home: Home, engine: TorchEngine, tiny_base: Base
) -> None:
    tuned = tune(home, tiny_base, "full")
    models = [load_alone(tiny_base), load_alone(Base("full", tuned.folder))]
    check_against_transformers(engine, [tiny_base.name, "full"], models)


@needs_bitsandbytes
def test_an_adapter_of_four_bit_weights_is_surveyed_on_those(home: Home, engine: TorchEngine, wide_base: Base) -> None:
    tuned = tune(home, wide_base, "qlora")
    models = [load_alone(wide_base), load_alone(wide_base, tuned, is_quantised=True)]
    check_against_transformers(engine, [wide_base.name, "qlora"], models, tolerance=1e-3)


def test_a_model_that_cannot_be_packed_is_surveyed_too(home: Home, tmp_path: Path) -> None:
    folder = save_base(tmp_path / "turned", rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4})
    base = Base(str(folder), folder)
    tuned = AdapterMaker(home, base).keep("tuned")
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32") as engine:
        check_against_transformers(engine, [base.name, "tuned"], [load_alone(base), load_alone(base, tuned)])


@torch.no_grad()
def list_likeliest(model: PreTrainedModel, ids: list[int]) -> list[int]:
    """What the model would put after each token."""
    likeliest: list[int] = model(input_ids=torch.tensor([ids])).logits[0].argmax(-1).tolist()
    return likeliest


def test_it_is_told_for_each_model_which_tokens_it_would_have_written_itself(
    home: Home, engine: TorchEngine, tiny_base: Base
) -> None:
    tuned = AdapterMaker(home, tiny_base).keep("tuned")
    models, tokenizer, text = [load_alone(tiny_base), load_alone(tiny_base, tuned)], build_tokenizer(), "The sun"
    for _ in range(20):
        written = tokenizer.decode(list_likeliest(models[0], tokenizer(text)["input_ids"])[-1:])
        text += written if written.isascii() and len(written) == 1 else "a"
    ids = tokenizer(text)["input_ids"]
    (survey,) = engine.survey([tiny_base.name, "tuned"], [Reading(text)])
    likeliest = [list_likeliest(model, ids)[:-1] for model in models]
    expected = [[one == other for one, other in zip(each, ids[1:], strict=True)] for each in likeliest]
    assert survey.is_likeliest.tolist() == expected
    assert expected[0] != expected[1]
    assert set(expected[0]) == {True, False}


def test_a_context_is_read_and_not_measured(engine: TorchEngine, tiny_base: Base) -> None:
    context, text = "Two and two make " * 9, "four"
    (survey,) = engine.survey([tiny_base.name], [Reading(text, context=context)])
    model, ids = load_alone(tiny_base), build_tokenizer()(context + text)["input_ids"]
    surprisals, _ = survey_plainly([model, model], ids, first=len(context))
    assert survey.surprisals[0] == pytest.approx(surprisals[0].numpy(), abs=2e-4)
    assert survey.divergences.size == 0


def test_messages_are_read_as_the_prompt_that_an_answer_would_follow(engine: TorchEngine, tiny_base: Base) -> None:
    messages = (Message("system", "Be kind."), Message("user", "Is it raining?"))
    (survey,) = engine.survey([tiny_base.name, tiny_base.name], [Reading(messages=messages)])
    base = load_base(tiny_base, precision="float32")
    surprisals, _ = survey_plainly([base.model] * 2, base.template.encode_prompt(messages))
    assert survey.surprisals == pytest.approx(surprisals.numpy(), abs=2e-4)
    assert not survey.divergences.any()


def test_a_text_is_surveyed_alike_whatever_others_share_its_steps(
    home: Home, engine: TorchEngine, tiny_base: Base
) -> None:
    AdapterMaker(home, tiny_base).keep("tuned")
    names = [tiny_base.name, "tuned"]
    together = engine.survey(names, [Reading(text) for text in TEXTS])
    for text, survey in zip(TEXTS, together, strict=True):
        (alone,) = engine.survey(names, [Reading(text)])
        assert survey.surprisals == pytest.approx(alone.surprisals, abs=1e-4)
        assert survey.divergences == pytest.approx(alone.divergences, abs=1e-4)


def test_requests_are_answered_beside_a_survey(home: Home, engine: TorchEngine, tiny_base: Base) -> None:
    AdapterMaker(home, tiny_base).keep("tuned")
    request = Request("tuned", (Message("user", "hi"),), Sampling(max_tokens=60))
    alone = engine.submit(request).wait()
    running = [engine.submit(request) for _ in range(3)]
    engine.survey([tiny_base.name, "tuned"], [Reading(LONG)])
    assert {answer.wait().text for answer in running} == {alone.text}


def test_progress_counts_the_readings(engine: TorchEngine, tiny_base: Base) -> None:
    done: list[int] = []
    engine.survey([tiny_base.name], [Reading(text) for text in TEXTS], on_progress=done.append)
    assert sum(done) == len(TEXTS)


def test_what_cannot_be_measured_is_refused_before_any_work(engine: TorchEngine, tiny_base: Base) -> None:
    done: list[int] = []
    for reading, error in [
        (Reading("x" * 2000), ExampleTooLong),
        (Reading("x"), InvalidRequest),
        (Reading("", context="only a context"), InvalidRequest),
    ]:
        with pytest.raises(error, match="text 2"):
            engine.survey([tiny_base.name], [Reading("fine"), reading], on_progress=done.append)
    with pytest.raises(InvalidRequest, match="3 models"):
        engine.survey([tiny_base.name] * 3, [Reading("fine")])
    assert done == []


def test_models_of_different_tokens_are_not_compared(home: Home, engine: TorchEngine, tiny_base: Base) -> None:
    folder = save_base(home.path / "other")
    tokenizer = build_tokenizer("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    tokenizer.save_pretrained(folder)
    with pytest.raises(UnlikeComparison, match="do not read texts as the same tokens"):
        engine.survey([tiny_base.name, str(folder)], [Reading("fine")])


def test_a_closed_engine_surveys_nothing(engine: TorchEngine, tiny_base: Base) -> None:
    engine.close()
    with pytest.raises(RequestCancelled):
        engine.survey([tiny_base.name], [Reading("fine")])


def test_only_an_engine_with_weights_is_a_surveyor(engine: TorchEngine) -> None:
    from luthier.engine.scripted_engine import ScriptedEngine

    assert isinstance(engine, Surveyor)
    assert not isinstance(ScriptedEngine({}), Surveyor)
