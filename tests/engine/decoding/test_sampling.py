"""The next token: as a plain reference picks it, with the promised distribution, and whoever shares the batch."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from luthier.engine.decoding import drawing
from luthier.engine.decoding.sampling import ELEMENTS_AT_ONCE, PickedToken, TokenPicker, open_stream, pick_tokens
from luthier.engine.protocol import Sampling
from luthier.errors import InvalidRequest, InvalidStructure, LuthierError, StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

SIZE = 700
DRAWS = 4_000
CHANCE_OF_FALSE_ALARM = 1e-6

SAMPLINGS = [
    Sampling(),
    Sampling(temperature=1.0, seed=1),
    Sampling(temperature=0.7, top_k=5, seed=2),
    Sampling(temperature=1.3, top_p=0.9, seed=3),
    Sampling(temperature=1.0, top_p=0.5, top_k=200, seed=4, top_log_probs=3),
    Sampling(temperature=0.9, seed=-5, presence_penalty=1.0, frequency_penalty=0.5),
    Sampling(logit_bias=((3, 100.0), (4, -100.0)), top_log_probs=0),
    Sampling(frequency_penalty=2.0),
    Sampling(temperature=2.0, top_p=0.999, seed=2**80),
]


class FixedNumber:
    """A stream of one number, for asking what exactly that one picks."""

    def __init__(self, number: float) -> None:
        self._number = number

    def random(self) -> float:
        return self._number


def make_picker(sampling: Sampling, *, size: int = SIZE, number: float | None = None) -> TokenPicker:
    random: Any = None if number is None else FixedNumber(number)
    return TokenPicker(sampling, vocabulary_size=size, random=random)


def make_logits(rows: int, *, size: int = SIZE, seed: int = 0, coarse: bool = False) -> Tensor:
    """Coarse ones are of bfloat16, where many tokens are equally likely."""
    logits = torch.randn(rows, size, generator=torch.Generator().manual_seed(seed)) * 3
    return logits.bfloat16().float() if coarse else logits


def pick_one(logits: Tensor, picker: TokenPicker, mask: Tensor | None = None) -> PickedToken:
    (picked,) = pick_tokens(logits[None], [picker], [mask])
    assert isinstance(picked, PickedToken)
    return picked


def list_kept(logits: Sequence[float], sampling: Sampling) -> list[tuple[int, float]]:
    """The plain reference: sort all, keep the first top_k, of these the first that reach top_p. Weights by id."""
    order = sorted(range(len(logits)), key=lambda token: (-logits[token], token))
    peak = logits[order[0]]
    weights = [(token, math.exp((logits[token] - peak) / sampling.temperature)) for token in order]
    kept = weights[: sampling.top_k or len(weights)]
    if sampling.top_p < 1:
        whole, before, nucleus = math.fsum(weight for _, weight in kept), 0.0, []
        for token, weight in kept:
            if before >= sampling.top_p * whole:
                break
            nucleus.append((token, weight))
            before += weight
        kept = nucleus
    return sorted((token, weight) for token, weight in kept if weight > 0)


def invert(kept: Sequence[tuple[int, float]], number: float) -> tuple[int, float]:
    """The token that the number falls on, and how far the number is from its borders."""
    whole, running = math.fsum(weight for _, weight in kept), 0.0
    for token, weight in kept:
        low, running = running, running + weight
        if number * whole < running:
            return token, min(number * whole - low, running - number * whole) / whole
    return kept[-1][0], 0.0


def count_draws(logits: Tensor, picker: TokenPicker) -> Counter[int]:
    picked = pick_tokens(logits.expand(DRAWS, -1), [picker] * DRAWS, [None] * DRAWS)
    return Counter(token.token for token in picked if isinstance(token, PickedToken))


def test_greedy_takes_the_likeliest_and_of_equals_the_lowest_id() -> None:
    logits = torch.zeros(3, SIZE)
    logits[1, 600] = 1.0
    logits[2, [50, 51, 699]] = 2.0
    picked = pick_tokens(logits, [make_picker(Sampling()) for _ in range(3)], [None] * 3)
    assert picked == [PickedToken(0), PickedToken(600), PickedToken(50)]


def test_nothing_is_picked_for_no_rows() -> None:
    assert pick_tokens(torch.empty(0, SIZE), [], []) == []


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**31),
    st.booleans(),
    st.sampled_from([0, 1, 3, 40, 600, 5000]),
    st.sampled_from([1e-6, 0.1, 0.5, 0.9, 0.999, 1.0]),
    st.sampled_from([1e-320, 0.05, 0.8, 1.0, 2.0]),
    st.floats(0, 1, exclude_max=True),
)
def test_a_draw_is_that_of_the_plain_reference(
    seed: int, coarse: bool, top_k: int, top_p: float, temperature: float, number: float
) -> None:
    (logits,) = make_logits(1, seed=seed, coarse=coarse)
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    kept = list_kept(logits.tolist(), sampling)
    token, distance = invert(kept, number)
    picked = pick_one(logits, make_picker(sampling, number=number)).token
    assert picked == token or distance < 1e-12


@pytest.mark.parametrize("top_p", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("size", [4, SIZE, 4 * SIZE])
def test_of_equal_tokens_exactly_so_many_are_kept_as_reach_top_p(top_p: float, size: int) -> None:
    """More of them than are taken at first, so the cut lies among tokens that topk may give in any order."""
    sampling = Sampling(temperature=1.0, top_p=top_p)
    last = pick_one(torch.zeros(size), make_picker(sampling, size=size, number=1 - 2**-53)).token
    assert last == int(size * top_p) - 1


def test_top_k_of_1_is_greedy_among_equals_too() -> None:
    logits = torch.zeros(SIZE)
    logits[300:] = 1.0
    for number in (0.0, 0.5, 0.999):
        assert pick_one(logits, make_picker(Sampling(temperature=1.0, top_k=1), number=number)).token == 300


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=1.0),
        Sampling(temperature=0.6),
        Sampling(temperature=1.5, top_k=12),
        Sampling(temperature=1.2, top_p=0.8),
        Sampling(temperature=1.0, top_k=30, top_p=0.9),
    ],
)
def test_draws_have_the_promised_distribution(sampling: Sampling) -> None:
    size = 60
    (logits,) = make_logits(1, size=size, seed=5) / 2
    kept = list_kept(logits.tolist(), sampling)
    picker = make_picker(sampling.model_copy(update={"seed": 11}), size=size)
    counts = count_draws(logits, picker)
    assert set(counts) <= {token for token, _ in kept}
    whole = sum(weight for _, weight in kept)
    frequent = [(token, DRAWS * weight / whole) for token, weight in kept if DRAWS * weight / whole >= 5]
    observed, expected = [counts[token] for token, _ in frequent], [count for _, count in frequent]
    observed.append(DRAWS - sum(observed))
    expected.append(DRAWS - sum(expected))
    if expected[-1] < 1e-6:
        observed.pop(), expected.pop()
    assert chisquare(observed, expected).pvalue > CHANCE_OF_FALSE_ALARM


def test_the_test_of_the_distribution_notices_a_small_bias() -> None:
    """The gate above can fail: a temperature that is off by a fifth is another distribution."""
    (logits,) = make_logits(1, size=60, seed=5) / 2
    kept = list_kept(logits.tolist(), Sampling(temperature=1.2))
    picker = make_picker(Sampling(temperature=1.0, seed=11), size=60)
    counts = count_draws(logits, picker)
    whole = sum(weight for _, weight in kept)
    assert chisquare([counts[token] for token, _ in kept], [DRAWS * w / whole for _, w in kept]).pvalue < 1e-6


def answer(sampling: Sampling, rows: Tensor, neighbours: Sequence[Sampling], place: int) -> list[int]:
    """What a request picks step by step, at that place of a batch of others."""
    pickers = [make_picker(other) for other in neighbours]
    pickers.insert(place, make_picker(sampling))
    picked = []
    for step, row in enumerate(rows):
        logits = make_logits(len(pickers), seed=100 + step)
        logits[place] = row
        token = pick_tokens(logits, pickers, [None] * len(pickers))[place]
        assert isinstance(token, PickedToken)
        picked.append(token.token)
    return picked


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_neighbours_change_nothing(sampling: Sampling) -> None:
    rows = make_logits(12, seed=7)
    alone = answer(sampling, rows, [], 0)
    others = [other for other in SAMPLINGS if other is not sampling]
    assert answer(sampling, rows, others, 0) == alone
    assert answer(sampling, rows, others[::-1] + others, 5) == alone


@pytest.mark.parametrize("seeds", list(pairwise([-(2**70), -1, 0, 1, 2**63, 2**64, 10**30])))
def test_any_integer_is_a_seed_of_its_own(seeds: tuple[int, int]) -> None:
    first, second = (Sampling(temperature=1.0, seed=seed) for seed in seeds)
    rows = make_logits(10, seed=8)
    assert answer(first, rows, [], 0) == answer(first, rows, [], 0) != answer(second, rows, [], 0)


def test_a_seed_gives_the_same_numbers_on_every_machine() -> None:
    stream = open_stream(17)
    assert [stream.random() for _ in range(2)] == [0.7754727600611153, 0.5158349434353856]


def test_without_a_seed_every_answer_is_another() -> None:
    rows = torch.zeros(8, SIZE)
    assert answer(Sampling(temperature=1.0), rows, [], 0) != answer(Sampling(temperature=1.0), rows, [], 0)


def test_one_token_takes_one_random_number_whatever_cuts_it() -> None:
    stream = open_stream(5)
    numbers = [stream.random() for _ in range(4)]
    for sampling in SAMPLINGS[1:5]:
        picker = make_picker(sampling.model_copy(update={"seed": 5}))
        for row in make_logits(3):
            pick_one(row, picker)
        assert picker.draw() == numbers[3]


def test_greedy_takes_no_random_number() -> None:
    picker = make_picker(Sampling(seed=5))
    pick_one(make_logits(1)[0], picker)
    assert picker.draw() == open_stream(5).random()


def test_penalties_count_the_tokens_of_the_answer() -> None:
    logits = torch.zeros(SIZE)
    logits[10], logits[20], logits[30] = 3.0, 2.5, 1.75
    picker = make_picker(Sampling(presence_penalty=0.5, frequency_penalty=0.25))
    # 10 falls to 2.25, 20 to 1.75, 10 to 2.0 and 1.75, where all three are equal, then 10 to 1.5 and 20 to 1.5
    assert [pick_one(logits, picker).token for _ in range(7)] == [10, 20, 10, 10, 10, 20, 30]


def test_a_negative_penalty_repeats() -> None:
    logits = torch.zeros(SIZE)
    logits[9] = 0.5
    picker = make_picker(Sampling(frequency_penalty=-2.0))
    pick_one(logits, picker)
    logits[8] = 2.4
    assert pick_one(logits, picker).token == 9


def test_a_bias_bans_or_forces_a_token_and_two_of_one_token_add_up() -> None:
    (logits,) = make_logits(1)
    likeliest_one = int(logits.argmax())
    assert pick_one(logits, make_picker(Sampling(logit_bias=((likeliest_one, -100.0),)))).token != likeliest_one
    assert pick_one(logits, make_picker(Sampling(logit_bias=((6, 100.0),)))).token == 6
    both = Sampling(logit_bias=((6, 100.0), (6, -100.0)))
    assert pick_one(logits, make_picker(both)).token == likeliest_one


@pytest.mark.parametrize(
    "bias", [(-1, 0.0), (SIZE, 0.0), (10**12, 1.0), (1, 100.1), (1, math.nan), (1, math.inf), (1, -math.inf)]
)
def test_a_bias_that_cannot_be_used_is_refused(bias: tuple[int, float]) -> None:
    with pytest.raises(InvalidRequest, match="logit_bias"):
        make_picker(Sampling(logit_bias=(bias,)))


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("width", [SIZE, 40])
def test_only_what_the_mask_allows_is_picked(sampling: Sampling, width: int) -> None:
    """A mask may be narrower than the logits, which often are wider than the tokenizer's vocabulary."""
    mask = torch.zeros(width, dtype=torch.bool)
    mask[[7, 23, 31]] = True
    picker = make_picker(sampling)
    picked = {pick_one(row, picker, mask).token for row in make_logits(30)}
    assert picked <= {7, 23, 31}


