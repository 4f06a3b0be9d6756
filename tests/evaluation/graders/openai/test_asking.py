from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Message
from luthier.engine.protocol import ModelIdentity, Request, Sampling
from luthier.engine.routing import Route, RoutingEngine
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import EngineUnavailable, PromptTooLong
from luthier.evaluation.cache import OutputCache
from luthier.evaluation.graders.openai.asking import Courtroom, ask_judge
from tests.evaluation.graders.tools import Judge

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.engine.protocol import Response


def question(text: str, *, temperature: float = 0.0) -> Request:
    return Request("judge", (Message("user", text),), Sampling(temperature=temperature))


def is_good(response: Response) -> bool:
    return response.text != "nonsense"


def ask(texts: list[str], judge: Judge, cache: OutputCache | None = None, *, identity: str = "a") -> list[object]:
    identities = {"judge": ModelIdentity("judge", "judge", identity, "template")}
    engine = ScriptedEngine({"judge": judge}, identities=identities)
    room = Courtroom(RoutingEngine([Route(lambda name: True, lambda: engine)]), cache)
    outcomes = ask_judge([question(text) for text in texts], room, is_readable=is_good)
    return [getattr(outcome, "text", outcome) for outcome in outcomes]


def echo(messages: tuple[Message, ...]) -> str:
    return f"judged {messages[-1].content}"


def test_the_same_question_is_asked_once_and_answered_everywhere() -> None:
    judge = Judge(echo)
    assert ask(["a", "b", "a"], judge) == ["judged a", "judged b", "judged a"]
    assert len(judge.asked) == 2


def test_what_was_judged_is_never_asked_again(tmp_path: Path) -> None:
    judge, cache = Judge(echo), OutputCache(tmp_path)
    ask(["a", "b"], judge, cache)
    assert ask(["a", "b", "c"], judge, cache) == ["judged a", "judged b", "judged c"]
    assert [asked[-1].content for asked in judge.asked] == ["a", "b", "c"]


def test_another_judge_has_a_word_of_its_own(tmp_path: Path) -> None:
    judge, cache = Judge(echo), OutputCache(tmp_path)
    ask(["a"], judge, cache)
    ask(["a"], judge, cache, identity="retrained")
    assert len(judge.asked) == 2


def test_nonsense_is_not_kept(tmp_path: Path) -> None:
    cache = OutputCache(tmp_path)
    assert ask(["a"], Judge("nonsense"), cache) == ["nonsense"]
    assert ask(["a"], Judge("sense"), cache) == ["sense"]


def test_one_question_that_cannot_be_judged_is_the_error_of_that_one() -> None:
    def judge(messages: tuple[Message, ...]) -> object:
        return PromptTooLong("too long") if messages[-1].content == "b" else "fine"

    found = ask(["a", "b", "c"], Judge(judge))
    assert found[0] == found[2] == "fine"
    assert isinstance(found[1], PromptTooLong)


def test_a_judge_that_goes_away_leaves_what_it_said(tmp_path: Path) -> None:
    def leave(messages: tuple[Message, ...]) -> object:
        return EngineUnavailable("gone") if messages[-1].content == "c" else "fine"

    cache = OutputCache(tmp_path)
    with pytest.raises(EngineUnavailable):
        ask(["a", "b", "c"], Judge(leave), cache)
    judge = Judge(echo)
    assert ask(["a", "b", "c"], judge, cache) == ["fine", "fine", "judged c"]
    assert len(judge.asked) == 1


def test_each_judgement_is_told_of(tmp_path: Path) -> None:
    counts: list[int] = []
    for texts in (["a", "b"], ["a", "b", "c"]):
        room = Courtroom(ScriptedEngine({"judge": Judge(echo)}), OutputCache(tmp_path), counts.append)
        ask_judge([question(text) for text in texts], room, is_readable=is_good)
    assert counts == [0, 1, 1, 2, 1]
