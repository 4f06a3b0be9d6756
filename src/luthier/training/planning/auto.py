"""What was left open in an order is settled by rule from its rows, its base and this machine, each value with a reason.

The rules and what they rest on stand in docs/decisions; `training/planning/advice.py` says what is far from them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.training.config import AUTO, AUTO_FIELDS, build_config
from luthier.training.method import choose_method
from luthier.training.planning.choices import Choice
from luthier.training.planning.footprint import estimate_footprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from luthier.data.dataset import Dataset
    from luthier.models.architecture import Architecture
    from luthier.training.config import TrainingConfig
    from luthier.training.method import Method
    from luthier.training.planning.footprint import Machine

CHARACTERS_PER_TOKEN = 4
"""About, of English; the rank follows from a power of two, so it need not be exact."""

USUAL_EPOCHS, LEAST_SEEN, MOST_SEEN, MOST_EPOCHS = 3, 100, 25_000, 25
"""OpenAI's: three epochs, but so many that 100 examples are seen and so few that 25,000 are not exceeded
(https://cookbook.openai.com/examples/chat_finetuning_data_prep)."""

USUAL_BATCH, LARGEST_BATCH, BATCH_FRACTION = 4, 32, 0.002
"""4 rows reached the lowest loss on small sets (docs/experiments.md); from 4,000 rows on a batch is 0.2 % of them, as
OpenAI had it. Beyond some dozens LoRA loses to full fine-tuning (https://thinkingmachines.ai/blog/lora/)."""

STEPS_PER_EPOCH = 8
"""A very small set is parted so finely that an epoch has so many steps."""

FULL_RATE, LORA_FACTOR, HIDDEN_SIZE = 5e-5, 10, 2000
"""The rate of full fine-tuning on a base of that hidden size; LoRA wants ten times as much, whatever its rank
(https://thinkingmachines.ai/blog/lora/)."""

SIZE_EXPONENT, QWEN_EXPONENT = 0.781, 0.0775
"""How the best rate falls as the hidden size grows: fitted to Llama and to Qwen, at the same place."""

DPO_FRACTION = 1 / 20
"""The best rate of DPO lies far below that of imitation: 1e-5 for LoRA on 8 billion weights is usual."""

USUAL_SCALE, USUAL_RANK = 2.0, 16
"""Of the adapter's output (lora_alpha / r) at the usual rank; what is trained acts in proportion to the scale and to
the square root of the rank (https://arxiv.org/abs/2312.03732)."""

HIGHEST_RANK, TOKENS_PER_PARAMETER = 256, 2
"""An adapter stores about two bits in each number, and an answer has about one new bit in each token (same place)."""

LEAST_TOKENS_AT_ONCE, MOST_TOKENS_ON_CPU, MOST_TOKENS_ON_GPU = 256, 4096, 16_384
"""Beyond the upper bounds matrix products get no quicker."""


@dataclass(frozen=True)
class Circumstances:
    """What the rules look at; `answer_characters` are those of the answers in one pass over the training rows."""

    rows: int
    answer_characters: int
    method: Method
    architecture: Architecture
    machine: Machine


class Resolution(NamedTuple):
    """`choices` are the settings that were given and those that were settled, in the order of their settling."""

    config: TrainingConfig
    choices: tuple[Choice, ...]


class Ruling(NamedTuple):
    value: Any
    reason: str


def look_around(train: Dataset, architecture: Architecture, machine: Machine) -> Circumstances:
    characters = sum(
        len(message.content)
        for example in train.examples
        for message in example.conversation.messages
        if message.role == "assistant" and message.is_trained
    )
    return Circumstances(len(train.examples), characters, choose_method(train), architecture, machine)


def resolve_settings(
    recipe: Mapping[str, Any], settings: Mapping[str, Any], circumstances: Circumstances
) -> Resolution:
    """`settings` win over the recipe. "auto" and nothing at all are the same, in the fields that know it.

    Raises InvalidConfig for what cannot be set.
    """
    given = collect_given(recipe, settings)
    config = build_config(given)
    choices = []
    for name, rule in RULES.items():
        if name in given:
            continue
        ruling = rule(circumstances, config)
        if ruling is not None:
            config = config.model_copy(update={name: ruling.value})
            choices.append(Choice(name, ruling.value, "auto", ruling.reason))
    told = [Choice(name, getattr(config, name), "given" if name in settings else "recipe") for name in given]
    return Resolution(config, (*told, *choices))


def collect_given(recipe: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not left to the rules."""
    values = {**recipe, **settings}
    return {name: value for name, value in values.items() if not (name in AUTO_FIELDS and value == AUTO)}


def settle_method(circumstances: Circumstances, config: TrainingConfig) -> Ruling:
    pairs = "the rows are pairs of a preferred and a rejected answer"
    return Ruling(circumstances.method, pairs if circumstances.method == "dpo" else "each row has one answer")


def settle_rank(circumstances: Circumstances, config: TrainingConfig) -> Ruling | None:
    if config.tuning == "full":
        return None
    if config.method == "dpo":
        return Ruling(USUAL_RANK, "a preference holds little to store")
    tokens = circumstances.answer_characters / CHARACTERS_PER_TOKEN
    architecture = circumstances.architecture
    r, numbers = USUAL_RANK, architecture.count_adapter_parameters(USUAL_RANK, config.target_modules)
    if not numbers:
        return Ruling(r, "usual; layers of these names are not known beforehand")
    while r < HIGHEST_RANK and numbers * TOKENS_PER_PARAMETER < tokens:
        r, numbers = 2 * r, 2 * numbers
    return Ruling(r, f"{_round(numbers)} weights hold what about {_round(tokens)} answer tokens can teach")


def settle_batch_size(circumstances: Circumstances, config: TrainingConfig) -> Ruling:
    rows = circumstances.rows
    if rows < USUAL_BATCH * STEPS_PER_EPOCH:
        return Ruling(_round_to_power(rows / STEPS_PER_EPOCH), f"{rows} rows are few: small batches take more steps")
    size = min(LARGEST_BATCH, _round_to_power(rows * BATCH_FRACTION))
    if size > USUAL_BATCH:
        return Ruling(size, f"about 0.2 % of {rows:,} rows, at most {LARGEST_BATCH}")
    return Ruling(USUAL_BATCH, f"many steps from {rows:,} rows")


def settle_epochs(circumstances: Circumstances, config: TrainingConfig) -> Ruling:
    rows = circumstances.rows
    if rows * USUAL_EPOCHS < LEAST_SEEN:
        most = USUAL_EPOCHS if config.method == "dpo" else MOST_EPOCHS
        epochs = min(most, math.ceil(LEAST_SEEN / rows))
        least = f"at least {LEAST_SEEN} shall be seen" if epochs < most else f"at most {most} looks at each"
        return Ruling(epochs, f"{rows} rows are few: {least}")
    if rows * USUAL_EPOCHS > MOST_SEEN:
        return Ruling(max(1, MOST_SEEN // rows), f"{rows:,} rows are many: one look or two teach them")
    if config.method == "dpo":
        return Ruling(1, "preferences overfit soon")
    return Ruling(USUAL_EPOCHS, f"usual for {rows:,} rows")


def settle_learning_rate(circumstances: Circumstances, config: TrainingConfig) -> Ruling:
    hidden_size = circumstances.architecture.hidden_size
    exponent = QWEN_EXPONENT if circumstances.architecture.model_type.startswith("qwen") else SIZE_EXPONENT
    rate = FULL_RATE * (HIDDEN_SIZE / hidden_size) ** exponent
    reason = f"for a base of hidden size {hidden_size:,}"
    if config.tuning == "full":
        reason += " whose weights are all trained"
    else:
        rate *= LORA_FACTOR
        reason += f", {LORA_FACTOR} times that of full fine-tuning"
        strength = find_strength(config)
        if strength > 1:
            rate /= strength
            reason += f", less because lora_alpha and r make the adapter act {strength:.2g} times as strongly as usual"
    if config.method == "dpo":
        rate *= DPO_FRACTION
        reason += f", and a {round(1 / DPO_FRACTION)}th of it for dpo"
    return Ruling(float(f"{rate:.0e}"), reason)


def settle_micro_batch_tokens(circumstances: Circumstances, config: TrainingConfig) -> Ruling:
    machine = circumstances.machine
    most = MOST_TOKENS_ON_GPU if machine.has_gpu else MOST_TOKENS_ON_CPU
    if config.activation_checkpointing == "auto":  # which takes time, so a smaller micro batch comes first
        config = config.model_copy(update={"activation_checkpointing": "off"})
    least = estimate_footprint(circumstances.architecture, config, machine, tokens=most, targets=most)
    room = max(0, machine.free_bytes - least.fixed - least.logits) / 2
    tokens = round(most * room / least.activations)
    if tokens >= most:
        return Ruling(most, "more at once would be no quicker")
    return Ruling(max(LEAST_TOKENS_AT_ONCE, _round_to_power(tokens)), "what half of the free memory holds")


def find_scale(config: TrainingConfig) -> float:
    """What the adapter's output is multiplied with."""
    return config.lora_alpha / (math.sqrt(config.r) if config.use_rslora else config.r)


def find_strength(config: TrainingConfig) -> float:
    """How strongly the adapter acts at the same weights, against one with lora_alpha 32 and r 16."""
    return find_scale(config) / USUAL_SCALE * math.sqrt(config.r / USUAL_RANK)


def _round_to_power(number: float) -> int:
    """Down, to a power of two, from 1 on."""
    return 1 << max(0, int(number).bit_length() - 1)


def _round(count: float) -> str:
    for size, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if count >= size:
            return f"{count / size:.2g} {name}"
    return f"{count:.0f}"


RULES: Mapping[str, Callable[[Circumstances, TrainingConfig], Ruling | None]] = {
    "method": settle_method,
    "r": settle_rank,
    "batch_size": settle_batch_size,
    "epochs": settle_epochs,
    "learning_rate": settle_learning_rate,
    "micro_batch_tokens": settle_micro_batch_tokens,
}
"""Each sees what those above it have settled."""