def test_a_mask_that_allows_the_likeliest_changes_nothing() -> None:
    (logits,) = make_logits(1)
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[logits.argmax()] = True
    assert pick_one(logits, make_picker(Sampling()), mask) == pick_one(logits, make_picker(Sampling()))


def test_what_is_wrong_with_a_row_is_told_for_that_row_alone() -> None:
    """No numbers, an overflow, a mask that allows nothing, and sound rows between them, greedy and drawn."""
    nothing = torch.zeros(SIZE, dtype=torch.bool)
    wrongs = {1: math.nan, 3: math.inf, 5: -math.inf}
    logits = make_logits(8)
    sound = logits.clone()
    for row, value in wrongs.items():
        logits[row, :] = value if value < 0 or math.isnan(value) else logits[row]
        logits[row, 9] = value
    samplings = [Sampling(), Sampling(temperature=1.0, seed=1)]
    for first, second in (samplings, samplings[::-1]):
        pickers = [make_picker(first if row % 4 < 2 else second) for row in range(8)]
        again = [make_picker(first if row % 4 < 2 else second) for row in range(8)]
        picked = pick_tokens(logits, pickers, [None] * 7 + [nothing])
        expected = pick_tokens(sound, again, [None] * 8)
        kinds = [type(token) for token in picked]
        assert kinds == [PickedToken, StoreDamaged] * 3 + [PickedToken, InvalidStructure]
        assert picked[::2] == expected[::2]


