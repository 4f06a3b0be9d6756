"""What the pipeline reports becomes sentences; a log gets few of them, each complete."""

from __future__ import annotations

import pytest

from luthier.cli.progress import LogDisplay, Narrator
from luthier.training.events import Notice, RunEnded, RunStarted, StepDone, Validated


class Recorder:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def print_line(self, text: str) -> None:
        self.lines.append(text)

    def move_bar(self, name: str, done: int, total: int | None, detail: str) -> None:
        self.lines.append(f"{name} {done}/{total} {detail}".strip())

    def drop_bar(self, name: str) -> None:
        self.lines.append(f"no {name}")


def make_step(step: int, *, seconds: float = 2.0) -> StepDone:
    return StepDone(
        step=step,
        total_steps=10,
        epoch=1.0,
        loss=0.5,
        right_fraction=0.5,
        learning_rate=1e-3,
        grad_norm=1.0,
        tokens=4000,
        seconds=seconds,
    )


def test_a_run_is_told_from_its_start_to_its_end() -> None:
    recorder = Recorder()
    narrator = Narrator(recorder)
    for event in (RunStarted(0, 10), make_step(1), make_step(10), Validated(10, 0.25, is_best=True)):
        narrator.observe(event)
    assert recorder.lines == [
        "training in 10 steps",
        "step 1/10 loss 0.500, 2,000 tokens/s, 18 s left",
        "step 10/10 loss 0.500, 2,000 tokens/s",
        "step 10: validation loss 0.2500, the best so far",
    ]


def test_a_validation_tells_what_was_measured_besides_the_loss() -> None:
    recorder = Recorder()
    metrics = {"exact_answer_fraction": 0.825, "right_token_fraction": 0.9714}
    Narrator(recorder).observe(Validated(12, 0.25, is_best=True, metrics=metrics))
    preferences = {"right_order_fraction": 0.75, "mean_margin": 0.4}
    Narrator(recorder).observe(Validated(24, 0.6, is_best=False, metrics=preferences))
    assert recorder.lines == [
        "step 12: validation loss 0.2500, 82% of answers exact, 97.1% of tokens right, the best so far",
        "step 24: validation loss 0.6000, 75% of pairs in the right order, margin 0.40",
    ]


def test_what_a_run_decides_by_itself_is_told_and_so_is_its_end() -> None:
    recorder = Recorder()
    for event in (Notice(6, "out of memory: smaller batches"), RunEnded(12, 9, 0.25)):
        Narrator(recorder).observe(event)
    assert recorder.lines == ["out of memory: smaller batches", "kept step 9, with validation loss 0.2500"]


def test_a_run_that_goes_on_says_from_where() -> None:
    recorder = Recorder()
    Narrator(recorder).observe(RunStarted(4, 10))
    assert recorder.lines == ["resumed at step 4 of 10"]


def test_time_left_counts_the_steps_of_this_process_alone() -> None:
    recorder = Recorder()
    narrator = Narrator(recorder)
    narrator.observe(RunStarted(4, 10))
    narrator.observe(make_step(5, seconds=10.0))
    assert recorder.lines[-1].endswith("50 s left")


def test_a_log_gets_the_first_and_the_last_move_and_few_between(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    display = LogDisplay(clock=lambda: now)
    for step in range(101):
        now = float(step)
        display.move_bar("step", step, 100, "")
    shown = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert shown == ["1", "11", "21", "31", "41", "51", "61", "71", "81", "91", "100"]


def test_rows_get_a_bar_only_when_they_take_long_and_it_goes_in_the_end() -> None:
    recorder, now = Recorder(), 0.0
    narrator = Narrator(recorder, clock=lambda: now)
    for seconds, done in ((0.0, 100), (0.9, 900), (1.0, 1000), (1.05, 1100), (1.5, 1500), (2.0, 2900)):
        now = seconds
        narrator.count_rows(done, 3000)
    narrator.count_rows(3000, 3000)
    assert recorder.lines == ["rows 1000/3000", "rows 1500/3000", "rows 2900/3000", "no rows"]


def test_what_is_done_at_once_gets_no_bar() -> None:
    recorder = Recorder()
    narrator = Narrator(recorder, clock=lambda: 0.0)
    for done in (100, 200, 300):
        narrator.count_rows(done, 300)
    assert recorder.lines == ["no rows"]


def test_a_log_tells_how_far_it_is_where_nobody_knows_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    display = LogDisplay(clock=lambda: now)
    for done in (100, 200, 300):
        now += 6
        display.move_bar("rows", done, None, "")
    assert capsys.readouterr().err.splitlines() == ["rows 100", "rows 300"]
