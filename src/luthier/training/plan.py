"""Examples and settings become a plan: every row encoded, every number known, every refusal made before any weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.errors import DataError, ExampleTooLong, OutOfMemory
from luthier.tokens.encode import encode_conversation
from luthier.training.schedule import count_steps_per_epoch

if TYPE_CHECKING:
    from luthier.data.dataset import Dataset
    from luthier.models.architecture import Architecture
    from luthier.tokens.chat_template import ChatTemplate
    from luthier.tokens.encode import EncodedExample
    from luthier.training.config import TrainingConfig

_GIB = 2**30


@dataclass(frozen=True)
class Plan:
    """What a run will do: its encoded rows and its number of optimizer steps."""

    train: tuple[EncodedExample, ...]
    validation: tuple[EncodedExample, ...]
    steps_per_epoch: int
    total_steps: int


def plan_run(
    template: ChatTemplate,
    train: Dataset,
    validation: Dataset,
    config: TrainingConfig,
    *,
    context_length: int,
) -> Plan:
    """Raises DataError or one of its kinds with all the rows that cannot be trained."""
    limit = min(config.max_length or context_length, context_length)
    steps_per_epoch = count_steps_per_epoch(len(train.examples), config.batch_size)
    return Plan(
        train=encode_dataset(template, train, limit=limit),
        validation=encode_dataset(template, validation, limit=limit),
        steps_per_epoch=steps_per_epoch,
        total_steps=steps_per_epoch * config.epochs,
    )


def encode_dataset(template: ChatTemplate, dataset: Dataset, *, limit: int) -> tuple[EncodedExample, ...]:
    """Nothing is cut: a row longer than `limit` tokens is refused, since a cut answer teaches to stop too early."""
    encoded: list[EncodedExample] = []
    too_long: list[str] = []
    for example in dataset.examples:
        place = f"{dataset.path.name}:{example.line}"
        try:
            row = encode_conversation(template, example.conversation)
        except DataError as error:
            # One template serves all rows, so the first refusal stands for those that would follow.
            raise type(error)(f"{place}: {error.message}", hint=error.hint) from error
        if len(row.ids) > limit:
            too_long.append(f"{place}: {len(row.ids)} tokens, {len(row.ids) - limit} too many")
        encoded.append(row)
    if too_long:
        raise ExampleTooLong(
            f"{len(too_long)} of {len(encoded)} examples are longer than {limit} tokens",
            rows=too_long,
            hint="shorten or split these rows, raise max_length, or take a base with a longer context",
        )
    return tuple(encoded)


def require_memory(plan: Plan, architecture: Architecture, config: TrainingConfig, *, available_bytes: int) -> None:
    """Raises OutOfMemory when even an optimistic estimate does not fit: the kernel would end the process unasked."""
    longest = max(len(example.ids) for example in plan.train)
    together = sorted((len(example.ids) for example in plan.train), reverse=True)[: config.batch_size]
    tokens = max(longest, min(config.micro_batch_tokens, sum(together)))
    needed = architecture.weight_bytes + tokens * architecture.activation_bytes_per_token
    if needed > available_bytes:
        raise OutOfMemory(
            f"training needs about {needed / _GIB:.1f} GiB of memory and {available_bytes / _GIB:.1f} GiB are free",
            hint=f"free some memory, or use --set micro_batch_tokens={max(longest, tokens // 2)}, or a smaller base",
        )
