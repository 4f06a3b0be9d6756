"""Contestants and a plan become turns, in rounds that can be taken up again after a stop."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generate.contest import ContestantFailed, Seat
from generate.figures import count_equal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from generate.contestants import Contestant, Task
    from generate.job import Row

WARM_UP_EVERY = 25
"""One in so many rows is answered before anything counts."""


@dataclass(frozen=True)
class Plan:
    """One in `every` rows of the job is answered, one in `slow_every` by those that are slow; `exact_rows` are compared
    in float32; `streams` prompts are answered alone."""

    rounds: int
    every: int = 1
    slow_every: int = 1
    exact_rows: int = 24
    streams: int = 8

    def thin(self, task: Task) -> int:
        return self.slow_every if task.is_slow else self.every


@dataclass(frozen=True)
class Course:
    """`report` gathers what is known, and `keep` is called after each turn."""

    plan: Plan
    rows: Sequence[Row]
    streams: Sequence[Row]
    folder: Path
    report: dict[str, Any]
    keep: Callable[[], None]


def take_rounds(course: Course, contestants: Sequence[Contestant]) -> None:
    """Who fails is left out from then on, and why is reported."""
    wanting = [contestant for contestant in contestants if _list_tasks(course, contestant, course.plan.rounds)]
    with ExitStack() as stack:
        seats = [seat for contestant in wanting if (seat := _take_seat(course, contestant, stack))]
        for number in range(1, course.plan.rounds + 1):
            for seat in list(seats):
                try:
                    _take_turns(course, seat, number)
                except ContestantFailed as error:
                    course.report["missing"][seat.contestant.name] = str(error)
                    seats.remove(seat)


def compare_exactly(course: Course, contestants: Sequence[Contestant]) -> dict[str, int]:
    """How many of the answers of two contestants are the same text. Raises ContestantFailed."""
    every = max(1, len(course.rows) // course.plan.exact_rows)
    answers = []
    for contestant in contestants:
        tell(f"{contestant.name} in float32")
        with Seat(contestant, rows=course.rows, streams=course.streams, folder=course.folder / "exact") as seat:
            answers.append(seat.do(contestant.tasks[0], every=every, tells_answers=True)["answers"])
    texts = [[answer["text"] for answer in side] for side in answers]
    return {"rows": len(texts[0]), "equal": count_equal(*texts)}


def search_ways(course: Course, contestants: Sequence[Contestant]) -> dict[str, Any]:
    """Each contestant's tasks are ways of doing the same, which take their turns one after the other."""
    found: dict[str, Any] = {}
    for contestant in contestants:
        ways: dict[str, list[dict[str, Any]]] = {task.name: [] for task in contestant.tasks}
        with Seat(contestant, rows=course.rows, streams=course.streams, folder=course.folder / "search") as seat:
            seat.do(contestant.tasks[0], every=WARM_UP_EVERY)
            for _ in range(course.plan.rounds):
                for task in contestant.tasks:
                    ways[task.name].append(seat.do(task, every=task.every))
                    tell(f"{contestant.name}, {task.name}: {_describe(ways[task.name][-1])}")
        found[contestant.name] = ways
    return found


def _take_seat(course: Course, contestant: Contestant, stack: ExitStack) -> Seat | None:
    tell(f"loading {contestant.name}")
    seat = Seat(contestant, rows=course.rows, streams=course.streams, folder=course.folder)
    try:
        stack.enter_context(seat)
        seat.do(contestant.tasks[0], every=WARM_UP_EVERY)
    except ContestantFailed as error:
        course.report["missing"][contestant.name] = str(error)
        return None
    course.report["ready_seconds"].setdefault(contestant.name, seat.ready_seconds)
    course.report["versions"][contestant.name] = contestant.versions
    return seat


def _take_turns(course: Course, seat: Seat, number: int) -> None:
    for task in _list_tasks(course, seat.contestant, number):
        turn = seat.do(task, every=course.plan.thin(task))
        course.report["turns"].setdefault(task.name, []).append(turn)
        course.keep()
        tell(f"round {number}: {task.name}: {_describe(turn)}")


def _list_tasks(course: Course, contestant: Contestant, number: int) -> list[Task]:
    """Those that are still to be done in the first `number` rounds."""
    turns = course.report["turns"]
    return [task for task in contestant.tasks if len(turns.get(task.name, [])) < min(number, task.at_most)]


def _describe(turn: dict[str, Any]) -> str:
    if "streams" in turn:
        return f"{len(turn['streams'])} answers"
    return f"{turn['tokens']} tokens in {turn['seconds']:.1f} s, {turn['tokens'] / turn['seconds']:.0f} a second"


def tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
