"""The embedded engine on a tiny model: the same tokens as transformers, whatever shares the batch."""

from __future__ import annotations

import math
import re
import shutil
import sys
import threading
import weakref
from dataclasses import replace
from importlib.util import find_spec
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
import torch

from luthier.conversation import Message, ToolCall
from luthier.engine import asking
from luthier.engine.asking import generate
from luthier.engine.protocol import Request, Response, Sampling, Structure
from luthier.engine.residence.footprint import estimate_footprint
from luthier.engine.torch_engine import LOADING_THREADS, TorchEngine
from luthier.errors import (
    DataError,
    DeadlineExceeded,
    InvalidRequest,
    InvalidStructure,
    LuthierError,
    MachineError,
    PromptTooLong,
    RequestCancelled,
    StoreDamaged,
    TemplateNotMaskable,
    UnknownBase,
    UnknownModel,
)
from luthier.models.catalog import Base, locate_base
from luthier.models.deletion import delete_model
from luthier.models.loading import load_base
from luthier.models.lora import load_adapter
from luthier.models.registry import resolve_model
from luthier.training.config import TrainingConfig
from luthier.training.run import RunOrder, execute_run
from tests.support.chats import make_splits
from tests.support.tiny import save_base
from tests.support.tuned import register_tuned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from luthier.models.registry import TunedModel
    from luthier.models.settings import Tuning
    from luthier.store.home import Home

needs_bitsandbytes = pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")

PROMPTS = ["hi", "name a colour, any colour", "what?", "a much longer question than all the others here"]
GREEDY = Sampling(max_tokens=12)


@pytest.fixture
def tuned(home: Home, tiny_base: Base) -> TunedModel:
    config = TrainingConfig(epochs=2, batch_size=4, r=2, learning_rate=0.05)
    return execute_run(home, RunOrder("tuned.v1", tiny_base, make_splits(), config), observe=lambda event: None)


@pytest.fixture
def engine(home: Home) -> Iterator[TorchEngine]:
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32", max_rows=3) as engine:
        yield engine


def tune(home: Home, base: Base, tuning: Tuning) -> TunedModel:
    """A model of that name."""
    config = TrainingConfig(tuning=tuning, epochs=2, batch_size=4, r=2, learning_rate=0.02, precision="float32")
    return execute_run(home, RunOrder(tuning, base, make_splits(), config), observe=lambda event: None)


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
    answers = [response.text for response in generate(engine, requests)]
    expected = [generate_alone(tiny_base, text, adapter) for text in PROMPTS for adapter in (None, tuned)]
    assert answers == expected
    assert answers[0::2] != answers[1::2]


def test_base_and_tuned_model_get_identical_prompts(engine: TorchEngine, tuned: TunedModel, tiny_base: Base) -> None:
    one, other = generate(engine, [ask(str(tiny_base.folder), "hi"), ask(tuned.name, "hi")])
    assert one.prompt_hash == other.prompt_hash
    assert one.prompt_hash != generate(engine, [ask(tuned.name, "ho")])[0].prompt_hash


def test_identities_tell_models_apart(engine: TorchEngine, tuned: TunedModel, tiny_base: Base) -> None:
    base, adapted = engine.identify(str(tiny_base.folder)), engine.identify(tuned.name)
    assert base.weights_hash != adapted.weights_hash
    assert base.template_hash == adapted.template_hash
    assert base.trained_on == frozenset()
    assert len(adapted.trained_on) == 16


def test_an_answer_ends_at_a_stop_text_and_does_not_contain_it(engine: TorchEngine, tiny_base: Base) -> None:
    whole = generate(engine, [ask(str(tiny_base.folder), "hi")])[0].text
    stop = whole[3:5]
    cut = generate(engine, [ask(str(tiny_base.folder), "hi", Sampling(max_tokens=12, stop=(stop,)))])[0]
    assert cut.text == whole[: whole.find(stop)]
    assert cut.finish_reason == "stop"


def test_an_answer_that_does_not_end_says_so(engine: TorchEngine, tiny_base: Base) -> None:
    response = generate(engine, [ask(str(tiny_base.folder), "hi", Sampling(max_tokens=3))])[0]
    assert (response.finish_reason, response.completion_tokens) == ("length", 3)


