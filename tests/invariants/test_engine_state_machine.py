"""Whatever order requests join, leave, make room and fail in: an answer is that of its request alone, or a typed error.

The reference is the slow runner with one request at a time on weights of its own, with adapters merged into them, and
for greedy answers transformers' own `generate` beside it.
"""

from __future__ import annotations

import gc
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from luthier.conversation import Message
from luthier.engine.adapters.adapter import Adapter, LowRank
from luthier.engine.protocol import Request, Response, Sampling, Structure
from luthier.engine.runners.choice import open_runner
from luthier.engine.runners.memory import Shelf
from luthier.engine.runners.packed import PackedRunner
from luthier.engine.runners.prefixes import Match, Prefixes
from luthier.engine.runners.sequence import Admission, Chunk, Sequence
from luthier.engine.runners.solo import SoloRunner
from luthier.errors import DeadlineExceeded, LuthierError, OutOfMemory, RequestCancelled, StoreDamaged
from luthier.tokens.tree import count_common
from tests.support.serving import Bench, build_base
from tests.support.tiny import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence as Many

    from luthier.engine.answer import Answer
    from luthier.engine.runners.sequence import Runner
    from luthier.models.loading import LoadedBase

SYSTEM = "You answer each question that you are asked in one short line of plain words."
"""Long enough to be worth sharing."""

SAMPLINGS = [
    Sampling(max_tokens=14),
    Sampling(max_tokens=40),
    Sampling(max_tokens=10, temperature=1.2, seed=-3),
    Sampling(max_tokens=12, temperature=0.9, seed=2**70, top_p=0.8, top_k=40),
    Sampling(max_tokens=12, temperature=1.0, seed=4, presence_penalty=0.5, frequency_penalty=0.7),
    Sampling(max_tokens=20, stop=("e", "th"), top_log_probs=2),
]
NAMES = (None, "a", "b")
"""Of adapters; None is the bare base."""

KV_TOKENS = {"solo": 330, "packed": 900}
"""For about three conversations, so that rows must make room for one another."""


class Order(NamedTuple):
    """What is asked, without the adapter's present weights."""

    messages: tuple[Message, ...]
    sampling: Sampling
    structure: Structure | None
    adapter: str | None

    def make_request(self, deadline_seconds: float | None = None) -> Request:
        return Request(
            "tiny", self.messages, self.sampling, structure=self.structure, deadline_seconds=deadline_seconds
        )


def list_orders() -> list[Order]:
    """Few enough that each is answered alone once, and that all sorts meet."""
    system = Message("system", SYSTEM)
    chats = [
        (system, Message("user", "hi")),
        (system, Message("user", "name a colour")),
        (Message("user", "hi"),),
        (Message("user", "a question that has nothing in common with all the others"),),
    ]
    orders = [
        Order(chats[place % 4], sampling, None, NAMES[(place + turn) % 3])
        for turn in range(2)
        for place, sampling in enumerate(SAMPLINGS)
    ]
    structure = Structure("regex", "(yes|no|maybe){3,9}")
    return [*orders, *(Order(chats[0], Sampling(max_tokens=9, temperature=1.0, seed=5), structure, a) for a in NAMES)]


ORDERS = list_orders()


def make_adapter(base: LoadedBase, name: str, version: int) -> Adapter:
    """Another version has other weights under the same name, as after tuning again."""
    random = torch.Generator().manual_seed(100 * version + ord(name))
    parts = {
        path: LowRank(
            torch.randn(2, module.in_features, generator=random) * 0.3,
            torch.randn(module.out_features, 2, generator=random) * 0.3,
        )
        for path, module in base.model.named_modules()
        if isinstance(module, torch.nn.Linear) and path != "lm_head"
    }
    return Adapter(name, f"{name}{version}", parts)


@cache
def build_fresh(kind: Kind, name: str | None, version: int) -> LoadedBase:
    """Weights into which the adapter is merged."""
    base = build_base(kind)
    if name is not None:
        with torch.no_grad():
            for path, part in make_adapter(base, name, version).parts.items():
                base.model.get_submodule(path).weight += part.up @ part.down
    return base


