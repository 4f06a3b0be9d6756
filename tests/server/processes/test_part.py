"""A process that dies young waits longer each time before it is started again, and one that lasted does not."""

from __future__ import annotations

import os
import sys

import pytest

from luthier.server.processes.part import LONGEST_PAUSE_SECONDS, SILENT_SECONDS, YOUNG_SECONDS, Death, Part, Ward


def build_ward(program: str) -> Ward:
    def build(ready_fd: int) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", f"import os; told = {ready_fd}; {program}"]

    return Ward(Part("part", build, os.environ, stage=1, patience_seconds=1))


def die(ward: Ward, *, at: float, after: float) -> Death:
    ward.start(at)
    ward.read_words(0)
    death = None
    while death is None:
        death = ward.note_death(at + after)
    return death


def test_pauses_grow_with_every_early_death_up_to_a_limit() -> None:
    ward = build_ward("os._exit(3)")
    pauses = [die(ward, at=0, after=1).pause_seconds for _ in range(9)]
    assert pauses[:4] == [0.25, 0.5, 1.0, 2.0]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert die(ward, at=0, after=YOUNG_SECONDS).pause_seconds == 0.25


def test_a_death_says_how_and_when_to_start_again() -> None:
    ward = build_ward("os.write(told, b'1'); os.kill(os.getpid(), 9)")
    assert ward.due == 0.0
    assert die(ward, at=100, after=1) == Death("was ended by SIGKILL", 0.25)
    assert ward.due == 101.25
    assert not ward.is_running
    assert not ward.is_ready


def test_who_says_so_is_ready_and_who_ends_without_a_word_is_not() -> None:
    for program, is_ready in (("os.write(told, b'1')", True), ("pass", False)):
        ward = build_ward(program)
        ward.start(0)
        ward.read_words(0)
        assert ward.is_ready is is_ready
        while ward.note_death(0) is None:
            pass


def test_one_that_spoke_and_speaks_no_more_is_silent_until_somebody_forgives_it() -> None:
    ward = build_ward("os.write(told, b'1'); os.read(0, 1)")
    ward.start(0)
    assert not ward.is_silent(1000)  # it may take its time to get ready
    ward.read_words(1000)
    assert not ward.is_silent(1000 + SILENT_SECONDS - 1)
    assert ward.is_silent(1000 + SILENT_SECONDS)
    ward.forgive(1000 + SILENT_SECONDS)
    assert not ward.is_silent(1000 + SILENT_SECONDS)
    ward.kill()
    while ward.note_death(2000) is None:
        pass
    assert not ward.is_silent(9000)


def test_where_no_process_can_be_started_it_is_tried_again_later() -> None:
    ward = Ward(Part("part", lambda ready_fd: ["/no/such/program"], os.environ, stage=1, patience_seconds=1))
    with pytest.raises(FileNotFoundError):
        ward.start(100)
    assert ward.due == 100 + LONGEST_PAUSE_SECONDS
    assert ward.ready_fd == -1
    assert ward.note_death(100) is None