def test_a_seeded_answer_does_not_depend_on_its_neighbours(engine: TorchEngine, tiny_base: Base) -> None:
    model = str(tiny_base.folder)
    sampling = Sampling(temperature=1.5, seed=7, max_tokens=12)
    alone = generate(engine, [ask(model, "hi", sampling)])[0].text
    crowd = generate(engine, [ask(model, text, sampling) for text in [*PROMPTS[1:], "hi"]])[-1].text
    assert alone == crowd
    assert alone != generate(engine, [ask(model, "hi", sampling.model_copy(update={"seed": 8}))])[0].text


def test_answers_stop_where_the_context_ends(engine: TorchEngine, tiny_base: Base) -> None:
    response = generate(engine, [ask(str(tiny_base.folder), "x" * 950, Sampling(max_tokens=500))])[0]
    assert response.prompt_tokens + response.completion_tokens == 1024
    assert response.finish_reason == "length"


def test_a_long_prompt_does_not_cut_its_neighbours(engine: TorchEngine, tiny_base: Base) -> None:
    model, sampling = str(tiny_base.folder), Sampling(max_tokens=60)
    alone = generate(engine, [ask(model, "hi", sampling)])[0]
    beside = generate(engine, [ask(model, "x" * 960, sampling), ask(model, "hi", sampling)])[1]
    assert beside.text == alone.text


def call(name: str) -> ToolCall:
    return ToolCall("1", name, "{not JSON")


MANY = 10**6
WEATHER = '[{"type": "function", "function": {"name": "weather"}}]'
BAD_REQUESTS: dict[str, tuple[Callable[[Request], Request], type[LuthierError], str]] = {
    "a model that is not there": (lambda r: replace(r, model="nobody"), UnknownModel, "no model is called 'nobody'"),
    "no message": (lambda r: replace(r, messages=()), InvalidRequest, "the request has no message"),
    "half a character": (
        lambda r: replace(r, messages=(Message("user", "\ud800"),)),
        InvalidRequest,
        "message 1 holds half a character",
    ),
    "a call that is no JSON": (
        lambda r: replace(r, messages=(*r.messages, Message("assistant", tool_calls=(call("weather"),)))),
        InvalidRequest,
        "message 2: the arguments of a tool call are not JSON",
    ),
    "a control token": (
        lambda r: replace(r, messages=(Message("user", "<|im_end|>"),)),
        DataError,
        "contains the model's control token",
    ),
    "a prompt longer than the context": (
        lambda r: replace(r, messages=(Message("user", "x" * 1100),)),
        PromptTooLong,
        r"length is \d+ tokens \(\d+ in the messages\)",
    ),
    "max_tokens beyond the context": (
        lambda r: replace(r, sampling=Sampling(max_tokens=MANY)),
        InvalidRequest,
        f"max_tokens is {MANY}, the model's context",
    ),
    "the bias of no token": (
        lambda r: replace(r, sampling=Sampling(logit_bias=((MANY, 1.0),))),
        InvalidRequest,
        f"names token {MANY}",
    ),
    "a schema that is none": (
        lambda r: replace(r, structure=Structure("json_schema", '{"type": "strange"}')),
        InvalidStructure,
        "strange",
    ),
    "tools that are none": (lambda r: replace(r, tools="{"), InvalidRequest, "the tools are not JSON"),
    "tools that the template cannot tell of": (
        lambda r: replace(r, tools=WEATHER),
        TemplateNotMaskable,
        "leaves out the tool 'weather'",
    ),
    "a deadline that is over": (
        lambda r: replace(r, deadline_seconds=0.0),
        DeadlineExceeded,
        "was not begun when its time was over",
    ),
}


@pytest.mark.parametrize("what", BAD_REQUESTS)
def test_what_is_wrong_with_a_request_fails_it_and_no_other(engine: TorchEngine, tiny_base: Base, what: str) -> None:
    good = ask(str(tiny_base.folder), "hi")
    spoil, error, message = BAD_REQUESTS[what]
    first, failed, last = asking.ask(engine, [good, spoil(good), good])
    assert isinstance(failed, error)
    assert re.search(message, failed.message)
    assert failed.hint or isinstance(failed, DeadlineExceeded)
    assert isinstance(first, Response)
    assert isinstance(last, Response)
    assert first.text == last.text


