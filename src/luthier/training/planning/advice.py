"""Settings far outside what is known to work become sentences that say what will happen and what works instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.training.planning.auto import USUAL_BATCH, USUAL_SCALE, find_strength, settle_learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.training.config import TrainingConfig
    from luthier.training.planning.auto import Circumstances

LOW_RATE, HIGH_RATE = 1 / 15, 5
"""Of the rule's rate. The best rate of one base and data set lies within a third and three times of it."""

FULL_HIGH_RATE = 3
"""All weights bear less: https://github.com/paiml/aprender/pull/2258 saw 2e-4 take a loss from 1.4 to 16."""

FEW_ROWS, MANY_EPOCHS, MOST_EPOCHS_FOR_FEW = 100, 10, 25

WORST_STRENGTHS = (0.1, 8.0)
"""Against lora_alpha 32 with r 16; ranks up to 512 work with lora_alpha 32 (https://thinkingmachines.ai/blog/lora/)."""

LEAST_STEPS = 20
MOST_DROPOUT, MOST_WARMUP, MOST_DECAY = 0.5, 0.5, 0.3
USUAL_BETAS = (0.01, 1.0)


class Rule(NamedTuple):
    """`find` gives the sentence when something is wrong, else nothing."""

    name: str
    find: Callable[[TrainingConfig, Circumstances], str | None]


def find_advice(config: TrainingConfig, circumstances: Circumstances) -> list[str]:
    """One sentence for each value that will probably disappoint; none for usual settings."""
    found = (rule.find(config, circumstances) for rule in RULES)
    return [sentence for sentence in found if sentence]


def _find_low_rate(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    usual = settle_learning_rate(circumstances, config).value
    if config.learning_rate >= usual * LOW_RATE:
        return None
    return (
        f"learning_rate {config.learning_rate:g} is far below what {_name_training(config)} needs on this base, about "
        f"{usual:g}: the model will hardly change"
    )


def _find_high_rate(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    usual = settle_learning_rate(circumstances, config).value
    if config.learning_rate <= usual * (FULL_HIGH_RATE if config.tuning == "full" else HIGH_RATE):
        return None
    return (
        f"learning_rate {config.learning_rate:g} is far above what {_name_training(config)} bears on this base, about "
        f"{usual:g}: the loss may rise or training may diverge"
    )


def _find_large_batch(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    if config.batch_size <= circumstances.rows:
        return None
    return (
        f"batch_size {config.batch_size} is more than the {circumstances.rows} training rows: each epoch is a single "
        "step, which teaches little"
    )


def _find_few_steps(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    steps = -(-circumstances.rows // config.batch_size) * config.epochs
    if steps >= LEAST_STEPS or config.batch_size > circumstances.rows or config.batch_size <= USUAL_BATCH:
        return None
    return f"batch_size {config.batch_size} leaves {steps} steps in all, which teach little: a smaller batch takes more"


def _find_many_epochs(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    rows = circumstances.rows
    if config.epochs <= (MOST_EPOCHS_FOR_FEW if rows < FEW_ROWS else MANY_EPOCHS):
        return None
    return (
        f"epochs {config.epochs} over {rows:,} rows: they will be learnt by heart long before the end; 2 to 5 are "
        "usual, and --set patience=3 stops when the validation loss no longer falls"
    )


def _find_odd_scale(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    strength = find_strength(config)
    if config.tuning == "full" or WORST_STRENGTHS[0] <= strength <= WORST_STRENGTHS[1]:
        return None
    alpha = round(USUAL_SCALE * (config.r**0.5 if config.use_rslora else config.r))
    effect = "it will hardly act" if strength < 1 else "this acts like a learning rate that is far too high"
    return (
        f"lora_alpha {config.lora_alpha:g} with r {config.r} makes the adapter {strength:.2g} times as strong as "
        f"usual: {effect}; lora_alpha {alpha} is usual with this rank"
    )


def _find_dora_dropout(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    if config.tuning == "full" or not (config.use_dora and config.lora_dropout):
        return None
    return (
        "use_dora with lora_dropout computes each adapted layer a second time, and rows no longer share what they "
        "begin with: leave lora_dropout at 0"
    )


def _find_idle_adapter_settings(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    defaults = type(config)()
    idle = [
        name
        for name in ("lora_alpha", "lora_dropout", "use_rslora", "use_dora", "target_modules")
        if getattr(config, name) != getattr(defaults, name)
    ]
    if config.tuning != "full" or not idle:
        return None
    return f"{', '.join(idle)} say nothing to tuning=full, which has no adapter"


def _find_high_dropout(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    if config.tuning == "full" or config.lora_dropout <= MOST_DROPOUT:
        return None
    return f"lora_dropout {config.lora_dropout:g} hides most of what the adapter is shown: 0 to 0.1 is usual"


def _find_odd_beta(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    low, high = USUAL_BETAS
    if config.method != "dpo":
        is_set = config.beta != type(config)().beta
        return f"beta says nothing to method={config.method}: it is dpo's" if is_set else None
    if low <= config.beta <= high:
        return None
    effect = "the model may drift far from its start" if config.beta < low else "the model can hardly move"
    return f"beta {config.beta:g}: {effect}; {low:g} to {high:g} is usual for dpo"


def _find_long_warmup(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    if config.warmup_fraction <= MOST_WARMUP:
        return None
    return f"warmup_fraction {config.warmup_fraction:g} spends most of the run below its rate: 0.03 to 0.1 is usual"


def _find_strong_decay(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    if config.weight_decay <= MOST_DECAY:
        return None
    return f"weight_decay {config.weight_decay:g} pulls the trained weights towards zero: 0 to 0.1 is usual"


def _find_length_beyond_context(config: TrainingConfig, circumstances: Circumstances) -> str | None:
    context_length = circumstances.architecture.context_length
    if config.max_length is None or config.max_length <= context_length:
        return None
    return f"max_length {config.max_length:,} is more than the base's context: {context_length:,} tokens stay the limit"


def _name_training(config: TrainingConfig) -> str:
    kind = "full fine-tuning" if config.tuning == "full" else config.tuning
    return f"{kind} with dpo" if config.method == "dpo" else kind


RULES = (
    Rule("low learning rate", _find_low_rate),
    Rule("high learning rate", _find_high_rate),
    Rule("batch larger than the rows", _find_large_batch),
    Rule("few steps", _find_few_steps),
    Rule("many epochs", _find_many_epochs),
    Rule("odd lora_alpha", _find_odd_scale),
    Rule("dora with dropout", _find_dora_dropout),
    Rule("high dropout", _find_high_dropout),
    Rule("adapter settings without adapter", _find_idle_adapter_settings),
    Rule("odd beta", _find_odd_beta),
    Rule("long warm-up", _find_long_warmup),
    Rule("strong weight decay", _find_strong_decay),
    Rule("length beyond the context", _find_length_beyond_context),
)
