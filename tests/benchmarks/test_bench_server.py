"""What the server benchmark measures and makes of it: with the real API process, and with numbers that are known."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from bench_server import TASKS
from server.load import LoadFailed, Seen, Target, ask_one_by_one, count_held_at_once, write_request
from server.measure import MEBIBYTE, Plan, describe_streams, read_work
from server.scene import set_scene
from server.sharing import Moment, describe
from server.table import compare_p95, compare_work, list_bars, measure_growth, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.scene import Scene

TINY = Plan(
    rounds=1,
    chats=5,
    streams=4,
    words=2,
    stream_rounds=3,
    connections=2,
    read_seconds=0.2,
    upload_bytes=3 * MEBIBYTE,
    uploads=1,
)


def make_turns(*, chat_seconds: float = 0.002) -> dict[str, Any]:
    stream = {"whole": 500, "held_at_once": 500, "rss_bytes": 10 * MEBIBYTE, "first_p95_seconds": 0.3}
    cost = {"processor_seconds": 0.3, "requests": 100, "seconds": 1.0}
    sides: dict[str, Any] = {
        "chats": {
            "chat": [cost | {"p50_seconds": chat_seconds, "p95_seconds": 0.01}],
            "bare": [cost | {"processor_seconds": 0.1, "p50_seconds": 0.0001, "p95_seconds": 0.001}],
        },
        "reads": {name: [cost | {"per_second": 2500.0}] for name in ("job", "file", "models")}
        | {"bare": [cost | {"per_second": 10_000.0}]},
        "streams": {"chat": 3 * [cost | stream], "bare": 3 * [cost | stream]},
        "uploads": {"upload": [{"seconds": 4.0, "extra_bytes": 20e6}], "bare": [{"seconds": 2.0, "extra_bytes": 1e6}]},
    }
    cores = {"trainer_cores": 1.0, "engine_cores": 1.0, "p50_seconds": 1.0, "p95_seconds": 1.0}
    sides["sharing"] = {"alone": [cores | {"chats": [1.0, 1.0]}], "beside": [cores | {"chats": [1.0, 3.0]}]}
    return sides


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with set_scene(tmp_path_factory.mktemp("scene")) as scene:
        yield scene
    assert not any(psutil.pid_exists(part.pid) for part in (scene.api, scene.bare))


def test_every_task_has_a_turn_for_the_real_server_and_for_its_yardstick(scene: Scene) -> None:
    report = {name: asyncio.run(take(scene, TINY)) for name, take in TASKS.items()}
    rounds = {name: len(turns["bare"]) for name, turns in report.items()}
    assert rounds == {"chats": 1, "reads": 1, "streams": 3, "uploads": 1}
    assert all(turn["whole"] == 4 >= turn["held_at_once"] > 0 for turn in report["streams"]["chat"])
    assert all(turns[0]["per_second"] > 0 for turns in report["reads"].values())
    assert all(turn["processor_seconds"] > 0 for turns in report["chats"].values() for turn in turns)
    assert report["uploads"]["upload"][0]["bytes"] == 3 * MEBIBYTE


def test_an_answer_that_is_an_error_ends_the_benchmark(scene: Scene) -> None:
    stranger = Target(scene.api.port, "sk-wrong")
    with pytest.raises(LoadFailed, match=r"401: .*invalid_api_key"):
        asyncio.run(ask_one_by_one(stranger, write_request(stranger, "GET", "/v1/models"), 1))


def test_streams_count_as_held_at_once_from_their_first_event_to_their_last() -> None:
    early, late, between = Seen(0.0, 1.0, 2.0, 5), Seen(0.0, 2.5, 4.0, 5), Seen(0.5, 1.5, 3.0, 4)
    assert count_held_at_once([early, late]) == 1
    assert count_held_at_once([early, late, between]) == 2
    assert describe_streams([early, late, between], Plan(words=5))["whole"] == 2


def test_work_is_told_in_less_than_ticks() -> None:
    before, until = read_work(os.getpid()), time.process_time() + 0.004
    while time.process_time() < until:
        sum(range(100))
    assert 0.004 <= read_work(os.getpid()) - before < 1.0


def test_bars_are_met_and_missed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(make_turns())
    shown = capsys.readouterr().out
    assert shown.count("bar ") == 9
    assert "NOT met" not in shown
    assert "of the 10,000 reads/s that bare uvicorn can do here: job 0.25, file 0.25, models 0.25" in shown
    slow = {bar.name: bar.verdict for bar in list_bars(make_turns(chat_seconds=0.006))}
    assert slow["chat p50, ms"] == "NOT met"


def test_turns_become_ratios() -> None:
    turns = make_turns()
    assert compare_work(turns["chats"], "chat") == pytest.approx(3.0)
    assert compare_p95(turns["sharing"]) == pytest.approx(2.9)
    growing = [{"rss_bytes": size} for size in (50, 100, 90, 130)]
    assert measure_growth(growing) == 30
    with pytest.raises(SystemExit, match="too few rounds"):
        measure_growth(growing[:2])


def test_cores_are_told_of_a_turn_alone() -> None:
    turn = describe([1.0, 2.0], Moment(10.0, 5.0, 6.0), Moment(14.0, 7.0, 12.0))
    assert (turn["trainer_cores"], turn["engine_cores"], turn["p50_seconds"]) == (0.5, 1.5, 1.5)
