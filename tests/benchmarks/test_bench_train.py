"""What the training benchmark makes of its measurements, and the data that it makes; TRL is not needed."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import pytest
from bench_train import summarise
from train.contest import Contest, EngineFailed, Entrant, Turn
from train.engines import LEARNING_RATE, VARIANTS, build_job, enter_products, list_learning_rates
from train.figures import (
    Measured,
    Work,
    choose_rounds,
    compare_losses,
    compare_peaks,
    compare_workload,
    count_flops,
    count_work,
    measure_share,
)
from train.job import Job, read_job
from train.measure import Standing, group_by_length
from train.rows import (
    ANSWER_TOKENS,
    LONG_TOKENS,
    SHARED_TOKENS,
    Workload,
    build_long_rows,
    build_orders,
    build_preferences,
    build_shared_prompt,
    count_tokens,
)
from train.table import print_table

from luthier.models.architecture import Architecture
from luthier.tokens.encode import EncodedExample
from luthier.tokens.pairs import EncodedPair
from luthier.tokens.tree import count_common
from tests.support.tiny import build_template

if TYPE_CHECKING:
    from pathlib import Path

SMOLLM2 = Architecture(
    model_type="llama",
    context_length=8192,
    layers=30,
    hidden_size=576,
    intermediate_size=1536,
    query_size=576,
    key_value_size=192,
    vocabulary_size=49152,
    parameters=134_515_008,
    stored_bytes=269_030_016,
)


def make_turn(seconds: float, *, peak: int = 100, foreign: float = 0.0, flops: float = 0.0) -> Turn:
    return Turn(seconds, 2 * seconds, peak, foreign, {"flops_per_second": flops})


def make_row(length: int, *, first: int = 0) -> EncodedExample:
    return EncodedExample(tuple(range(first, first + length)), (False,) + (True,) * (length - 1))


def test_a_token_costs_what_counting_the_weights_of_the_base_by_hand_says() -> None:
    """4 x 106.2 M for the body, 6 x 4.9 M for the adapter, 4 x 28.3 M for each token that is a target."""
    assert count_flops(SMOLLM2, Work(1000, 0, 0), rank=16) == pytest.approx(1000 * (4 * 106.2e6 + 6 * 4.9e6), rel=0.005)
    assert count_flops(SMOLLM2, Work(0, 1000, 0), rank=16) == pytest.approx(1000 * 4 * 28.3e6, rel=0.005)


def test_attention_costs_six_products_over_half_of_a_square() -> None:
    length = 512
    work = count_work([make_row(length)], token_budget=4096)
    assert work == Work(length, length - 1, length * (length + 1) // 2)
    assert count_flops(SMOLLM2, Work(0, 0, work.attended), rank=16) == pytest.approx(
        6 * 30 * 576 * length * length, rel=0.005
    )


def test_tokens_that_rows_share_are_work_for_one_of_them() -> None:
    trunk = tuple(range(100))
    rows = [EncodedExample((*trunk, 200 + i, 300 + i), (False,) * 100 + (True,) * 2) for i in range(4)]
    assert count_tokens(rows) == 4 * 102
    assert count_work(rows, token_budget=4096).tokens == 100 + 4 * 2
    assert count_work(rows, token_budget=1).tokens == 4 * 102


def test_speed_is_the_median_of_the_turns_over_the_real_tokens() -> None:
    ours = Measured([100, 100, 100], [make_turn(1.0), make_turn(0.5), make_turn(9.0)])
    theirs = Measured([100, 100, 100], [make_turn(4.0), make_turn(2.0), make_turn(5.0)])
    compared = compare_workload("orders", {"luthier": ours, "trl_best": theirs, "products": ours})
    assert compared["ratios"] == {"orders_vs_best": pytest.approx(4.0)}
    assert compared["processor_ratios"] == {"orders_vs_best": pytest.approx(4.0)}


def test_memory_is_compared_where_it_is_worst() -> None:
    def weigh(ours: int, theirs: int) -> dict[str, Measured]:
        sides = {"luthier": ours, "trl_best": theirs, "trl_default": 1}
        return {side: Measured([1], [make_turn(1.0, peak=peak)]) for side, peak in sides.items()}

    assert compare_peaks({"orders": weigh(50, 100), "long_rows": weigh(90, 100)}) == pytest.approx(0.9)


def test_noisy_rounds_are_left_out_when_enough_are_quiet() -> None:
    quiet, noisy = {"luthier": make_turn(1.0)}, {"luthier": make_turn(1.0, foreign=0.5)}
    assert choose_rounds([noisy, quiet, quiet, noisy, quiet]) == [1, 2, 4]
    assert choose_rounds([noisy, quiet, quiet]) == [0, 1, 2]


def test_the_share_is_taken_round_by_round_against_the_peak_of_that_moment() -> None:
    turns = [make_turn(1.0), make_turn(2.0), make_turn(1.0)]
    products = [make_turn(1.0, flops=100.0), make_turn(1.0, flops=50.0), make_turn(1.0, flops=1000.0)]
    assert measure_share([50.0, 50.0, 50.0], turns, products) == pytest.approx(0.5)


def test_losses_differ_only_when_the_seeds_cannot_explain_it() -> None:
    same = compare_losses([1.00, 1.02, 0.98], [1.01, 0.99, 1.03])
    assert same["is_within_seed_noise"]
    other = compare_losses([1.00, 1.02, 0.98], [1.21, 1.19, 1.23])
    assert not other["is_within_seed_noise"]
    assert other["mean_difference"] == pytest.approx(-0.21)


def test_the_report_has_every_number_that_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    ours, best, default, products = (
        [make_turn(seconds, peak=peak, flops=1e9)] for seconds, peak in ((1.0, 80), (4.0, 100), (8.0, 120), (1.0, 10))
    )

    def stand(**sides: list[Turn]) -> Standing:
        rounds = [{side: turns[0] for side, turns in sides.items()}]
        measured = {side: Measured([500], turns) for side, turns in sides.items()}
        return Standing(measured, rounds, dict.fromkeys(sides, 5.0), 0.4 if "products" in sides else None)

    report = summarise(
        {
            "orders": stand(luthier=ours, trl_best=best, trl_default=default, products=products),
            "shared_prompt": stand(luthier=ours, trl_best=best, trl_default=default),
            "long_rows": stand(luthier=ours, trl_best=best, trl_default=default),
            "dpo": stand(luthier=ours, trl_best=best),
        }
    )
    assert report["ratios"] == {
        **{f"{name}_vs_best": pytest.approx(4.0) for name in ("orders", "shared_prompt", "long_rows", "dpo")},
        **{f"{name}_vs_default": pytest.approx(8.0) for name in ("orders", "shared_prompt", "long_rows")},
        "peak_memory_vs_best": pytest.approx(0.8),
    }
    assert report["matmul_share"] == 0.4
    assert report["turns"]["dpo"] == [{"luthier": ours[0]._asdict(), "trl_best": best[0]._asdict()}]
    print_table(report)
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("orders", "shared_prompt", "long_rows", "dpo", "4.00×", "8.00×", "40%"))


def test_the_data_sets_have_the_lengths_that_they_are_named_for() -> None:
    template = build_template()
    shared = build_shared_prompt(template, random.Random(0)).items
    common = min(count_common(one.rows[0].ids, other.rows[0].ids) for one in shared for other in shared)
    assert SHARED_TOKENS - 20 < common < SHARED_TOKENS + 60  # with the marks of the template around it
    long_rows = [item.rows[0] for item in build_long_rows(template, random.Random(0)).items]
    assert all(LONG_TOKENS - 60 < row.token_count <= LONG_TOKENS + 4 for row in long_rows)
    assert all(abs(row.target_count - LONG_TOKENS / 2) < 30 for row in long_rows)
    starts = {row.ids[: LONG_TOKENS // 4] for row in long_rows}
    assert len(starts) == len(long_rows)


def test_preferences_have_prompts_as_long_as_their_answers() -> None:
    pairs = build_preferences(build_template(), random.Random(0)).items
    for pair in pairs:
        assert isinstance(pair, EncodedPair)
        answers = [row.target_count for row in pair.rows]
        prompts = {row.ids[: row.is_target.index(True)] for row in pair.rows}
        assert len(prompts) == 1
        assert all(abs(length - ANSWER_TOKENS) < 50 for length in (*answers, *map(len, prompts)))


def test_no_row_of_the_orders_is_both_trained_and_held_out() -> None:
    orders = build_orders(build_template(), random.Random(0))
    assert not set(orders.items) & set(orders.held_out)
    assert len(orders.held_out) > 20


def test_every_engine_is_dealt_the_same_full_batches() -> None:
    workload = Workload("w", "sft", tuple(make_row(5, first=10 * i) for i in range(7)))
    batches = workload.deal(5, 3, seed=1)
    assert batches == workload.deal(5, 3, seed=1) != workload.deal(5, 3, seed=2)
    assert [len(batch) for batch in batches] == [3] * 5
    assert len({item for batch in batches[:2] for item in batch}) == 6  # no row twice before each was seen


def test_batches_of_like_lengths_hold_the_same_rows() -> None:
    batches = Workload("w", "sft", tuple(make_row(i + 2) for i in range(12))).deal(4, 3, seed=0)
    grouped = group_by_length(batches)
    assert sorted(row.ids for batch in grouped for row in batch) == sorted(
        row.ids for batch in batches for row in batch
    )
    lengths = [[row.token_count for row in batch] for batch in grouped]
    assert all(max(batch) - min(batch) == 2 for batch in lengths)


def test_a_job_arrives_as_it_was_sent(tmp_path: Path) -> None:
    workload = Workload("w", "sft", (make_row(5),))
    job = build_job(workload, workload.deal(2, 1, seed=0), tmp_path / "model", tmp_path / "job", options={"a": 1})
    assert read_job(str(job.write())) == job
    assert job.items[0] == {"ids": [0, 1, 2, 3, 4], "is_target": [0, 1, 1, 1, 1]}
    assert len(job.learning_rates) == 2


def test_the_learning_rate_rises_to_its_peak_and_never_reaches_zero() -> None:
    rates = list_learning_rates(40)
    assert max(rates) == pytest.approx(LEARNING_RATE)
    assert rates.index(max(rates)) == 3
    assert all(rate > 0 for rate in rates)


def test_trl_as_it_comes_is_given_no_setting() -> None:
    assert VARIANTS["default"].options == {}


def test_engines_take_their_turns_and_report_their_memory(tmp_path: Path) -> None:
    entrant = enter_products(SMOLLM2, 16, tmp_path / "products")
    with Contest([entrant]) as contest:
        turns = [contest.take_round()["products"] for _ in range(2)]
    assert all(turn.seconds > 0 and turn.figures["flops_per_second"] > 0 for turn in turns)
    assert turns[0].peak_bytes > 2**20
    assert contest.ready_seconds["products"] > 0


def test_an_engine_that_fails_is_named_with_what_it_said(tmp_path: Path) -> None:
    job = Job("", "sft", [], 1, [], str(tmp_path))
    with (
        pytest.raises(EngineFailed, match=r"absent ended without an answer:[^$]*No module named train.absent"),
        Contest([Entrant("absent", sys.executable, "train.absent", job)]),
    ):
        pass
