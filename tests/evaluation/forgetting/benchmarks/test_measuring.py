"""Benchmarks on tiny models: likelihoods are those of transformers, and a ruined model is red, an unchanged one not."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from luthier.conversation import Message
from luthier.engine.protocol import Request, Sampling
from luthier.engine.torch_engine import TorchEngine
from luthier.errors import MachineError
from luthier.evaluation.forgetting.benchmarks.asking import OPENING, answer_questions
from luthier.evaluation.forgetting.benchmarks.measuring import count_questions, load_benchmarks, measure_benchmarks
from luthier.evaluation.forgetting.benchmarks.question import Continuation, Likelihood, OpenQuestion
from luthier.evaluation.forgetting.finding import Forgetting
from luthier.evaluation.forgetting.material import load_material
from luthier.evaluation.forgetting.measure import TaskTexts, count_steps, measure_forgetting
from luthier.evaluation.forgetting.session import Session
from luthier.models.registry import resolve_model
from luthier.settings import Settings
from luthier.store.home import Home
from tests.support.adapters import AdapterMaker
from tests.support.benchmarks import TO_WRITE, write_task
from tests.support.tiny import build_model, build_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.evaluation.forgetting.benchmarks.question import Question
    from luthier.models.catalog import Base

ENDS = (" east", " west", " north")


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(Settings(home=tmp_path_factory.mktemp("benchmarks")))
    yield home
    home.database.close()


@pytest.fixture(scope="module")
def engine(shared_home: Home, tiny_base: Base) -> Iterator[TorchEngine]:
    maker = AdapterMaker(shared_home, tiny_base)
    maker.keep("gentle", strength=0.001)
    maker.keep("ruined", strength=30.0)
    with TorchEngine(lambda name: resolve_model(shared_home, name), precision="float32") as engine:
        yield engine


def open_session(
    engine: TorchEngine, baseline: str, candidate: str, *, folder: Path | None = None, done: list[int] | None = None
) -> Session:
    models = engine.identify(baseline), engine.identify(candidate)
    return Session(engine, engine, models, folder, [].append if done is None else done.append)


@torch.no_grad()
def weigh_plainly(context: str, text: str) -> Likelihood:
    tokenizer = build_tokenizer()
    before, ids = (tokenizer(each)["input_ids"] for each in (context, context + text))
    logits = build_model()(input_ids=torch.tensor([ids])).logits[0, len(before) - 1 : -1]
    expected = torch.tensor(ids[len(before) :])
    log_prob = float(logits.log_softmax(-1).gather(1, expected[:, None]).sum())
    return Likelihood(log_prob, bool((logits.argmax(-1) == expected).all()))


@torch.no_grad()
def go_on_greedily(context: str, count: int) -> str:
    tokenizer, model = build_tokenizer(), build_model()
    ids = tokenizer(context)["input_ids"]
    start = len(ids)
    for _ in range(count):
        ids = [*ids, int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())]
    return tokenizer.decode(ids[start:])


def test_likelihoods_are_those_of_a_plain_forward_pass(engine: TorchEngine, tiny_base: Base) -> None:
    greedy = next(text for start in "abcdefgh" if (text := go_on_greedily(start, 1)).isascii())
    start = next(start for start in "abcdefgh" if go_on_greedily(start, 1) == greedy)
    pairs = [("The sun rises in the", end) for end in ENDS] + [("", "Once upon a time"), (start, greedy)]
    session = open_session(engine, tiny_base.name, tiny_base.name)
    replies = answer_questions(session, session.models[0], [Continuation(*each) for each in pairs])
    expected = [weigh_plainly(context or OPENING, text) for context, text in pairs]
    for reply, plain in zip(replies, expected, strict=True):
        assert isinstance(reply, Likelihood)
        assert reply.log_prob == pytest.approx(plain.log_prob, abs=1e-3)
        assert reply.is_greedy == plain.is_greedy
    assert [plain.is_greedy for plain in expected] == [False, False, False, False, True]


def test_answers_are_those_of_a_chat_and_end_before_any_of_many_stops(engine: TorchEngine, tiny_base: Base) -> None:
    whole = say(engine, tiny_base.name, "Hello", max_tokens=8)
    session = open_session(engine, tiny_base.name, tiny_base.name)
    stops = ("unheard 1", "unheard 2", "unheard 3", "unheard 4", whole[3:])
    questions = [OpenQuestion("Hello", (), 8), OpenQuestion("Hello", stops, 8), OpenQuestion("Hello", (whole[3:],), 8)]
    assert answer_questions(session, session.models[0], questions) == [whole, whole[:3], whole[:3]]


def say(engine: TorchEngine, model: str, prompt: str, *, max_tokens: int) -> str:
    request = Request(model, (Message("user", prompt),), Sampling(max_tokens=max_tokens))
    return engine.submit(request).wait().text


def test_a_question_that_is_too_long_has_no_reply_and_costs_no_other_its_own(
    engine: TorchEngine, tiny_base: Base
) -> None:
    done: list[int] = []
    session = open_session(engine, tiny_base.name, tiny_base.name, done=done)
    long = "word " * 2000
    questions: list[Question] = [
        Continuation("The sun", " rises"),
        Continuation(long, " rises"),
        OpenQuestion(long, (), 8),
        OpenQuestion("Hello", (), 8),
    ]
    first, second, third, fourth = answer_questions(session, session.models[0], questions)
    assert isinstance(first, Likelihood)
    assert (second, third) == (None, None)
    assert isinstance(fourth, str)
    assert sum(done) == len(questions)


def write_favourites(engine: TorchEngine, base: Base, folder: Path, count: int = 60) -> Path:
    """A task on which the base is always right: what it likes best counts as right."""
    session = open_session(engine, base.name, base.name)
    contexts = [f"Question number {number}:" for number in range(count)]
    questions = [Continuation(context, end) for context in contexts for end in ENDS]
    replies = answer_questions(session, session.models[0], questions)
    scores = [reply.log_prob for reply in replies if isinstance(reply, Likelihood)]
    rows = [
        {"country": context, "choices": list(ENDS), "answer": max(range(3), key=lambda end: scores[3 * place + end])}
        for place, context in enumerate(contexts)
    ]
    return write_task(folder, rows, doc_to_text="{{country}}", target_delimiter="")


@pytest.mark.usefixtures("lm_eval")
def test_a_ruined_model_is_red_and_one_that_hardly_changed_is_not(
    engine: TorchEngine, tiny_base: Base, shared_home: Home, tmp_path: Path
) -> None:
    benchmarks = load_benchmarks([str(write_favourites(engine, tiny_base, tmp_path))], limit=200)
    states = {}
    for candidate in (tiny_base.name, "gentle", "ruined"):
        session = open_session(engine, tiny_base.name, candidate, folder=shared_home.path)
        (family,) = measure_benchmarks(session, benchmarks, margin=0.05)
        assert (family.key, family.baseline, family.total) == ("benchmark:capitals", 1.0, 60)
        states[candidate] = family.state
    assert states == {tiny_base.name: "ok", "gentle": "ok", "ruined": "degraded"}
    assert {each.note for each in family.examples} == {"acc 0, 1 before"}
    assert family.examples[0].baseline != family.examples[0].candidate


@pytest.mark.usefixtures("lm_eval")
def test_written_answers_are_graded_too_and_nothing_is_asked_twice(
    engine: TorchEngine, tiny_base: Base, shared_home: Home, tmp_path: Path
) -> None:
    words = [f"Say word {number}." for number in range(12)]
    answers = [say(engine, tiny_base.name, word, max_tokens=4) for word in words]
    rows = [{"country": word, "choices": [text], "answer": 0} for word, text in zip(words, answers, strict=True)]
    written = {**TO_WRITE, "doc_to_text": "{{country}}", "generation_kwargs": {"until": [], "max_gen_toks": 4}}
    benchmarks = load_benchmarks([str(write_task(tmp_path, rows, **written))], limit=200)
    session = open_session(engine, tiny_base.name, "ruined", folder=shared_home.path)
    (family,) = measure_benchmarks(session, benchmarks, margin=0.05)
    assert family.baseline == 1.0
    assert family.candidate < 0.5
    closed = TorchEngine(lambda name: resolve_model(shared_home, name), precision="float32")
    closed.close()
    done: list[int] = []
    again = open_session(closed, tiny_base.name, "ruined", folder=shared_home.path, done=done)
    assert measure_benchmarks(again, benchmarks, margin=0.05) == [family]
    assert sum(done) == count_questions(benchmarks) == 24


@pytest.mark.usefixtures("lm_eval")
def test_a_benchmark_stands_beside_the_families_of_the_suite(
    engine: TorchEngine, tiny_base: Base, tmp_path: Path
) -> None:
    whole = load_material()
    part = replace(
        whole, passages=whole.passages[:2], gaps=whole.gaps[:2], probes=whole.probes[:1], questions=whole.questions[:1]
    )
    benchmarks = load_benchmarks([str(write_favourites(engine, tiny_base, tmp_path, count=30))] * 2, limit=20)
    done: list[int] = []
    found = measure_forgetting(
        engine, tiny_base.name, "ruined", material=part, benchmarks=benchmarks, on_progress=done.append
    )
    assert isinstance(found, Forgetting)
    assert [family.key for family in found.families][-2:] == ["behaviour", "benchmark:capitals"]
    assert "20 of 30 rows" in found.families[-1].explanation
    assert sum(done) == count_steps(TaskTexts(), part, benchmarks=benchmarks)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(MachineError, match="need the library lm-eval") as caught:
        load_benchmarks(["piqa"], limit=5)
    assert caught.value.hint == "pip install 'luthier[benchmarks]'"
    assert load_benchmarks([], limit=5) == ()


@pytest.fixture
def lm_eval() -> None:
    pytest.importorskip("lm_eval")
