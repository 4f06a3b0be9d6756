"""However rows come, wait, go and come again, each gets the logits that the model gives it alone."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import torch

from luthier.engine.adapters.adapter import Adapter, LowRank
from luthier.engine.runners.choice import open_runner
from luthier.engine.runners.memory import allocate_run
from luthier.engine.runners.packed import FEWEST_TOGETHER, PackedRunner
from luthier.engine.runners.prefixes import IDLE_SHARED
from luthier.engine.runners.sequence import Admission, Chunk, Sequence
from luthier.engine.runners.solo import SoloRunner
from luthier.models.targets import LINEAR
from luthier.tokens.encode import EncodedExample
from tests.support.tiny import KINDS, build_model

if TYPE_CHECKING:
    from luthier.engine.runners.sequence import Runner
    from tests.support.tiny import Kind

TOKEN_BYTES = 2 * 2 * 2 * 8 * 4
"""Of a tiny model: keys and values, two layers, two heads, eight numbers, float32."""

ROOMY = 100_000
TIGHT = 900
"""Tokens of memory, for rows of up to 250: some have to make room for others."""

LONGEST_CHUNKS = (1, 7, 40, 500)


def open_packed(kind: Kind, tokens: int = ROOMY) -> PackedRunner:
    runner = open_runner(build_model(kind=kind).eval(), kv_bytes=tokens * TOKEN_BYTES).runner
    assert isinstance(runner, PackedRunner)
    return runner


def make_adapters(kind: Kind, count: int = 3) -> list[Adapter]:
    """Of different ranks; the second scales its outputs, the third has a part on the head too."""
    adapters = []
    model = build_model(kind=kind)
    layers = {path: module for path, module in model.named_modules() if isinstance(module, LINEAR)}
    for number in range(count):
        generator = torch.Generator().manual_seed(number)

        def draw(*sizes: int, generator: torch.Generator = generator) -> torch.Tensor:
            return torch.randn(*sizes, generator=generator) * 0.2

        parts = {
            path: LowRank(
                draw(4 + number, layer.in_features),
                draw(layer.out_features, 4 + number),
                1 + draw(layer.out_features) if number == 1 else None,
            )
            for path, layer in layers.items()
            if number == 2 or "lm_head" not in path
        }
        adapters.append(Adapter(f"adapter-{number}", str(number), parts))
    return adapters


def make_prompts(seed: int, count: int = 9) -> list[list[int]]:
    """Two in three begin alike."""
    source = random.Random(seed)
    common = [source.randrange(250) for _ in range(90)]
    tails = [[source.randrange(250) for _ in range(source.randrange(5, 80))] for _ in range(count)]
    return [[*(common if number % 3 else []), *tail] for number, tail in enumerate(tails)]


class Drive:
    """Random admission, chunks and preemption, with the next token always the likeliest."""

    def __init__(self, runner: Runner, sequences: list[Sequence], lengths: list[int], seed: int) -> None:
        self.runner, self.lengths = runner, dict(zip(sequences, lengths, strict=True))
        self.waiting, self.running = list(sequences), list[Sequence]()
        self.random = random.Random(seed)
        self.preempted = 0

    def run(self, *, at_most: int = 8) -> None:
        while self.waiting or self.running:
            self.admit(at_most)
            chunks = self.reserve()
            for chunk, logits in zip(chunks, self.runner.step(chunks), strict=True):
                sequence = chunk.sequence
                if sequence.pending == 0:
                    sequence.ids.append(int(logits.argmax()))
                    if len(sequence.ids) == self.lengths[sequence]:
                        self.leave(sequence)

    def admit(self, at_most: int) -> None:
        for sequence in list(self.waiting):
            if len(self.running) == at_most:
                return
            admission = self.runner.admit(sequence, self.waiting)
            if admission is Admission.FULL:
                assert self.running, "what does not fit alone never will"
                return
            assert admission is Admission.ADMITTED or self.running, "nobody is there to wait for"
            if admission is Admission.ADMITTED:
                self.waiting.remove(sequence)
                self.running.append(sequence)

    def reserve(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        for sequence in list(self.running):
            if sequence not in self.running:
                continue
            chunk = Chunk(sequence, min(sequence.pending, self.random.choice(LONGEST_CHUNKS)))
            while not self.runner.reserve(chunk):
                youngest = self.running[-1]
                assert youngest is not self.running[0], "the oldest must fit"
                self.leave(youngest)
                self.waiting.insert(0, youngest)
                self.preempted += 1
                chunks = [each for each in chunks if each.sequence is not youngest]
                if youngest is sequence:
                    break
            else:
                chunks.append(chunk)
        return chunks

    def leave(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self.runner.release(sequence)


@pytest.mark.parametrize("tokens", [ROOMY, TIGHT])
@pytest.mark.parametrize("kind", KINDS)
def test_every_row_of_a_crowd_gets_what_it_gets_alone(kind: Kind, tokens: int) -> None:
    adapters = [None, *make_adapters(kind)]
    prompts = make_prompts(1)
    lengths = [len(prompt) + (70 if number % 4 == 0 else 6) for number, prompt in enumerate(prompts)]
    answers = []
    for runner in (SoloRunner(build_model(kind=kind).eval(), capacity=ROOMY), open_packed(kind, tokens)):
        sequences = [Sequence(list(prompt), 1000, adapters[n % 4]) for n, prompt in enumerate(prompts)]
        drive = Drive(runner, sequences, lengths, seed=5)
        drive.run()
        answers.append([sequence.ids for sequence in sequences])
    assert answers[0] == answers[1]
    assert (drive.preempted > 0) == (tokens == TIGHT)


def test_memory_is_given_back_when_all_have_gone() -> None:
    runner = open_packed("llama", TIGHT)
    sequences = [Sequence(prompt, 1000) for prompt in make_prompts(2)]
    Drive(runner, sequences, [len(sequence.ids) + 5 for sequence in sequences], seed=1).run()
    assert runner._prefixes.evict(TIGHT)
    assert runner._budget.used == 0
    assert not runner._rows


def test_what_a_conversation_goes_on_from_is_not_computed_again() -> None:
    runner = open_packed("llama")
    first = Sequence(list(range(1, 60)), 100)
    Drive(runner, [first], [70], seed=1).run()
    later = Sequence([*first.ids, 7, 8, 9], 100)
    assert runner.admit(later, [later]) is Admission.ADMITTED
    assert later.computed == 69, "all but the answer's last token, which nothing followed, is known"
    other = Sequence(list(later.ids), 100, make_adapters("llama")[0])
    runner.admit(other, [other])
    assert other.computed == 0, "an adapter's keys and values are its own"


def test_rows_wait_for_the_one_that_computes_what_they_begin_with() -> None:
    runner = open_packed("llama")
    common = list(range(1, 80))
    rows = [Sequence([*common, *range(100 + 7 * number, 110 + 7 * number)], 200) for number in range(5)]
    assert runner.admit(rows[0], rows) is Admission.ADMITTED
    assert {runner.admit(row, rows[1:]) for row in rows[1:]} == {Admission.LATER}
    stranger = Sequence(list(range(200, 240)), 200)
    assert runner.admit(stranger, rows[1:]) is Admission.ADMITTED
    chunk = Chunk(rows[0], rows[0].pending)
    runner.reserve(chunk)
    runner.step([chunk])
    for row in rows[1:]:
        assert runner.admit(row, rows[1:]) is Admission.ADMITTED
        assert row.computed == len(common)
    assert len(runner._prefixes.shared) == 1


def test_a_step_for_some_rows_of_a_shelf_leaves_the_others_as_they_are() -> None:
    model_ids = [[5, 6, 7, 8, 9], [10, 11, 12], [13, 14, 15, 16], [20, 21]]
    runner = open_packed("qwen2")
    rows = [Sequence(list(ids), 50) for ids in model_ids]
    assert len(rows) > FEWEST_TOGETHER
    for row in rows:
        runner.admit(row, [])
    for members in (rows, rows, rows[1:2], rows[:3], rows):
        chunks = [Chunk(row, row.pending) for row in members]
        for chunk in chunks:
            runner.reserve(chunk)
        for row, logits in zip(members, runner.step(chunks), strict=True):
            row.ids.append(int(logits.argmax()))
    solo = SoloRunner(build_model(kind="qwen2").eval(), capacity=ROOMY)
    alone = [Sequence(list(ids), 50) for ids in model_ids]
    Drive(solo, alone, [len(row.ids) for row in rows], seed=0).run()
    assert [row.ids for row in rows] == [row.ids for row in alone]


def compute(runner: Runner, rows: list[Sequence]) -> torch.Tensor:
    chunks = [Chunk(row, row.pending) for row in rows]
    assert all(runner.reserve(chunk) for chunk in chunks)
    return runner.step(chunks)


def make_sick_adapter() -> Adapter:
    """Its weights are numbers, and what they make of any token is not."""
    layers = {path: layer for path, layer in build_model().named_modules() if path.endswith("v_proj")}
    parts = {
        path: LowRank(torch.full((2, layer.in_features), 1e25), torch.full((layer.out_features, 2), 1e25), None)
        for path, layer in layers.items()
    }
    return Adapter("sick", "sick", parts)


@pytest.mark.parametrize("common", [0, 60])
def test_rows_that_are_no_numbers_do_not_spread(common: int) -> None:
    """Neither beside them in a step, nor to who takes their place, nor by what they begin with."""
    runner, solo = open_packed("llama"), SoloRunner(build_model().eval(), capacity=ROOMY)
    beginning, adapter = list(range(1, common + 1)), make_sick_adapter()
    sick = [Sequence([*beginning, 60 + number, *range(100, 150)], 500, adapter) for number in range(4)]
    sound = [Sequence([*beginning, 80 + number, 81, 82], 500) for number in range(3)]
    others = [Sequence([150 + number, 81, 82], 500) for number in range(3)]
    for group in (sick, sound):
        for members in (group[:1], group[1:]):
            assert {runner.admit(row, group) for row in members} == {Admission.ADMITTED}
            compute(runner, members)
    for row in sick[:2]:
        runner.release(row)
    assert {runner.admit(row, []) for row in others} == {Admission.ADMITTED}
    compute(runner, others)
    rows = [*sound, *others, *sick[2:]]
    for row in rows:
        row.ids.append(9)
    logits = compute(runner, rows)
    assert logits[-2:].isnan().all()
    for row, found in zip([*sound, *others], logits, strict=False):
        alone = Sequence(list(row.ids), 500)
        solo.admit(alone, [])
        torch.testing.assert_close(found, compute(solo, [alone])[0], rtol=1e-3, atol=1e-3)


def test_a_beginning_that_left_for_a_better_one_is_not_used() -> None:
    """The better one finds no room after all: it would be far longer than the rest of the shelf."""
    runner = open_packed("llama")
    long = [*range(1, 41), *[7] * 3000]
    builder, later = (Sequence([*long, number], 5000) for number in (8, 9))
    assert runner.admit(builder, []) is Admission.ADMITTED
    compute(runner, [builder])
    for beginning in (long[:40], *([100 + number] * 40 for number in range(IDLE_SHARED))):
        run = allocate_run(runner._shape, 40)
        for tensor in run.tensors:
            tensor.zero_()
        shared = runner._prefixes.share(beginning, None, [run])
        assert shared is not None
        runner._prefixes.use(shared)
        shared.users = 0
    assert runner.admit(later, []) is Admission.ADMITTED
    assert runner._rows[later].shared is None or runner._rows[later].shared in runner._prefixes.shared


def test_a_row_that_fills_all_memory_is_refused_the_next_token() -> None:
    runner = open_packed("llama", 256)
    row = Sequence(list(range(1, 60)), 1000)
    assert runner.admit(row, []) is Admission.ADMITTED
    while runner.reserve(chunk := Chunk(row, row.pending)):
        row.ids.append(int(runner.step([chunk])[0].argmax()))
    assert row.computed == 256


def test_one_as_long_as_the_capacity_is_let_in() -> None:
    for tokens in (10, 100, 300, 1000):
        runner = open_packed("llama", tokens)
        assert 0 <= runner.capacity < tokens
        if runner.capacity:
            row = Sequence([5] * runner.capacity, 2000)
            assert runner.admit(row, []) is Admission.ADMITTED
            assert runner.reserve(Chunk(row, row.pending))


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_as_likely_as_the_model_says(kind: Kind) -> None:
    ids = tuple(make_prompts(3)[1])
    row = EncodedExample(ids, tuple(place >= len(ids) - 12 for place in range(len(ids))))
    solo = SoloRunner(build_model(kind=kind).eval(), capacity=ROOMY)
    runner = open_packed(kind)
    for adapter in (None, *make_adapters(kind)):
        assert runner.score(row, adapter) == pytest.approx(solo.score(row, adapter), abs=1e-3)
    assert runner._budget.used == 0