def test_one_nan_among_numbers_is_enough() -> None:
    (logits,) = make_logits(1)
    logits[400] = math.nan
    (picked,) = pick_tokens(logits[None], [make_picker(Sampling(temperature=1.0, top_k=3))], [None])
    assert isinstance(picked, LuthierError)
    assert picked.hint


@pytest.mark.parametrize("coarse", [False, True])
def test_log_probs_are_those_of_the_model_before_anything_else(coarse: bool) -> None:
    (logits,) = make_logits(1, coarse=coarse)
    expected = torch.log_softmax(logits.double(), -1)
    mask = torch.ones(SIZE, dtype=torch.bool)
    mask[logits.argmax()] = False
    sampling = Sampling(temperature=0.5, seed=1, top_p=0.5, logit_bias=((11, 4.0),), top_log_probs=20)
    picked = pick_one(logits, make_picker(sampling), mask)
    assert picked.log_prob == pytest.approx(expected[picked.token].item(), abs=1e-6)
    order = sorted(range(SIZE), key=lambda token: (-logits[token].item(), token))[:20]
    assert [token for token, _ in picked.alternatives] == order
    assert [value for _, value in picked.alternatives] == pytest.approx(expected[order].tolist(), abs=1e-6)


def test_each_row_is_told_as_many_alternatives_as_it_asks_for() -> None:
    pickers = [make_picker(Sampling(top_log_probs=count)) for count in (None, 0, 2, 5)]
    picked = pick_tokens(make_logits(4), pickers, [None] * 4)
    assert [(token.log_prob is None, len(token.alternatives)) for token in picked] == [
        (True, 0), (False, 0), (False, 2), (False, 5)
    ]  # fmt: skip


