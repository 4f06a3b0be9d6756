"""Rows that join, leave, make room and fail at any step get the answers that each would get alone."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pytest
import torch

from luthier.engine.protocol import Sampling, Structure
from luthier.engine.runners.sequence import Admission
from luthier.engine.runners.solo import SoloRunner
from luthier.errors import DeadlineExceeded, LuthierError, OutOfMemory, PromptTooLong, RequestCancelled, StoreDamaged
from tests.support.serving import Bench, build_base, generate_plainly, make_request
from tests.support.tiny import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence as Many

    from luthier.engine.protocol import Request
    from luthier.engine.runners.sequence import Chunk, Sequence

PROMPTS = ["hi", "name a colour, any colour", "what?", "a much longer question than all the others here", "and you?"]
ROOMY = 100_000


class WatchedRunner(SoloRunner):
    """Remembers what it was asked for, and fails on request."""

    def __init__(self, *, capacity: int = ROOMY, kind: Kind = "llama") -> None:
        self.base = build_base(kind)
        super().__init__(self.base.model, capacity=capacity)
        self.steps: list[list[int]] = []
        """The tokens of each chunk of each step."""
        self.released: list[Sequence] = []
        self.largest_step = ROOMY
        """A step of more tokens runs out of memory."""
        self.most_rows = ROOMY
        self.sick: list[Sequence] = []
        """Their logits are not numbers."""

    def step(self, chunks: Many[Chunk]) -> torch.Tensor:
        counts = [chunk.count for chunk in chunks]
        if sum(counts) > self.largest_step or len(counts) > self.most_rows:
            raise torch.OutOfMemoryError("not enough")
        self.steps.append(counts)
        logits = super().step(chunks)
        for row, chunk in enumerate(chunks):
            if chunk.sequence in self.sick:
                logits[row, 7] = torch.nan
        return logits

    def release(self, sequence: Sequence) -> None:
        self.released.append(sequence)
        super().release(sequence)


def open_bench(*, kind: Kind = "llama", capacity: int = ROOMY, **settings: Any) -> tuple[Bench, WatchedRunner]:
    runner = WatchedRunner(capacity=capacity, kind=kind)
    return Bench(runner, runner.base, **settings), runner


def make_requests() -> list[Request]:
    """Of all sorts: greedy, drawn, with penalties, log-probabilities, a structure and a stop text."""
    samplings = [
        Sampling(max_tokens=40),
        Sampling(max_tokens=30, temperature=1.3, seed=3),
        Sampling(max_tokens=25, temperature=0.8, seed=4, top_p=0.9, frequency_penalty=0.5),
        Sampling(max_tokens=35, top_log_probs=2),
        Sampling(max_tokens=30, temperature=1.0, seed=9, stop=("e",)),
    ]
    requests = [make_request(text, sampling=each) for text, each in zip(PROMPTS, samplings, strict=True)]
    structure = Structure("regex", "(yes|no|maybe){5}")
    return [
        *requests,
        make_request("so?", sampling=Sampling(max_tokens=40, temperature=1.0, seed=5), structure=structure),
    ]


@cache
def answer_alone() -> list[tuple[str, ...]]:
    return [describe(open_bench()[0].answer([request])[0]) for request in make_requests()]


def describe(response: Any) -> tuple[str, ...]:
    """All that must not depend on neighbours."""
    log_probs = "".join(entry.token for entry in response.log_probs)
    return response.text, response.finish_reason, str(response.completion_tokens), response.prompt_hash, log_probs


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_the_tokens_of_transformers(kind: Kind) -> None:
    bench, runner = open_bench(kind=kind, step_tokens=40)
    responses = bench.answer([make_request(text) for text in PROMPTS])
    plain = build_base(kind)
    assert [response.text for response in responses] == [generate_plainly(plain, text) for text in PROMPTS]
    assert runner.held_tokens == 0


def test_rows_join_and_leave_at_any_step_and_answer_as_alone() -> None:
    requests = make_requests()
    bench, runner = open_bench(step_tokens=48, max_rows=4)
    answers = []
    for request in requests:
        answers.append(bench.submit(request))
        for _ in range(3):
            bench.scheduler.step()
    bench.run()
    assert [describe(answer.wait(0)) for answer in answers] == answer_alone()
    assert max(len(step) for step in runner.steps) == 4


def test_the_pieces_of_an_answer_are_its_text() -> None:
    bench, _ = open_bench()
    answers = [bench.submit(request) for request in make_requests()]
    bench.run()
    for answer in answers:
        pieces, response = list(answer), answer.wait(0)
        assert "".join(piece.text for piece in pieces) == response.text
        assert tuple(entry for piece in pieces for entry in piece.log_probs) == response.log_probs


def test_rows_that_make_room_answer_as_if_nothing_had_happened() -> None:
    """Memory for less than two of six."""
    requests = make_requests()
    bench, runner = open_bench(capacity=150)
    answers = [describe(response) for response in bench.answer(requests)]
    assert answers == answer_alone()
    assert len(runner.released) > len(requests)
    assert runner.held_tokens == 0


def test_the_oldest_never_makes_room_and_the_youngest_always_goes_first() -> None:
    bench, runner = open_bench(capacity=170)
    answers = [bench.submit(make_request("x" * 40, sampling=Sampling(max_tokens=60))) for _ in range(3)]
    ended = []
    while bench.scheduler.has_work:
        bench.scheduler.step()
        ended += [place for place, answer in enumerate(answers) if answer.is_done and place not in ended]
    assert ended == [0, 1, 2]
    assert len(runner.released) > 3
    # The first was released once, at its end; whoever was released before was younger than those who stayed.
    assert runner.released.count(bench.replies[0].sequence) == 1


def test_who_made_room_comes_back_before_those_who_came_later() -> None:
    """There is room for one of the large ones at a time, and beside the first for a while."""
    bench, runner = open_bench(capacity=170)
    first = bench.submit(make_request("x" * 10, sampling=Sampling(max_tokens=70)))
    second, third = (bench.submit(make_request("y" * 80, sampling=Sampling(max_tokens=30))) for _ in range(2))
    ended = []
    while bench.scheduler.has_work:
        bench.scheduler.step()
        ended += [answer for answer in (first, second, third) if answer.is_done and answer not in ended]
    assert [bench.replies.index(reply) for reply in bench.replies if runner.released.count(reply.sequence) == 2] == [1]
    assert ended == [first, second, third]


def test_a_long_prompt_does_not_stall_those_who_answer() -> None:
    bench, runner = open_bench(step_tokens=32)
    first = bench.submit(make_request(sampling=Sampling(max_tokens=100)))
    bench.scheduler.step()
    for _ in range(2):
        bench.submit(make_request("x" * 400, sampling=Sampling(max_tokens=4)))
    before = len(bench.replies[0].sequence.ids)
    for step in range(1, 11):
        bench.scheduler.step()
        assert len(bench.replies[0].sequence.ids) == before + step
    assert runner.steps[-1] == [1, 31]
    assert not first.is_done
    bench.run()
    assert max(map(sum, runner.steps)) == 32


def test_who_is_too_large_for_now_is_not_passed_by_those_who_came_later() -> None:
    bench, _ = open_bench(capacity=200)
    bench.submit(make_request("x" * 90, sampling=Sampling(max_tokens=30)))
    large = bench.submit(make_request("y" * 120, sampling=Sampling(max_tokens=2)))
    small = bench.submit(make_request("z", sampling=Sampling(max_tokens=2)))
    while not small.is_done:
        bench.scheduler.step()
    assert large.is_done


class HesitantRunner(WatchedRunner):
    """Puts off whatever begins with the first sequence's tokens until that one has ended."""

    def admit(self, sequence: Sequence, waiting: Many[Sequence]) -> Admission:
        holding = next(iter(self._holdings), None)
        if holding is not None and sequence.ids[:30] == holding.ids[:30]:
            return Admission.LATER
        return super().admit(sequence, waiting)


