"""Logits become the next token of each row, as each row's request wants it and whoever else is in the batch."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import torch

from luthier.engine.decoding.drawing import Cuts, cut_weights, invert_distribution
from luthier.errors import InvalidRequest, InvalidStructure, LuthierError, StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from luthier.engine.protocol import Sampling

LARGEST_BIAS = 100.0
"""As in the OpenAI API; it bans a token, or leaves no other, beside the logits of any model."""

ELEMENTS_AT_ONCE = {"cpu": 2**18, "cuda": 2**24}
"""Of float64: what is computed for rows that are not plainly greedy comes and goes in such parts. 2 MiB stay in a
processor's cache; an accelerator wants fewer and larger parts."""

SMALLEST_TEMPERATURE = 1e-30
"""Anything below is the same: the likeliest token, and one by chance among equals."""


class PickedToken(NamedTuple):
    """Log-probabilities are those of the model's own distribution, before anything that a request changes of it."""

    token: int
    log_prob: float | None = None
    alternatives: tuple[tuple[int, float], ...] = ()


class TokenPicker:
    """What one answer brings to each choice: its own random numbers, and what its tokens change of the next logits."""

    def __init__(self, sampling: Sampling, *, vocabulary_size: int, random: Random | None = None) -> None:
        """Raises InvalidRequest for a bias of a token that the model does not have, or of no usable size.

        Without `random`, numbers come from the seed, or without one from the operating system.
        """
        self.sampling = sampling
        self.changes: dict[int, float] = {}
        """What is added to the logits of these tokens."""
        self._random = random or open_stream(sampling.seed)
        self._seen: set[int] = set()
        for token, bias in sampling.logit_bias:
            _check_bias(token, bias, vocabulary_size)
            self.changes[token] = self.changes.get(token, 0.0) + bias

    @property
    def is_greedy(self) -> bool:
        return self.sampling.temperature == 0

    @property
    def is_plain(self) -> bool:
        """Takes the model's likeliest token as it is."""
        return self.is_greedy and not self.changes

    def draw(self) -> float:
        """The next random number of this answer, in [0, 1)."""
        return self._random.random()

    def note(self, token: int) -> None:
        """The token is part of the answer now, and penalties count it."""
        change = self.sampling.frequency_penalty
        if token not in self._seen:
            self._seen.add(token)
            change += self.sampling.presence_penalty
        if change:
            self.changes[token] = self.changes.get(token, 0.0) - change


def open_stream(seed: int | None) -> Random:
    """Any integer is a seed of its own, negative and huge ones too; the stream is the same on every machine."""
    return Random() if seed is None else Random(str(seed))


@torch.inference_mode()
def pick_tokens(
    logits: Tensor, pickers: Sequence[TokenPicker], masks: Sequence[Tensor | None]
) -> list[PickedToken | LuthierError]:
    """One token for each row of (n, V) float32 `logits`, or what is wrong with that row alone.

    A mask (V,), or a shorter one, says which tokens are allowed. Of equal logits the lowest id wins. Pickers have noted
    their token. A row of no numbers is StoreDamaged; one that allows nothing, InvalidStructure.
    """
    likeliest = logits.argmax(-1)
    peaks = logits.gather(-1, likeliest[:, None])[:, 0].tolist()
    found: list[int | LuthierError] = likeliest.tolist()
    special = []
    for row, (peak, picker, mask) in enumerate(zip(peaks, pickers, masks, strict=True)):
        if not math.isfinite(peak):
            found[row] = _refuse_numbers()
        elif not picker.is_plain or not _is_allowed(found[row], mask):
            special.append(row)
    for rows in _split(special, logits):
        picked = _pick_adjusted(logits[rows], [pickers[row] for row in rows], [masks[row] for row in rows])
        for row, token in zip(rows, picked, strict=True):
            found[row] = token
    return _describe(logits, pickers, found)


def _check_bias(token: int, bias: float, vocabulary_size: int) -> None:
    if not 0 <= token < vocabulary_size:
        raise InvalidRequest(
            f"logit_bias names token {token}, which the model does not have",
            hint=f"token ids go from 0 to {vocabulary_size - 1}",
        )
    if not -LARGEST_BIAS <= bias <= LARGEST_BIAS:
        raise InvalidRequest(
            f"logit_bias of token {token} is {bias}", hint=f"give a number from {-LARGEST_BIAS:g} to {LARGEST_BIAS:g}"
        )


def _refuse_numbers() -> LuthierError:
    return StoreDamaged(
        "the model computes no numbers for the next token",
        hint="its weights are damaged, or too large for its precision: try another model, or precision float32",
    )


def _is_allowed(token: int | LuthierError, mask: Tensor | None) -> bool:
    return mask is None or (isinstance(token, int) and token < len(mask) and bool(mask[token]))


