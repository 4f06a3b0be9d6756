"""The embedded engine on a tiny model: the same tokens as transformers, whatever shares the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from luthier.conversation import Message
from luthier.engine.protocol import Request, Sampling
from luthier.engine.torch_engine import TorchEngine
from luthier.errors import ExampleTooLong, StoreDamaged, UnknownModel
from luthier.models.loading import load_base
from luthier.models.registry import resolve_model
from luthier.training.config import TrainingConfig
from luthier.training.run import RunOrder, execute_run
from tests.support.chats import make_splits

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home

PROMPTS = ["hi", "name a colour, any colour", "what?", "a much longer question than all the others here"]
GREEDY = Sampling(max_tokens=12)


@pytest.fixture
def tuned(home: Home, tiny_base: Base) -> TunedModel:
    config = TrainingConfig(epochs=2, batch_size=4, r=2, learning_rate=0.05)
    return execute_run(home, RunOrder("tuned.v1", tiny_base, make_splits(), config), observe=lambda event: None)


@pytest.fixture
def engine(home: Home) -> TorchEngine:
    return TorchEngine(lambda name: resolve_model(home, name), precision="float32", batch_size=3)


def ask(model: str, text: str, sampling: Sampling = GREEDY) -> Request:
    return Request(model, (Message("user", text),), sampling)


def generate_alone(base: Base, text: str, adapter: TunedModel | None = None) -> str:
    """The reference: one prompt, no padding, transformers' own generate, adapter merged into fresh weights."""
    loaded = load_base(base, precision="float32")
    model = loaded.model
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter.folder)).merge_and_unload()
    ids = torch.tensor([loaded.template.encode_prompt((Message("user", text),))])
    output = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
    return loaded.template.decode(output[0, ids.shape[1] :].tolist())


def test_a_mixed_batch_gives_the_tokens_of_each_model_alone(
    engine: TorchEngine, tuned: TunedModel, tiny_base: Base
) -> None:
    base = str(tiny_base.folder)
    requests = [ask(model, text) for text in PROMPTS for model in (base, tuned.name)]
    answers = [response.text for response in engine.generate(requests)]
    expected = [generate_alone(tiny_base, text, adapter) for text in PROMPTS for adapter in (None, tuned)]
    assert answers == expected
    assert answers[0::2] != answers[1::2]


def test_base_and_tuned_model_get_identical_prompts(engine: TorchEngine, tuned: TunedModel, tiny_base: Base) -> None:
    one, other = engine.generate([ask(str(tiny_base.folder), "hi"), ask(tuned.name, "hi")])
    assert one.prompt_hash == other.prompt_hash
    assert one.prompt_hash != engine.generate([ask(tuned.name, "ho")])[0].prompt_hash


def test_identities_tell_models_apart(engine: TorchEngine, tuned: TunedModel, tiny_base: Base) -> None:
    base, adapted = engine.identify(str(tiny_base.folder)), engine.identify(tuned.name)
    assert base.weights_hash != adapted.weights_hash
    assert base.template_hash == adapted.template_hash
    assert base.trained_on == frozenset()
    assert len(adapted.trained_on) == 16


def test_an_answer_ends_at_a_stop_text_and_does_not_contain_it(engine: TorchEngine, tiny_base: Base) -> None:
    whole = engine.generate([ask(str(tiny_base.folder), "hi")])[0].text
    stop = whole[3:5]
    cut = engine.generate([ask(str(tiny_base.folder), "hi", Sampling(max_tokens=12, stop=(stop,)))])[0]
    assert cut.text == whole[: whole.find(stop)]
    assert cut.finish_reason == "stop"


def test_an_answer_that_does_not_end_says_so(engine: TorchEngine, tiny_base: Base) -> None:
    response = engine.generate([ask(str(tiny_base.folder), "hi", Sampling(max_tokens=3))])[0]
    assert (response.finish_reason, response.completion_tokens) == ("length", 3)


def test_a_seeded_answer_does_not_depend_on_its_neighbours(engine: TorchEngine, tiny_base: Base) -> None:
    model = str(tiny_base.folder)
    sampling = Sampling(temperature=1.5, seed=7, max_tokens=12)
    alone = engine.generate([ask(model, "hi", sampling)])[0].text
    crowd = engine.generate([ask(model, text, sampling) for text in [*PROMPTS[1:], "hi"]])[-1].text
    assert alone == crowd
    assert alone != engine.generate([ask(model, "hi", sampling.model_copy(update={"seed": 8}))])[0].text


def test_answers_stop_where_the_context_ends(engine: TorchEngine, tiny_base: Base) -> None:
    response = engine.generate([ask(str(tiny_base.folder), "x" * 950, Sampling(max_tokens=500))])[0]
    assert response.prompt_tokens + response.completion_tokens <= 1024


def test_a_long_prompt_does_not_cut_its_neighbours(engine: TorchEngine, tiny_base: Base) -> None:
    model, sampling = str(tiny_base.folder), Sampling(max_tokens=60)
    alone = engine.generate([ask(model, "hi", sampling)])[0]
    beside = engine.generate([ask(model, "x" * 960, sampling), ask(model, "hi", sampling)])[1]
    assert beside == alone


def test_a_prompt_that_fills_the_context_is_refused(engine: TorchEngine, tiny_base: Base) -> None:
    with pytest.raises(ExampleTooLong, match=r"request 2: the prompt has \d+ tokens, the context of .* 1024"):
        engine.generate([ask(str(tiny_base.folder), "hi"), ask(str(tiny_base.folder), "x" * 1100)])


def test_an_unknown_model_is_refused(engine: TorchEngine) -> None:
    with pytest.raises(UnknownModel):
        engine.generate([ask("nobody", "hi")])


def test_an_adapter_on_a_changed_base_is_refused(home: Home, tuned: TunedModel, tiny_base: Base) -> None:
    card = tuned.folder / "card.json"
    card.write_text(card.read_text().replace(tuned.card.template_hash, "0" * 64))
    engine = TorchEngine(lambda name: resolve_model(home, name))
    with pytest.raises(StoreDamaged, match=r"has changed since tuned\.v1 was tuned on it"):
        engine.identify("tuned.v1")


def test_progress_counts_every_answer(engine: TorchEngine, tiny_base: Base) -> None:
    counts: list[int] = []
    engine.generate([ask(str(tiny_base.folder), text) for text in PROMPTS], on_progress=counts.append)
    assert sum(counts) == len(PROMPTS)