def test_who_is_better_served_later_lets_others_pass() -> None:
    runner = HesitantRunner()
    bench = Bench(runner, runner.base)
    first, alike, other = (bench.submit(make_request(text)) for text in ("common beginning", "common beginning", "no"))
    bench.scheduler.step()
    assert [len(reply.sequence.ids) - reply.order.prompt_tokens for reply in bench.replies] == [1, 0, 1]
    bench.run()
    assert first.wait(0).text == alike.wait(0).text != other.wait(0).text


def test_a_prompt_that_can_never_fit_is_refused_and_no_other() -> None:
    bench, _ = open_bench(capacity=100)
    answers = [bench.submit(make_request(text)) for text in ("hi", "x" * 200, "what?")]
    bench.run()
    assert isinstance(answers[1].wait_for_outcome(0), OutOfMemory)
    assert [answers[place].wait(0).completion_tokens for place in (0, 2)] == [12, 12]


def test_an_answer_that_outgrows_the_memory_fails_and_gives_it_back() -> None:
    bench, runner = open_bench(capacity=120)
    large = bench.submit(make_request("x" * 30, sampling=Sampling(max_tokens=200)))
    bench.run()
    assert isinstance(large.wait_for_outcome(0), OutOfMemory)
    assert runner.held_tokens == 0
    assert bench.answer([make_request()])[0].completion_tokens == 12


