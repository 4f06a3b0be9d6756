"""Runs are worked on to their end, whoever is killed, canceled, stopped or away meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from luthier.conversation import Message
from luthier.engine.protocol import Request, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import EngineUnavailable, InvalidConfig
from luthier.evaluation.graders.openai.grading import Tools
from luthier.evaluation.graders.openai.judge import Model
from luthier.jobs.evals.desk import RunDraft, cancel_run, create_run
from luthier.pipeline.evals import runner
from luthier.pipeline.evals.worker import Answering, EvalWorker
from luthier.settings import Settings
from luthier.store.eval_runs import EvalRun, ItemQuery, get_run, list_items
from luthier.store.home import Home
from tests.support.api import embed_by_hash
from tests.support.evals import ASKING, add_eval, list_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from luthier.pipeline.evals.questions import Question

PATIENCE_SECONDS = 300.0
PROGRAM = """
import sys
from pathlib import Path
from threading import Event
from luthier.settings import Settings
from luthier.store.home import Home
from tests.pipeline.evals.test_worker import build_worker

asked = []

def say(messages):
    asked.append(messages)
    if len(asked) > 10:
        Event().wait()  # until it is killed
    return "x"

build_worker(Home(Settings(home=Path(sys.argv[1]))), say)[0].run_until(Event())
"""


def build_request(question: Question) -> Request:
    messages = tuple(Message(row["role"], row["content"]) for row in question.messages)
    return Request("smollm2-135m", messages, Sampling(max_tokens=5))


def build_worker(home: Home, say: Callable[..., str]) -> tuple[EvalWorker, Event]:
    """And what wakes it."""
    engine = ScriptedEngine({"smollm2-135m": say})
    tools = Tools(engine, embed_by_hash, lambda name: Model(name, name))
    woken = Event()
    return EvalWorker(home, Answering(engine, tools, build_request), woken=woken), woken


class Shop:
    """A worker in a thread, over a home of its own."""

    def __init__(self, home: Home, say: Callable[..., str]) -> None:
        self.home = home
        self._worker, self.woken = build_worker(home, say)
        self._stop = Event()
        self._thread = Thread(target=self._worker.run_until, args=(self._stop,))

    def __enter__(self) -> Shop:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.woken.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


def make_run(home: Home, count: int) -> EvalRun:
    eval = add_eval(home.database)
    source = list_content(*[(f"question {number}", "x") for number in range(count)])
    draft = RunDraft(eval.id, {**ASKING, "source": source}, model="smollm2-135m")
    return create_run(home.database, draft)


def look(home: Home, run: EvalRun) -> EvalRun:
    return get_run(home.database, run.eval_id, run.id)


def count_done(home: Home, run: EvalRun) -> int:
    tally = look(home, run).tally
    return tally.passed + tally.failed + tally.errored


def await_that(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def await_end(home: Home, run: EvalRun) -> EvalRun:
    await_that(lambda: look(home, run).status not in ("queued", "in_progress"))
    return look(home, run)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(Settings(home=tmp_path / "home", eval_items_in_flight=3))
    yield home
    home.database.close()


class Counter:
    """Answers, and knows which questions it was asked, and how many at once."""

    def __init__(self, act: Callable[[int], None] = lambda number: None) -> None:
        self.asked: list[str] = []
        self.going = 0
        self.most = 0
        self._act = act

    def __call__(self, messages: Any) -> str:
        self.asked.append(messages[-1].content)
        self.going += 1
        self.most = max(self.most, self.going)
        try:
            self._act(len(self.asked))
        finally:
            self.going -= 1
        return "x"


def test_a_killed_process_leaves_what_is_done_and_the_next_asks_only_the_rest(home: Home) -> None:
    run = make_run(home, 40)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", PROGRAM, str(home.path)]
    with subprocess.Popen(command, env=environment) as process:
        await_that(lambda: count_done(home, run) >= 5)
        process.send_signal(signal.SIGKILL)
    kept = list_items(home.database, run.eval_id, run.id, ItemQuery(limit=100)).items
    assert 5 <= len(kept) < 40
    say = Counter()
    with Shop(home, say):
        ended = await_end(home, run)
    assert (ended.status, ended.tally.passed) == ("completed", 40)
    assert not {item.item["question"] for item in kept} & set(say.asked)
    assert len(say.asked) == 40 - len(kept)
    assert list_items(home.database, run.eval_id, run.id, ItemQuery(limit=len(kept))).items == kept


def test_no_more_are_asked_at_once_than_the_settings_say(home: Home) -> None:
    together = Barrier(3, timeout=PATIENCE_SECONDS)
    say = Counter(lambda number: together.wait() and None)
    runs = [make_run(home, 12) for _ in range(2)]
    with Shop(home, say):
        assert {await_end(home, run).status for run in runs} == {"completed"}
    assert say.most == 3


def test_a_short_run_does_not_wait_for_a_long_one(home: Home) -> None:
    say = Counter(lambda number: time.sleep(0.01))
    long, short = make_run(home, 400), make_run(home, 3)
    with Shop(home, say):
        await_end(home, short)
        assert look(home, long).status == "in_progress"


def test_a_canceled_run_is_left_where_it_is(home: Home) -> None:
    may_go_on = Event()
    say = Counter(lambda number: None if number <= 3 else may_go_on.wait(PATIENCE_SECONDS) and None)
    run = make_run(home, 200)
    with Shop(home, say) as shop:
        await_that(lambda: count_done(home, run) == 3)
        cancel_run(home.database, run.eval_id, run.id)
        shop.woken.set()
        may_go_on.set()
        other = make_run(home, 2)
        shop.woken.set()
        assert await_end(home, other).status == "completed"
    assert look(home, run).status == "canceled"
    assert count_done(home, run) == 3


def test_a_stopped_worker_gives_its_runs_back(home: Home) -> None:
    run = make_run(home, 300)
    with Shop(home, Counter(lambda number: time.sleep(0.01))):
        await_that(lambda: count_done(home, run) >= 3)
    assert 3 <= count_done(home, run) < 300
    say = Counter()
    with Shop(home, say):
        assert await_end(home, run).tally.passed == 300


def test_an_engine_that_is_away_is_waited_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "FIRST_PAUSE_SECONDS", 0.001)

    def fail_at_first(number: int) -> None:
        if number <= 4:
            raise EngineUnavailable("the engine is away")

    run = make_run(home, 3)
    with Shop(home, Counter(fail_at_first)):
        assert await_end(home, run).tally.passed == 3


def test_an_engine_that_stays_away_is_an_error_of_each_item(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(runner, "LONGEST_PAUSE_SECONDS", 0.001)

    def fail(number: int) -> None:
        raise EngineUnavailable("the engine is away")

    run = make_run(home, 2)
    with Shop(home, Counter(fail)):
        ended = await_end(home, run)
    items = list_items(home.database, run.eval_id, run.id, ItemQuery()).items
    assert (ended.status, ended.tally.errored) == ("completed", 2)
    assert {item.sample["error"]["code"] for item in items} == {"engine_unavailable"}


def test_what_is_wrong_with_us_fails_the_run_and_nothing_hangs(home: Home) -> None:
    def crash(number: int) -> None:
        raise ZeroDivisionError

    run = make_run(home, 5)
    with Shop(home, Counter(crash)) as shop:
        ended = await_end(home, run)
        assert ended.error is not None
        assert (ended.status, ended.error.code) == ("failed", "server_error")
        shop.woken.set()


def test_a_criterion_that_can_no_longer_be_read_fails_the_run(home: Home) -> None:
    """As one that a newer server has kept."""
    from luthier.store.evals import EvalDraft, create_eval

    eval = create_eval(home.database, EvalDraft({"type": "custom", "item_schema": {}}, [{"type": "new", "name": "n"}]))
    run = create_run(home.database, RunDraft(eval.id, {**ASKING, "source": list_content(("a", "b"))}, model="m"))
    with Shop(home, Counter()):
        ended = await_end(home, run)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == ("failed", InvalidConfig.code)