@cache
def build_alone(kind: Kind, name: str | None, version: int) -> Bench:
    base = build_fresh(kind, name, version)
    return Bench(SoloRunner(base.model, capacity=10_000), base)


@cache
def answer_alone(kind: Kind, order: Order, version: int) -> tuple[object, ...]:
    (response,) = build_alone(kind, order.adapter, version).answer([order.make_request()])
    if order.sampling == Sampling(max_tokens=order.sampling.max_tokens) and order.structure is None:
        assert response.text == generate_plainly(build_fresh(kind, order.adapter, version), order)
    return describe(response)


def generate_plainly(base: LoadedBase, order: Order) -> str:
    ids = torch.tensor([base.template.encode_prompt(order.messages)])
    options: dict[str, Any] = {"max_new_tokens": order.sampling.max_tokens, "do_sample": False}
    model: Any = base.model
    output = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return base.template.decode(output[0, ids.shape[1] :].tolist())


def describe(response: Response) -> tuple[object, ...]:
    """All that must not depend on neighbours."""
    log_probs = tuple((entry.token, round(entry.log_prob, 3)) for entry in response.log_probs)
    return response.text, response.finish_reason, response.completion_tokens, response.prompt_hash, log_probs


class Troubled:
    """A runner to which things happen: memory that runs out within a step, and logits that are no numbers."""

    def __init__(self, runner: Runner, layer: torch.nn.Module) -> None:
        self._runner = runner
        self.is_short = False
        """The next step runs out of memory when its first layer is computed already."""
        self.sick: set[Sequence] = set()
        layer.register_forward_pre_hook(self._fail)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def step(self, chunks: Many[Chunk]) -> torch.Tensor:
        logits = self._runner.step(chunks).clone()
        for row, chunk in enumerate(chunks):
            if chunk.sequence in self.sick:
                logits[row] = torch.nan
        return logits

    def _fail(self, *_: object) -> None:
        if self.is_short:
            self.is_short = False
            raise torch.OutOfMemoryError("made up")


class Asked(NamedTuple):
    order: Order
    version: int
    answer: Answer
    sequence: Sequence


