from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from luthier.engine.answer import Answer
from luthier.engine.following import Following
from luthier.engine.protocol import Piece, Response
from luthier.errors import EngineUnavailable, LuthierError, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest


def respond(text: str) -> Response:
    return Response(text, "stop", 1, 1, "hash")


async def read_all(answers: Sequence[Answer]) -> tuple[list[str], list[Response | LuthierError]]:
    """The texts of the answers, and how each ended."""
    following = Following(answers)
    texts = [""] * len(answers)
    outcomes: dict[int, Response | LuthierError] = {}
    while not following.is_done:
        for place, pieces, outcome in await following.read(10):
            texts[place] += "".join(piece.text for piece in pieces)
            if outcome is not None:
                outcomes[place] = outcome
    return texts, [outcomes[place] for place in range(len(answers))]


def test_all_pieces_of_answers_from_several_threads_arrive_once_and_in_order() -> None:
    answers = [Answer() for _ in range(8)]

    def speak(answer: Answer, name: int) -> None:
        for number in range(200):
            answer.add(Piece(f"{name}:{number} "))
        answer.finish(respond("done"))

    threads = [threading.Thread(target=speak, args=(answer, name)) for name, answer in enumerate(answers)]

    async def listen() -> tuple[list[str], list[Response | LuthierError]]:
        for thread in threads:
            thread.start()
        return await read_all(answers)

    texts, outcomes = asyncio.run(listen())
    assert texts == ["".join(f"{name}:{number} " for number in range(200)) for name in range(8)]
    assert outcomes == [respond("done")] * 8


def test_what_was_there_before_is_read_at_once() -> None:
    answer = Answer()
    answer.add(Piece("early"))
    answer.finish(respond("early"))
    assert asyncio.run(read_all([answer])) == (["early"], [respond("early")])


def test_an_answer_that_fails_ends_with_its_error_and_the_others_go_on() -> None:
    failing, fine = Answer(), Answer()
    failing.add(Piece("half"))
    failing.fail(EngineUnavailable("gone"))
    fine.finish(respond("whole"))
    texts, (error, response) = asyncio.run(read_all([failing, fine]))
    assert texts == ["half", ""]
    assert isinstance(error, EngineUnavailable)
    assert response == respond("whole")


def test_without_news_in_time_there_is_nothing_and_later_news_is_not_lost() -> None:
    answer = Answer()

    async def read_twice() -> list[int]:
        following = Following([answer])
        first = await following.read(0.001)
        answer.add(Piece("late"))
        return [len(first), len(await following.read(10))]

    assert asyncio.run(read_twice()) == [0, 1]


def test_many_pieces_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer()
    wakes: list[object] = []

    async def read_hundred() -> int:
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe

        def note(callback: Callable[[], None]) -> asyncio.Handle:
            wakes.append(callback)
            return wake(callback)

        monkeypatch.setattr(loop, "call_soon_threadsafe", note)
        following = Following([answer])
        for _ in range(100):
            answer.add(Piece("word "))
        ((_, pieces, _),) = await following.read(10)
        return len(pieces)

    assert asyncio.run(read_hundred()) == 100
    assert len(wakes) == 1


def test_cancelled_answers_are_given_up_and_those_that_are_done_stay() -> None:
    done, running = Answer(), Answer()
    done.finish(respond("done"))

    async def leave() -> None:
        following = Following([done, running])
        await following.read(10)
        following.cancel()

    asyncio.run(leave())
    assert isinstance(running.wait_for_outcome(0), RequestCancelled)
    assert done.wait(0) == respond("done")


def test_an_engine_may_speak_on_after_the_loop_was_closed() -> None:
    answer = Answer()

    async def leave() -> None:
        Following([answer])

    asyncio.run(leave())
    answer.add(Piece("to nobody"))
    answer.finish(respond("to nobody"))
    assert answer.wait(0).text == "to nobody"