def test_tokens_without_any_probability_are_no_alternatives() -> None:
    logits = torch.full((SIZE,), -math.inf)
    logits[[3, 4]] = 0.0
    half = pytest.approx(-math.log(2))
    assert pick_one(logits, make_picker(Sampling(top_log_probs=5))) == PickedToken(3, half, ((3, half), (4, half)))


@pytest.mark.parametrize("size", [50_257, 262_144])
def test_a_large_vocabulary_is_drawn_from_to_its_last_token(size: int) -> None:
    """In float32 a running total over so many tokens would stand still before its end."""
    logits = torch.zeros(size)
    rows = [(0.0, 0), (0.5, size // 2), (1 - 2**-53, size - 1), (1 - 1.5 / size, size - 2)]
    for number, expected in rows:
        picker = make_picker(Sampling(temperature=1.0), size=size, number=number)
        assert pick_one(logits, picker).token == expected


def test_a_token_that_is_impossible_is_never_drawn() -> None:
    logits = torch.full((SIZE,), -math.inf)
    logits[[5, 650]] = 0.0
    for number, expected in ((0.0, 5), (0.49, 5), (0.5, 650), (1 - 2**-53, 650)):
        assert pick_one(logits, make_picker(Sampling(temperature=1.0), number=number)).token == expected


def test_more_rows_than_are_computed_at_once_are_all_picked() -> None:
    size = ELEMENTS_AT_ONCE["cpu"] // 3
    logits = torch.zeros(8, size)
    logits[torch.arange(8), torch.arange(8) + 20] = 50.0
    sampling = Sampling(temperature=1.0, seed=1, top_log_probs=1)
    picked = pick_tokens(logits, [make_picker(sampling, size=size) for _ in range(8)], [None] * 8)
    assert [token.token for token in picked] == list(range(20, 28))


def test_a_cut_looks_at_few_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sort of the vocabulary where the nucleus is small."""
    widths = []
    find = drawing._find_border

    def watch(weights: Tensor, cuts: drawing.Cuts, *, width: int) -> object:
        widths.append(width)
        return find(weights, cuts, width=width)

    monkeypatch.setattr(drawing, "_find_border", watch)
    (logits,) = make_logits(1, size=50_000)
    pick_one(logits, make_picker(Sampling(temperature=0.5, top_p=0.9, seed=1), size=50_000))
    pick_one(logits, make_picker(Sampling(temperature=1.0, top_k=50, seed=1), size=50_000))
    assert widths == [drawing.FIRST_WIDTH] * 2
