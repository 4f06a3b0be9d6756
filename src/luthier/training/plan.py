"""Examples and settings become a plan: every row encoded, every number known, every refusal made before any weight."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from luthier.errors import DataError, ExampleTooLong, NothingTrained, OutOfMemory
from luthier.tokens.encode import encode_conversation
from luthier.training.ledger import DroppedRow, RowLedger, SideRows
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
    """What a run will do: its encoded rows and its number of optimizer steps.

    `train_rows` are the examples behind `train`: all that there are, but for those that the ledger says were dropped.
    """

    train: tuple[EncodedExample, ...]
    validation: tuple[EncodedExample, ...]
    train_rows: Dataset
    ledger: RowLedger
    steps_per_epoch: int
    total_steps: int


@dataclass(frozen=True)
class EncodedSide:
    """One side of a split; `encoded` stands in the order of the rows in `kept`."""

    kept: Dataset
    encoded: tuple[EncodedExample, ...]
    dropped: tuple[DroppedRow, ...]

    def count_rows(self) -> SideRows:
        lengths = [len(row.ids) for row in self.encoded]
        trained_tokens = sum(row.target_count for row in self.encoded)
        return SideRows(len(lengths), sum(lengths), trained_tokens, max(lengths, default=0), self.dropped)


@dataclass
class _Refused:
    """Rows that cannot be trained, as sentences, and those that are left out for being too long."""

    too_long: list[str] = field(default_factory=list)
    untrained: list[str] = field(default_factory=list)
    dropped: list[DroppedRow] = field(default_factory=list)


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
    sides = {
        side: encode_dataset(template, dataset, limit=limit, drops_overlong=config.overlong == "drop")
        for side, dataset in (("train", train), ("validation", validation))
    }
    for side, encoded in sides.items():
        if not encoded.encoded:
            raise ExampleTooLong(
                f"no {side} row is left: all {len(encoded.dropped)} are longer than {limit} tokens",
                hint="shorten or split the rows, raise max_length, or take a base with a longer context",
            )
    steps_per_epoch = count_steps_per_epoch(len(sides["train"].encoded), config.batch_size)
    return Plan(
        train=sides["train"].encoded,
        validation=sides["validation"].encoded,
        train_rows=sides["train"].kept,
        ledger=RowLedger(limit, sides["train"].count_rows(), sides["validation"].count_rows()),
        steps_per_epoch=steps_per_epoch,
        total_steps=steps_per_epoch * config.epochs,
    )


def encode_dataset(template: ChatTemplate, dataset: Dataset, *, limit: int, drops_overlong: bool) -> EncodedSide:
    """Nothing is cut: a row longer than `limit` tokens is refused or left out whole.

    Raises ExampleTooLong, or NothingTrained for rows that would cost time and teach nothing.
    """
    kept, encoded, refused = [], [], _Refused()
    for example in dataset.examples:
        place = f"{dataset.path.name}:{example.line}"
        try:
            row = encode_conversation(template, example.conversation)
        except DataError as error:
            # One template serves all rows, so the first refusal stands for those that would follow.
            raise type(error)(f"{place}: {error.message}", hint=error.hint) from error
        length = len(row.ids)
        if not row.target_count:
            refused.untrained.append(f"{place}: none of its {length} tokens is trained")
        elif length <= limit:
            kept.append(example)
            encoded.append(row)
        elif drops_overlong:
            reason = f"{length} tokens, {length - limit} too many"
            refused.dropped.append(DroppedRow(example.line, example.fingerprint, length, reason))
        else:
            refused.too_long.append(f"{place}: {length} tokens, {length - limit} too many")
    _refuse_rows(refused, total=len(dataset.examples), limit=limit)
    return EncodedSide(replace(dataset, examples=tuple(kept)), tuple(encoded), tuple(refused.dropped))


def estimate_memory(plan: Plan, architecture: Architecture, config: TrainingConfig) -> int:
    """Bytes that training needs at least: the weights and what the largest batch keeps for its gradient."""
    return architecture.weight_bytes + _count_tokens_at_once(plan, config) * architecture.activation_bytes_per_token


def require_memory(plan: Plan, architecture: Architecture, config: TrainingConfig, *, available_bytes: int) -> None:
    """Raises OutOfMemory when even an optimistic estimate does not fit: the kernel would end the process unasked."""
    needed = estimate_memory(plan, architecture, config)
    if needed > available_bytes:
        fewer = max(plan.ledger.train.longest, _count_tokens_at_once(plan, config) // 2)
        raise OutOfMemory(
            f"training needs about {needed / _GIB:.1f} GiB of memory and {available_bytes / _GIB:.1f} GiB are free",
            hint=f"free some memory, or use --set micro_batch_tokens={fewer}, or a smaller base",
        )


def _count_tokens_at_once(plan: Plan, config: TrainingConfig) -> int:
    lengths = sorted((len(example.ids) for example in plan.train), reverse=True)
    return max(lengths[0], min(config.micro_batch_tokens, sum(lengths[: config.batch_size])))


def _refuse_rows(refused: _Refused, *, total: int, limit: int) -> None:
    if refused.untrained:
        raise NothingTrained(
            f"{len(refused.untrained)} of {total} examples have nothing to learn",
            rows=refused.untrained,
            hint="end each example with an answer whose weight is not 0, or delete these rows",
        )
    if refused.too_long:
        raise ExampleTooLong(
            f"{len(refused.too_long)} of {total} examples are longer than {limit} tokens",
            rows=refused.too_long,
            hint="shorten or split these rows, leave them out with --set overlong=drop, raise max_length, "
            "or take a base with a longer context",
        )
