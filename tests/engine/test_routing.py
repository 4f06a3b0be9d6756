from __future__ import annotations

import pytest

from luthier.conversation import Message
from luthier.engine.protocol import Engine, Request, Sampling
from luthier.engine.routing import Route, RoutingEngine
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import EngineUnavailable, RequestCancelled, UnknownModel


class Counted:
    """Starts an engine that says who it is."""

    def __init__(self, name: str) -> None:
        self.name, self.starts, self.closes = name, 0, 0

    def __call__(self) -> Engine:
        self.starts += 1
        counted = self

        class Closing(ScriptedEngine):
            def close(self) -> None:
                counted.closes += 1

        return Closing({f"{self.name}:a": lambda _: self.name, f"{self.name}:b": lambda _: self.name}, name=self.name)


def refuse() -> Engine:
    raise EngineUnavailable("the server does not answer")


@pytest.fixture
def hosted() -> Counted:
    return Counted("hosted")


@pytest.fixture
def local() -> Counted:
    return Counted("local")


@pytest.fixture
def engine(hosted: Counted, local: Counted) -> RoutingEngine:
    away = Route(lambda model: model.startswith("away:"), refuse)
    return RoutingEngine([away, Route(lambda model: model.startswith("hosted:"), hosted), Route(lambda _: True, local)])


def ask(engine: Engine, model: str) -> str:
    return engine.submit(Request(model, (Message("user", "hello"),), Sampling())).wait().text


def test_the_name_decides_who_answers(engine: RoutingEngine) -> None:
    assert [ask(engine, model) for model in ("local:a", "hosted:a", "local:b")] == ["local", "hosted", "local"]
    assert engine.identify("hosted:b").name == "hosted:b"
    assert engine.find("local:a") is engine.find("local:b") is not engine.find("hosted:a")


def test_an_engine_starts_when_it_is_needed_and_once(engine: RoutingEngine, hosted: Counted, local: Counted) -> None:
    assert (engine.name, local.starts) == ("", 0)
    for _ in range(3):
        ask(engine, "local:a")
    assert (local.starts, hosted.starts, engine.name) == (1, 0, "local")
    ask(engine, "hosted:a")
    assert engine.name == "hosted and local"


def test_what_was_started_is_closed_and_nothing_else(engine: RoutingEngine, hosted: Counted, local: Counted) -> None:
    ask(engine, "local:a")
    engine.close()
    engine.close()
    assert (hosted.closes, local.closes) == (0, 1)


def test_nothing_is_started_after_the_end(engine: RoutingEngine, hosted: Counted, local: Counted) -> None:
    ask(engine, "local:a")
    engine.close()
    for model in ("local:a", "hosted:a"):
        with pytest.raises(RequestCancelled):
            ask(engine, model)
    assert (hosted.starts, local.starts) == (0, 1)


def test_an_engine_that_cannot_start_fails_its_own_answers(engine: RoutingEngine) -> None:
    request = Request("away:a", (), Sampling())
    with pytest.raises(EngineUnavailable):
        engine.submit(request).wait()
    with pytest.raises(EngineUnavailable):
        engine.identify("away:a")
    assert ask(engine, "local:a") == "local"


def test_a_model_that_its_engine_does_not_know_is_unknown(engine: RoutingEngine) -> None:
    with pytest.raises(UnknownModel, match="local:c"):
        engine.identify("local:c")
