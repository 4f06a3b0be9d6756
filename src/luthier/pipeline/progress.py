"""Who is told what goes on while a function of the pipeline works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.models.fetch import silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.models.fetch import Announce
    from luthier.training.events import Observer


@dataclass(frozen=True)
class Progress:
    """Who is told what goes on: stages, sentences, training events, and how many of how many answers are done.

    `count_grades` is told whose grades it counts, how many there are, and how many there will be. `count_rows` is told
    how many rows have been looked at, and how many there are: None where that is not known.
    """

    start_stage: Announce = silent
    announce: Announce = silent
    observe: Observer = lambda event: None
    count_answers: Callable[[str, int, int], None] = lambda model, done, total: None
    count_grades: Callable[[str, int, int], None] = lambda grader, done, total: None
    count_rows: Callable[[int, int | None], None] = lambda done, total: None

    def count_up(self, model: str, total: int) -> Callable[[int], None]:
        """Takes how many answers of the model are new, and reports how many there are."""
        return _count_up(self.count_answers, model, total)

    def count_grades_up(self, grader: str, total: int) -> Callable[[int], None]:
        return _count_up(self.count_grades, grader, total)


def _count_up(report: Callable[[str, int, int], None], name: str, total: int) -> Callable[[int], None]:
    done = 0
    report(name, 0, total)

    def count(finished: int) -> None:
        nonlocal done
        done += finished
        report(name, done, total)

    return count