class EngineMachine(RuleBasedStateMachine):
    """Subclasses say which runner. One bench serves many examples, so that what one leaves behind harms the next."""

    runner_name = "solo"
    kinds: Many[Kind] = KINDS
    benches: dict[Kind, tuple[Bench, Troubled, LoadedBase]]

    @initialize(data=st.data())
    def open(self, data: st.DataObject) -> None:
        self.kind = data.draw(st.sampled_from(self.kinds))
        if self.kind not in self.benches:
            self.benches[self.kind] = self.open_bench(self.kind)
        # Whatever fails from here on must not be met by the next example.
        self.bench, self.runner, self.base = self.benches.pop(self.kind)
        self.asked: list[Asked] = []
        self.left = 0
        self.was_short = False
        self.versions = {"a": 0, "b": 0}
        fresh = build_base(self.kind)
        self.adapters = {name: make_adapter(fresh, name, 0) for name in self.versions}

    @classmethod
    def open_bench(cls, kind: Kind) -> tuple[Bench, Troubled, LoadedBase]:
        base = build_base(kind)
        kv_tokens = KV_TOKENS[cls.runner_name]
        if cls.runner_name == "solo":
            runner: Any = SoloRunner(base.model, capacity=kv_tokens)
        else:
            config: Any = base.model.config
            head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
            token_bytes = 2 * 2 * config.num_key_value_heads * head_size * 4
            runner = open_runner(base.model, kv_bytes=kv_tokens * token_bytes).runner
            assert isinstance(runner, PackedRunner)
        troubled = Troubled(cls.change_runner(runner), base.model.get_submodule("model.layers.1"))
        return Bench(troubled, base, max_rows=5, step_tokens=64), troubled, base

    @classmethod
    def change_runner(cls, runner: Runner) -> Runner:
        """For those that break it."""
        return runner

    @rule(order=st.sampled_from(ORDERS), seconds=st.sampled_from([None, None, None, 3.0]))
    def join(self, order: Order, seconds: float | None) -> None:
        adapter = self.adapters[order.adapter] if order.adapter else None
        version = self.versions[order.adapter] if order.adapter else 0
        answer = self.bench.submit(order.make_request(seconds), adapter=adapter, leave=self.count_leaving)
        self.asked.append(Asked(order, version, answer, self.bench.replies.pop().sequence))

    def count_leaving(self) -> None:
        self.left += 1

    @rule(count=st.integers(1, 12))
    def step(self, count: int) -> None:
        for _ in range(count):
            self.bench.scheduler.step()

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.asked)).answer.cancel()

    @rule()
    def let_time_pass(self) -> None:
        self.bench.clock.now += 2.0

    @rule()
    def run_out_of_memory(self) -> None:
        self.runner.is_short = self.was_short = True

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def fall_sick(self, data: st.DataObject) -> None:
        self.runner.sick.add(data.draw(st.sampled_from(self.asked)).sequence)

    @rule(name=st.sampled_from(["a", "b"]), is_tuned_again=st.booleans())
    def evict_adapter(self, name: str, is_tuned_again: bool) -> None:
        """As the pool does it: nobody uses it any more. It comes back from its file, which may be another by then."""
        self.finish()
        former = weakref.ref(self.adapters[name])
        self.runner.forget(self.adapters.pop(name))
        if former() is not None:
            gc.collect()  # which takes a while, and mostly is not needed
        assert former() is None, "the runner keeps an adapter that has left"
        self.versions[name] ^= is_tuned_again
        self.adapters[name] = make_adapter(build_fresh(self.kind, None, 0), name, self.versions[name])

    @invariant()
    def answers_that_are_there_are_right(self) -> None:
        for asked in self.asked:
            if asked.answer.is_done:
                self.check(asked)

    def check(self, asked: Asked) -> None:
        outcome = asked.answer.wait_for_outcome(0)
        if isinstance(outcome, Response):
            assert describe(outcome) == answer_alone(self.kind, asked.order, asked.version)
            assert "".join(piece.text for piece in asked.answer) == outcome.text
            return
        expected: dict[type[LuthierError], bool] = {
            RequestCancelled: True,
            DeadlineExceeded: self.bench.clock.now >= 2,
            StoreDamaged: asked.sequence in self.runner.sick,
            OutOfMemory: self.was_short,
        }
        assert expected.get(type(outcome), False), outcome

    def finish(self) -> None:
        """Until nobody waits any more, and nothing but the adapters is left."""
        self.runner.is_short = False
        self.bench.run()
        assert all(asked.answer.is_done for asked in self.asked)
        self.answers_that_are_there_are_right()
        assert self.left == len(self.asked), "a reply that ended was not let go"
        self.asked.clear()
        self.runner.sick.clear()
        self.left = 0

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return
        self.finish()
        self.check_that_all_memory_is_free()
        for adapter in self.adapters.values():
            self.runner.forget(adapter)
        self.benches[self.kind] = self.bench, self.runner, self.base

    def check_that_all_memory_is_free(self) -> None:
        """One sequence gets all that the runner says it could hold."""
        whole = Sequence([7] * self.runner.capacity, limit=self.runner.capacity)
        assert self.runner.admit(whole, ()) is Admission.ADMITTED
        assert self.runner.reserve(Chunk(whole, whole.pending))
        self.runner.release(whole)


class PackedMachine(EngineMachine):
    runner_name = "packed"


FOUND_OUT = (AssertionError, Flaky)
"""Hypothesis tries again what has failed, on a bench on which other things have happened: it may then fail elsewhere,
which is Flaky to it."""


