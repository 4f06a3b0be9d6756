"""What the pipeline reports on its way becomes lines and bars on stderr: live on a terminal, sparse in a log."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from luthier.cli import output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from luthier.pipeline import Progress
    from luthier.training.events import Event, RunEnded, StepDone, Validated

SECONDS_BETWEEN_LINES = 10  # in a log: often enough to see that it lives, seldom enough to read
SECONDS_WITHOUT_BAR = 1  # what is done so soon needs no bar
SECONDS_BETWEEN_MOVES = 0.1

METRIC_PHRASES = {
    "exact_answer_fraction": "{:.0%} of answers exact",
    "right_token_fraction": "{:.1%} of tokens right",
    "right_order_fraction": "{:.0%} of pairs in the right order",
    "mean_margin": "margin {:.2f}",
}


class Display(Protocol):
    def print_line(self, text: str) -> None: ...

    def move_bar(self, name: str, done: int, total: int | None, detail: str) -> None: ...

    def drop_bar(self, name: str) -> None: ...


class LiveDisplay:
    def __init__(self, progress: RichProgress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def print_line(self, text: str) -> None:
        self._progress.console.print(text)

    def move_bar(self, name: str, done: int, total: int | None, detail: str) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total, detail="")
        self._progress.update(self._bars[name], completed=done, detail=detail)

    def drop_bar(self, name: str) -> None:
        if name in self._bars:
            self._progress.remove_task(self._bars.pop(name))


class LogDisplay:
    """A bar becomes a line at its first move, its last, and now and then in between."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}

    def print_line(self, text: str) -> None:
        output.note(text)

    def move_bar(self, name: str, done: int, total: int | None, detail: str) -> None:
        now = self._clock()
        if done == 0 or (done != total and now < self._due.get(name, now)):
            return
        self._due[name] = now + SECONDS_BETWEEN_LINES
        place = f"{name} {done}" if total is None else f"{name} {done} of {total}"
        output.note(f"{place}: {detail}" if detail else place)

    def drop_bar(self, name: str) -> None:
        self._due.pop(name, None)


class Narrator:
    """Says what the reports mean; where it appears is the display's affair."""

    def __init__(self, display: Display, *, clock: Callable[[], float] = monotonic) -> None:
        self._display = display
        self._clock = clock
        self._seconds: list[float] = []
        self._next_moves: dict[str, float] = {}  # of bars that come late, by their names

    def start_stage(self, name: str) -> None:
        self._display.print_line(f"\n== {name} ==")

    def announce(self, message: str) -> None:
        self._display.print_line(message)

    def count_answers(self, model: str, done: int, total: int) -> None:
        self._display.move_bar(f"answers of {model}", done, total, "")

    def count_grades(self, grader: str, done: int, total: int) -> None:
        self._move_late(f"grades by {grader}", done, total)

    def count_rows(self, done: int, total: int | None) -> None:
        self._move_late("rows", done, total)

    def _move_late(self, name: str, done: int, total: int | None) -> None:
        """A bar for what takes longer than a second; it goes when the last one is done, because a report follows."""
        now = self._clock()
        if done == total:
            self._display.drop_bar(name)
            self._next_moves.pop(name, None)
        elif name not in self._next_moves:
            self._next_moves[name] = now + SECONDS_WITHOUT_BAR
        elif now >= self._next_moves[name]:
            self._display.move_bar(name, done, total, "")
            self._next_moves[name] = now + SECONDS_BETWEEN_MOVES

    def observe(self, event: Event) -> None:
        from luthier.training.events import Notice, RunEnded, RunStarted, StepDone, Validated

        match event:
            case RunStarted(step=0):
                self._display.print_line(f"training in {event.total_steps} steps")
            case RunStarted():
                self._display.print_line(f"resumed at step {event.step} of {event.total_steps}")
            case StepDone():
                self._seconds.append(event.seconds)
                self._display.move_bar("step", event.step, event.total_steps, self._describe_step(event))
            case Validated():
                self._display.print_line(_describe_validation(event))
            case Notice():
                self._display.print_line(event.message)
            case RunEnded():
                self._display.print_line(_describe_end(event))

    def _describe_step(self, event: StepDone) -> str:
        from luthier.evaluation.wording import phrase_seconds

        detail = f"loss {event.loss:.3f}, {event.tokens_per_second:,.0f} tokens/s"
        if event.step == event.total_steps:
            return detail
        seconds_left = (event.total_steps - event.step) * sum(self._seconds) / len(self._seconds)
        return f"{detail}, {phrase_seconds(seconds_left)} left"


def _describe_end(event: RunEnded) -> str:
    loss = "" if event.validation_loss is None else f", with validation loss {event.validation_loss:.4f}"
    return f"kept step {event.kept_step}{loss}"


def _describe_validation(event: Validated) -> str:
    measured = [phrase.format(event.metrics[name]) for name, phrase in METRIC_PHRASES.items() if name in event.metrics]
    best = ["the best so far"] if event.is_best else []
    return ", ".join([f"step {event.step}: validation loss {event.loss:.4f}", *measured, *best])


@contextmanager
def show_progress() -> Iterator[Progress]:
    """The pipeline's reports are shown as long as the block lasts."""
    from luthier.pipeline import Progress

    with _open_display() as display:
        narrator = Narrator(display)
        yield Progress(
            start_stage=narrator.start_stage,
            announce=narrator.announce,
            observe=narrator.observe,
            count_answers=narrator.count_answers,
            count_grades=narrator.count_grades,
            count_rows=narrator.count_rows,
        )


@contextmanager
def _open_display() -> Iterator[Display]:
    if not sys.stderr.isatty():
        yield LogDisplay()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=output.build_console(sys.stderr)) as progress:
        yield LiveDisplay(progress)