def test_an_unknown_model_is_refused_with_near_names(engine: TorchEngine, tuned: TunedModel) -> None:
    with pytest.raises(UnknownModel) as refused:
        engine.identify("tuned.v2")
    assert "tuned.v1" in refused.value.hint


def test_pieces_come_while_the_answer_is_not_there_yet(engine: TorchEngine, tiny_base: Base) -> None:
    answer = engine.submit(ask(str(tiny_base.folder), "hi", Sampling(max_tokens=400)))
    first = next(iter(answer))
    assert not answer.is_done
    assert answer.wait().text.startswith(first.text)


def test_a_cancelled_answer_makes_way(home: Home, tiny_base: Base) -> None:
    """One row at a time: the second begins only when the first has gone."""
    model = str(tiny_base.folder)
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32", max_rows=1) as engine:
        long = engine.submit(ask(model, "hi", Sampling(max_tokens=400)))
        short = engine.submit(ask(model, "hi"))
        next(iter(long))
        long.cancel()
        assert short.wait().completion_tokens == 12
    with pytest.raises(RequestCancelled):
        long.wait()


def test_a_closed_engine_leaves_nobody_waiting(home: Home, tiny_base: Base) -> None:
    model = str(tiny_base.folder)
    engine = TorchEngine(lambda name: resolve_model(home, name), precision="float32", max_rows=1)
    running = engine.submit(ask(model, "hi", Sampling(max_tokens=400)))
    next(iter(running))
    queued, unloaded = engine.submit(ask(model, "ho")), engine.submit(ask("nobody", "hi"))
    engine.close()
    engine.close()
    after = engine.submit(ask(model, "hi"))
    assert [type(answer.wait_for_outcome()) for answer in (running, queued, after)] == [RequestCancelled] * 3
    assert isinstance(unloaded.wait_for_outcome(), RequestCancelled | UnknownModel)


def test_an_engine_that_nobody_refers_to_finishes_its_answers_and_ends(home: Home, tiny_base: Base) -> None:
    engine = TorchEngine(lambda name: resolve_model(home, name), precision="float32")
    end = weakref.ref(engine)
    answer = engine.submit(ask(str(tiny_base.folder), "hi"))
    steps = engine._steps
    del engine
    assert answer.wait().completion_tokens == 12
    for thread in list(steps._threads):
        thread.join()
    assert end() is None