def test_a_step_that_runs_out_of_memory_is_done_by_fewer() -> None:
    requests = make_requests()
    bench, runner = open_bench()
    runner.largest_step, runner.most_rows = 90, 3
    assert [describe(response) for response in bench.answer(requests)] == answer_alone()


class CrampedRunner(WatchedRunner):
    """Has no memory for a third row, and finds out late."""

    def admit(self, sequence: Sequence, waiting: Many[Sequence]) -> Admission:
        if len(self._holdings) >= 3:
            raise torch.OutOfMemoryError("not enough")
        return super().admit(sequence, waiting)

    def reserve(self, chunk: Chunk) -> bool:
        if len(self._holdings) == 3:
            raise MemoryError
        return super().reserve(chunk)


def test_memory_that_lacks_before_a_step_is_no_other_matter() -> None:
    runner = CrampedRunner()
    responses = Bench(runner, runner.base).answer(make_requests())
    assert [describe(response) for response in responses] == answer_alone()
    assert max(len(step) for step in runner.steps) == 2


def test_one_that_runs_out_of_memory_alone_fails_and_the_next_is_answered() -> None:
    bench, runner = open_bench()
    runner.largest_step = 0
    refused = bench.submit(make_request())
    bench.scheduler.step()
    outcome = refused.wait_for_outcome(0)
    assert isinstance(outcome, OutOfMemory)
    assert "max_tokens" in outcome.hint
    runner.largest_step = ROOMY
    assert bench.answer([make_request()])[0].completion_tokens == 12


def test_after_a_lack_of_memory_the_batch_grows_again() -> None:
    bench, runner = open_bench()
    runner.most_rows = 1
    answers = [bench.submit(make_request(text)) for text in PROMPTS]
    while not answers[0].is_done:
        bench.scheduler.step()
    runner.most_rows = ROOMY
    bench.run()
    bench.answer([make_request(text) for text in PROMPTS])
    assert max(len(step) for step in runner.steps) == len(PROMPTS)


def test_a_row_without_numbers_fails_alone() -> None:
    bench, runner = open_bench()
    answers = [bench.submit(make_request(text)) for text in PROMPTS]
    runner.sick.append(bench.replies[1].sequence)
    bench.run()
    assert isinstance(answers[1].wait_for_outcome(0), StoreDamaged)
    assert [answer.wait(0).completion_tokens for place, answer in enumerate(answers) if place != 1] == [12] * 4
    assert runner.held_tokens == 0


def test_who_is_cancelled_leaves_within_one_step() -> None:
    bench, runner = open_bench(max_rows=1)
    running, waiting, last = (bench.submit(make_request(text)) for text in PROMPTS[:3])
    bench.scheduler.step()
    running.cancel()
    waiting.cancel()
    bench.scheduler.step()
    assert len(runner.steps) == 2
    assert len(bench.replies[0].sequence.ids) == bench.replies[0].order.prompt_tokens + 1
    bench.run()
    assert last.wait(0).completion_tokens == 12
    assert runner.held_tokens == 0


def test_who_is_late_fails_whether_running_or_waiting() -> None:
    bench, _ = open_bench(max_rows=1)
    running = bench.submit(make_request(deadline_seconds=5.0))
    waiting = bench.submit(make_request(deadline_seconds=5.0))
    patient = bench.submit(make_request(deadline_seconds=50.0))
    bench.scheduler.step()
    bench.clock.now = 4.9
    bench.scheduler.step()
    assert not running.is_done
    bench.clock.now = 5.0
    bench.run()
    assert [type(answer.wait_for_outcome(0)) for answer in (running, waiting)] == [DeadlineExceeded] * 2
    assert patient.wait(0).completion_tokens == 12