def _split(rows: list[int], logits: Tensor) -> Iterator[list[int]]:
    size = max(1, ELEMENTS_AT_ONCE[logits.device.type] // logits.shape[1])
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _pick_adjusted(
    logits: Tensor, pickers: Sequence[TokenPicker], masks: Sequence[Tensor | None]
) -> list[int | LuthierError]:
    """`logits` are a copy, and are changed."""
    _add_changes(logits, pickers)
    for row, mask in zip(logits, masks, strict=True):
        if mask is not None:
            row[: len(mask)].masked_fill_(~mask.to(row.device), -torch.inf)
            row[len(mask) :] = -torch.inf
    peaks, likeliest = logits.max(-1)
    picked: list[int | LuthierError] = likeliest.tolist()
    drawn = []
    for row, (peak, picker) in enumerate(zip(peaks.tolist(), pickers, strict=True)):
        if peak == -math.inf:
            picked[row] = InvalidStructure("no token of the model may follow here", hint="give a simpler structure")
        elif not math.isfinite(peak):
            picked[row] = _refuse_numbers()
        elif not picker.is_greedy:
            drawn.append(row)
    if drawn:
        tokens = _draw_tokens(logits[drawn], peaks[drawn], [pickers[row] for row in drawn])
        for row, token in zip(drawn, tokens, strict=True):
            picked[row] = token
    return picked


def _add_changes(logits: Tensor, pickers: Sequence[TokenPicker]) -> None:
    rows = [row for row, picker in enumerate(pickers) for _ in picker.changes]
    if not rows:
        return
    columns = [token for picker in pickers for token in picker.changes]
    changes = [change for picker in pickers for change in picker.changes.values()]
    places = torch.tensor([rows, columns], device=logits.device)
    logits.index_put_((places[0], places[1]), torch.tensor(changes, device=logits.device), accumulate=True)


def _draw_tokens(logits: Tensor, peaks: Tensor, pickers: Sequence[TokenPicker]) -> list[int]:
    """By one random number each and the inverse distribution function.

    In float64, so that a running total over 260,000 tokens is exact enough, and how a batch is cut into vector
    instructions shows nowhere.
    """
    device = logits.device
    temperatures = [max(picker.sampling.temperature, SMALLEST_TEMPERATURE) for picker in pickers]
    uniforms = torch.tensor([picker.draw() for picker in pickers], dtype=torch.float64, device=device)
    divisors = torch.tensor(temperatures, dtype=torch.float64, device=device)
    weights = (logits.double() - peaks.double()[:, None]).div_(divisors[:, None]).exp_()
    size = logits.shape[1]
    cut = [row for row, picker in enumerate(pickers) if _has_cut(picker.sampling, size)]
    if cut:
        weights[cut] = cut_weights(weights[cut], _read_cuts([pickers[row].sampling for row in cut], weights))
    picked: list[int] = invert_distribution(weights, uniforms).tolist()
    return picked


def _has_cut(sampling: Sampling, size: int) -> bool:
    return 0 < sampling.top_k < size or sampling.top_p < 1


def _read_cuts(samplings: Sequence[Sampling], weights: Tensor) -> Cuts:
    size = weights.shape[1]
    counts = torch.tensor([min(sampling.top_k or size, size) for sampling in samplings], device=weights.device)
    fractions = [sampling.top_p for sampling in samplings]
    return Cuts(counts, torch.tensor(fractions, dtype=weights.dtype, device=weights.device))


def _describe(
    logits: Tensor, pickers: Sequence[TokenPicker], found: Sequence[int | LuthierError]
) -> list[PickedToken | LuthierError]:
    picked: list[PickedToken | LuthierError] = []
    told = []
    for row, (picker, token) in enumerate(zip(pickers, found, strict=True)):
        if isinstance(token, LuthierError):
            picked.append(token)
            continue
        picker.note(token)
        picked.append(PickedToken(token))
        if picker.sampling.top_log_probs is not None:
            told.append((row, token))
    for rows in _split([row for row, _ in told], logits):
        tokens = [token for row, token in told if row in rows]
        counts = [pickers[row].sampling.top_log_probs or 0 for row in rows]
        for row, described in zip(rows, _tell_log_probs(logits[rows].double(), tokens, counts), strict=True):
            picked[row] = described
    return picked


def _tell_log_probs(logits: Tensor, tokens: list[int], counts: list[int]) -> Iterator[PickedToken]:
    norms = logits.logsumexp(-1)
    chosen = logits.gather(-1, torch.tensor(tokens, device=logits.device)[:, None])[:, 0]
    log_probs = (chosen - norms).tolist()
    for row, (token, count) in enumerate(zip(tokens, counts, strict=True)):
        places = _find_likeliest(logits[row], count) if count else []
        values = (logits[row, places] - norms[row]).tolist()
        pairs = zip(places, values, strict=True)
        yield PickedToken(token, log_probs[row], tuple(pair for pair in pairs if pair[1] > -math.inf))


def _find_likeliest(row: Tensor, count: int) -> list[int]:
    """Ids by falling logit, and by rising id among equals, of which topk would take any."""
    top = row.topk(min(count, len(row)))
    last = top.values[-1]
    above: list[int] = top.indices[top.values > last].tolist()
    ties: list[int] = (row == last).nonzero()[: len(top.values) - len(above), 0].tolist()
    above.sort()
    return [above[place] for place in row[above].argsort(descending=True, stable=True).tolist()] + ties