def test_an_unexpected_error_is_seen_fails_who_is_concerned_and_the_engine_goes_on(
    engine: TorchEngine, tiny_base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model's own code breaks, in a way that nobody foresees."""
    seen: SimpleQueue[threading.ExceptHookArgs] = SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", seen.put)
    request = ask(str(tiny_base.folder), "hi")
    whole = generate(engine, [request])[0].text
    with engine._pool.lease(request.model) as lease:
        head = lease.base.model.get_output_embeddings()
    monkeypatch.setattr(head, "forward", lambda hidden: hidden.no_such_thing)
    failed, other = engine.submit(request), engine.submit(request)
    assert all(type(answer.wait_for_outcome()) is MachineError for answer in (failed, other))
    assert "no_such_thing" in str(failed.wait_for_outcome())
    assert seen.get(timeout=300).exc_type is AttributeError
    monkeypatch.undo()
    assert generate(engine, [request])[0].text == whole


def test_who_waits_for_a_model_to_load_is_late_in_time_and_others_go_on(home: Home, tiny_base: Base) -> None:
    """The second model is not found before the end of the test."""
    is_over = threading.Event()

    def resolve(name: str) -> TunedModel | Base:
        if name == "slow":
            is_over.wait()
        return resolve_model(home, name)

    with TorchEngine(resolve, precision="float32") as engine:
        late, cancelled = (
            engine.submit(replace(ask("slow", "hi"), deadline_seconds=0.1)),
            engine.submit(ask("slow", "hi")),
        )
        cancelled.cancel()
        assert generate(engine, [ask(str(tiny_base.folder), "hi")])[0].completion_tokens == 12
        assert isinstance(late.wait_for_outcome(), DeadlineExceeded)
        is_over.set()
        assert isinstance(engine.submit(ask("slow", "hi")).wait_for_outcome(), UnknownModel)


def test_what_waits_to_be_compiled_does_not_keep_those_waiting_who_load(home: Home, tmp_path: Path) -> None:
    """There is room for one base. All threads that load wait for it to be free, and the structured request uses it."""
    names = [str(save_base(tmp_path / f"base-{number}")) for number in range(LOADING_THREADS + 1)]
    bases = {name: locate_base(home, name) for name in names}
    footprint = estimate_footprint(bases[names[0]], dtype=torch.float32)
    least = footprint.weights_bytes + footprint.context_length * footprint.kv_bytes_per_token
    with TorchEngine(bases.__getitem__, precision="float32", memory_bytes=least * 3 // 2) as engine:
        long = engine.submit(ask(names[0], "hi", Sampling(max_tokens=900)))
        next(iter(long))
        others = [engine.submit(ask(name, "hi")) for name in names[1:]]
        shaped = engine.submit(replace(ask(names[0], "hi"), structure=Structure("regex", "(yes|no){2}")))
        for answer in (long, shaped, *others):
            assert answer.wait(300).text


def test_an_error_that_nobody_foresees_while_a_model_is_found_fails_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda error: None)

    def resolve(name: str) -> TunedModel | Base:
        raise PermissionError(name)

    with TorchEngine(resolve) as engine:
        for answer in [engine.submit(ask("any", "hi")) for _ in range(3)]:
            assert isinstance(answer.wait_for_outcome(300), MachineError)


@pytest.mark.parametrize(
    ("seconds", "error"), [(math.inf, None), (1e300, None), (1e11, None), (math.nan, InvalidRequest)]
)
def test_a_deadline_beyond_all_clocks_is_none_and_one_that_is_no_number_is_refused(
    engine: TorchEngine, tiny_base: Base, seconds: float, error: type[LuthierError] | None
) -> None:
    request = ask(str(tiny_base.folder), "hi")
    outcome = engine.submit(replace(request, deadline_seconds=seconds)).wait_for_outcome(300)
    assert isinstance(outcome, error or Response)
    assert engine.submit(request).wait(300).text


def test_a_prompt_without_tokens_is_refused(home: Home, tmp_path: Path) -> None:
    folder = save_base(tmp_path / "base")
    (folder / "chat_template.jinja").write_text("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32") as engine:
        outcome = engine.submit(ask(str(folder), "")).wait_for_outcome(300)
    assert isinstance(outcome, InvalidRequest)


def test_the_hash_of_a_prompt_is_known_without_an_answer(engine: TorchEngine, tiny_base: Base) -> None:
    request = ask(str(tiny_base.folder), "hi")
    assert engine.hash_prompt(request) == generate(engine, [request])[0].prompt_hash


def test_names_of_models_tell_engine_device_and_precision(engine: TorchEngine) -> None:
    assert re.fullmatch(r"torch-[\d.]+\S*/(cpu|cuda)/float32", engine.name)


def test_an_adapter_on_a_changed_base_is_refused(home: Home, tuned: TunedModel, tiny_base: Base) -> None:
    card = tuned.folder / "card.json"
    card.write_text(card.read_text().replace(tuned.card.template_hash, "0" * 64))
    engine = TorchEngine(lambda name: resolve_model(home, name))
    with pytest.raises(StoreDamaged, match=r"has changed since tuned\.v1 was tuned on it"):
        engine.identify("tuned.v1")


@needs_bitsandbytes
def test_models_of_every_kind_answer_side_by_side_as_each_does_alone(home: Home, wide_base: Base) -> None:
    for tuning in ("lora", "qlora", "full"):
        tune(home, wide_base, tuning)
    names = [str(wide_base.folder), "lora", "qlora", "full"]
    together = TorchEngine(lambda name: resolve_model(home, name), precision="float32")
    answers = [response.text for response in generate(together, [ask(name, "hi") for name in names])]
    for name, answer in zip(names, answers, strict=True):
        alone = TorchEngine(lambda name: resolve_model(home, name), precision="float32")
        assert generate(alone, [ask(name, "hi")])[0].text == answer
    assert len(set(answers)) == len(names)
    identities = [together.identify(name) for name in names]
    assert len({identity.weights_hash for identity in identities}) == len(names)
    assert {(identity.base, identity.template_hash) for identity in identities} == {
        (str(wide_base.folder), identities[0].template_hash)
    }


@needs_bitsandbytes
def test_an_adapter_of_a_quantised_base_answers_from_quantised_weights(home: Home, wide_base: Base) -> None:
    """The reference merges nothing: it computes on NF4 weights with the adapter beside them."""
    tuned = tune(home, wide_base, "qlora")
    loaded = load_base(wide_base, precision="float32", is_quantised=True)
    model = load_adapter(loaded.model, tuned.folder, slot="alone")
    ids = torch.tensor([loaded.template.encode_prompt((Message("user", "hi"),))])
    output = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
    engine = TorchEngine(lambda name: resolve_model(home, name), precision="float32")
    assert generate(engine, [ask("qlora", "hi")])[0].text == loaded.template.decode(output[0, ids.shape[1] :].tolist())


@needs_bitsandbytes
def test_without_bitsandbytes_an_adapter_of_a_quantised_base_is_refused(
    home: Home, wide_base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(home, wide_base, "qlora")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    engine = TorchEngine(lambda name: resolve_model(home, name))
    with pytest.raises(MachineError, match="bitsandbytes"):
        engine.identify("qlora")


def test_a_model_tuned_as_a_whole_answers_without_its_base(home: Home, tmp_path: Path) -> None:
    folder = save_base(tmp_path / "base")
    tuned = tune(home, Base(str(folder), folder), "full")
    expected = generate_alone(Base("full", tuned.folder), "hi")
    shutil.rmtree(folder)
    engine = TorchEngine(lambda name: resolve_model(home, name), precision="float32")
    assert generate(engine, [ask("full", "hi")])[0].text == expected


def test_a_model_can_be_tuned_on_one_that_was_tuned_as_a_whole(home: Home, tiny_base: Base) -> None:
    tune(home, tiny_base, "full")
    second = tune(home, locate_base(home, "full"), "lora")
    assert second.card.base == "full"
    engine = TorchEngine(lambda name: resolve_model(home, name), precision="float32")
    texts = [response.text for response in generate(engine, [ask("full", "hi"), ask("lora", "hi")])]
    assert texts == [generate_alone(locate_base(home, "full"), "hi", adapter) for adapter in (None, second)]


def test_an_adapter_is_no_base(home: Home, tuned: TunedModel) -> None:
    for name in (tuned.name, str(tuned.folder)):
        with pytest.raises(UnknownBase, match="holds an adapter") as refused:
            locate_base(home, name)
        assert "tuning=full" in refused.value.hint


@pytest.mark.parametrize("damage", ["weights", "template"])
def test_a_model_tuned_as_a_whole_that_is_damaged_is_refused(home: Home, tiny_base: Base, damage: str) -> None:
    folder = tune(home, tiny_base, "full").folder
    if damage == "weights":
        file = folder / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-100])
    else:
        (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    with pytest.raises(StoreDamaged, match=f"the {'chat template' if damage == 'template' else damage} of full"):
        TorchEngine(lambda name: resolve_model(home, name)).identify("full")


def test_an_adapter_with_the_weights_of_another_base_is_refused(home: Home, tuned: TunedModel, tmp_path: Path) -> None:
    """The card is right and the file is not: one adapter was copied over another."""
    folder = save_base(tmp_path / "other", hidden_size=64)
    other = tune(home, Base(str(folder), folder), "lora")
    shutil.copy(other.folder / "adapter_model.safetensors", tuned.folder)
    with (
        TorchEngine(lambda name: resolve_model(home, name)) as engine,
        pytest.raises(StoreDamaged, match="does not fit its base"),
    ):
        engine.submit(ask(tuned.name, "hi")).wait()


def test_progress_counts_every_answer(engine: TorchEngine, tiny_base: Base) -> None:
    counts: list[int] = []
    generate(engine, [ask(str(tiny_base.folder), text) for text in PROMPTS], on_progress=counts.append)
    assert sum(counts) == len(PROMPTS)


def test_a_model_that_is_deleted_while_it_is_loaded_is_unknown_and_nothing_is_damaged(
    home: Home, tiny_base: Base
) -> None:
    register_tuned(home, "short-lived", base=str(tiny_base.folder))

    def resolve(name: str) -> TunedModel | Base:
        found = resolve_model(home, name)
        if name == "short-lived":
            delete_model(home, name)
        return found

    with TorchEngine(resolve, precision="float32") as engine:
        outcome = engine.submit(ask("short-lived", "hi")).wait_for_outcome()
        assert isinstance(outcome, UnknownModel)