def run_machine(machine: type[EngineMachine], **changes: Any) -> None:
    machine.benches = {}
    plain = settings(stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=settings(plain, **changes))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("machine", [EngineMachine, PackedMachine])
def test_in_any_order_every_answer_is_that_of_its_request_alone(machine: type[EngineMachine]) -> None:
    run_machine(machine, max_examples=12)


class Broken:
    """A runner with one thing wrong."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)


class OfTheBase(Broken):
    """Rows that share a step are all computed with the first one's adapter."""

    def step(self, chunks: Many[Chunk]) -> torch.Tensor:
        adapters = [chunk.sequence.adapter for chunk in chunks]
        for chunk in chunks:
            chunk.sequence.adapter = adapters[0]
        logits: torch.Tensor = self._runner.step(chunks)
        for chunk, adapter in zip(chunks, adapters, strict=True):
            chunk.sequence.adapter = adapter
        return logits


class Swapping(Broken):
    """Logits come in another order than the chunks."""

    def step(self, chunks: Many[Chunk]) -> torch.Tensor:
        logits: torch.Tensor = self._runner.step(chunks)
        return logits.flip(0)


class Skipping(Broken):
    """One that comes back after it made room goes on a token too late."""

    def __init__(self, runner: Any) -> None:
        super().__init__(runner)
        self._known: set[Sequence] = set()

    def admit(self, sequence: Sequence, waiting: Many[Sequence]) -> Admission:
        admission: Admission = self._runner.admit(sequence, waiting)
        if admission is Admission.ADMITTED:
            sequence.computed += sequence in self._known
            self._known.add(sequence)
        return admission


class Hoarding(Broken):
    """Of those that leave, every third keeps its place."""

    def __init__(self, runner: Any) -> None:
        super().__init__(runner)
        self._left = 0

    def release(self, sequence: Sequence) -> None:
        self._left += 1
        if self._left % 3:
            self._runner.release(sequence)
        sequence.computed = 0


class Clinging(Broken):
    """An adapter that leaves is not let go."""

    def __init__(self, runner: Any) -> None:
        super().__init__(runner)
        self._seen: list[Adapter | None] = []

    def admit(self, sequence: Sequence, waiting: Many[Sequence]) -> Admission:
        self._seen.append(sequence.adapter)
        admission: Admission = self._runner.admit(sequence, waiting)
        return admission


@pytest.mark.parametrize("broken", [OfTheBase, Swapping, Skipping, Hoarding, Clinging])
def test_a_runner_with_something_wrong_is_found_out(broken: type[Broken]) -> None:
    class Machine(EngineMachine):
        kinds = ("llama",)

        @classmethod
        def change_runner(cls, runner: Any) -> Any:
            return broken(runner)

    with pytest.raises(FOUND_OUT):
        run_machine(Machine, max_examples=60, phases=[Phase.generate], derandomize=True, report_multiple_bugs=False)


def leave_stale_keys(shelf: Shelf, row: int) -> None:
    """The row that takes the place of one that left finds the other's keys and values there."""
    shelf.count -= 1


def mix_up_adapters(prefixes: Prefixes, ids: Many[int], adapter: Adapter | None) -> Match | None:
    """What one adapter has computed is taken for another's."""
    matches = [Match(kept, min(count_common(kept.ids, tuple(ids)), len(ids) - 1)) for kept in prefixes._kept]
    return max(matches, key=lambda match: match.length, default=None)


@pytest.mark.parametrize(
    ("owner", "name", "wrong"), [(Shelf, "drop_row", leave_stale_keys), (Prefixes, "find_kept", mix_up_adapters)]
)
def test_memory_of_the_packed_runner_that_mixes_things_up_is_found_out(
    owner: type, name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Machine(PackedMachine):
        kinds = ("llama",)

    monkeypatch.setattr(owner, name, wrong)
    with pytest.raises(FOUND_OUT):
        run_machine(Machine, max_examples=60, phases=[Phase.generate], derandomize=True, report_multiple_bugs=False)