def test_an_answer_ends_at_a_stop_token_which_counts_and_is_not_shown() -> None:
    """Every token but the end is forbidden by its bias, after a few that are drawn."""
    base = build_base()
    (end,) = base.template.stop_ids
    bench, _ = open_bench()
    response = bench.answer([make_request(sampling=Sampling(max_tokens=9, logit_bias=((end, 100.0),)))])[0]
    assert (response.text, response.finish_reason, response.completion_tokens) == ("", "stop", 1)


def test_an_answer_ends_at_a_stop_text() -> None:
    whole = open_bench()[0].answer([make_request()])[0].text
    response = open_bench()[0].answer([make_request(sampling=Sampling(max_tokens=12, stop=(whole[3:5],)))])[0]
    assert (response.text, response.finish_reason) == (whole[: whole.find(whole[3:5])], "stop")
    assert response.completion_tokens < 12


def test_an_answer_ends_where_the_context_does() -> None:
    bench, _ = open_bench()
    response = bench.answer([make_request("x" * 950, sampling=Sampling(max_tokens=500))])[0]
    assert response.prompt_tokens + response.completion_tokens == 1024
    assert response.finish_reason == "length"
    with pytest.raises(PromptTooLong, match=r"maximum context length is 1024 tokens \(\d+ in the messages\)"):
        bench.submit(make_request("x" * 1100))


def test_a_structured_answer_that_is_cut_says_length_and_one_that_just_fits_says_stop() -> None:
    structure = Structure("choice", '["abcdef"]')
    reasons = {}
    for max_tokens in (4, 6, 9):
        request = make_request(sampling=Sampling(max_tokens=max_tokens), structure=structure)
        response = open_bench()[0].answer([request])[0]
        reasons[response.text, response.completion_tokens] = response.finish_reason
    assert reasons == {("abcd", 4): "length", ("abcdef", 6): "stop", ("abcdef", 7): "stop"}


def test_log_probs_are_those_of_the_model_and_come_with_the_tokens_texts() -> None:
    bench, _ = open_bench()
    sampling = Sampling(max_tokens=5, top_log_probs=2, temperature=1.0, seed=1)
    response = bench.answer([make_request(sampling=sampling)])[0]
    ids = bench.replies[0].sequence.ids
    base = build_base()
    with torch.inference_mode():
        all_log_probs = base.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    assert len(response.log_probs) == 5
    for place, entry in enumerate(response.log_probs, start=response.prompt_tokens):
        expected = all_log_probs[place - 1]
        assert entry.token == base.template.tokenizer.decode([ids[place]])
        assert entry.log_prob == pytest.approx(float(expected[ids[place]]), abs=1e-4)
        assert [other.log_prob for other in entry.alternatives] == pytest.approx(
            expected.topk(2).values.tolist(), abs=1e-4
        )


class RememberingRunner(WatchedRunner):
    """Knows the first ten tokens of everything already, and four of them later on."""

    def admit(self, sequence: Sequence, waiting: Many[Sequence]) -> Admission:
        admission = super().admit(sequence, waiting)
        if admission is Admission.ADMITTED:
            with torch.inference_mode():
                known = 4 if sequence in self.released else 10
                ids = torch.tensor([sequence.ids[:known]])
                self._model(input_ids=ids, past_key_values=self._holdings[sequence].cache, use_cache=True)
            sequence.computed = known
        return admission


def test_tokens_that_were_known_are_told_once() -> None:
    requests = make_requests()
    runner = RememberingRunner(capacity=150)
    responses = Bench(runner, runner.base).answer(requests)
    assert [response.cached_tokens for response in responses] == [10] * len(requests)
    assert len(runner.released) > len(requests)
    assert [describe(response) for response in responses] == answer_alone()


def test_who_leaves_says_so_once() -> None:
    bench, runner = open_bench(max_rows=2)
    left: list[str] = []
    answers = [bench.submit(make_request(text), leave=partial(left.append, text)) for text in PROMPTS]
    answers[4].cancel()
    bench.scheduler.step()
    assert left == [PROMPTS[4]]
    bench.scheduler.fail_all(LuthierError("enough"))
    assert sorted(left) == sorted(PROMPTS)
    assert not bench.scheduler.has_work
    assert runner.held_tokens == 0
    assert [type(answer.wait_for_outcome(0)) for answer in answers] == [*[LuthierError] * 4, RequestCancelled]
