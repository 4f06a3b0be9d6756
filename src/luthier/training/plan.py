"""Examples and settings become a plan: every row encoded, every number known, every refusal made before any weight."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from luthier.data.row_problems import RowProblem, phrase_problems
from luthier.errors import DataError, ExampleTooLong, NothingTrained
from luthier.tokens.pairs import encode_item, explain_untrained
from luthier.training.ledger import DroppedRow, RowLedger, SideRows
from luthier.training.method import require_method
from luthier.training.schedule import count_steps_per_epoch

if TYPE_CHECKING:
    from luthier.data.dataset import Dataset
    from luthier.tokens.chat_template import ChatTemplate
    from luthier.tokens.pairs import Item
    from luthier.training.config import TrainingConfig


@dataclass(frozen=True)
class Plan:
    """What a run will do: its encoded rows and its number of optimizer steps. Of validation rows there may be none.

    `train_rows` are the examples behind `train`: all that there are, but for those that the ledger says were dropped.
    """

    train: tuple[Item, ...]
    validation: tuple[Item, ...]
    train_rows: Dataset
    ledger: RowLedger
    steps_per_epoch: int
    total_steps: int


@dataclass(frozen=True)
class EncodedSide:
    """One side of a split; `encoded` stands in the order of the rows in `kept`."""

    kept: Dataset
    encoded: tuple[Item, ...]
    dropped: tuple[DroppedRow, ...]

    def count_rows(self) -> SideRows:
        """A pair counts as one row, its prompt as tokens once, and its longer answer for its length."""
        rows = [row for item in self.encoded for row in item.rows]
        tokens = sum(item.token_count for item in self.encoded)
        longest = max((row.token_count for row in rows), default=0)
        return SideRows(len(self.encoded), tokens, sum(row.target_count for row in rows), longest, self.dropped)


@dataclass
class _Refused:
    """Rows that cannot be trained, and those that are left out for being too long."""

    too_long: list[RowProblem] = field(default_factory=list)
    untrained: list[RowProblem] = field(default_factory=list)
    dropped: list[DroppedRow] = field(default_factory=list)


def plan_run(
    template: ChatTemplate,
    train: Dataset,
    validation: Dataset,
    config: TrainingConfig,
    *,
    context_length: int,
) -> Plan:
    """`validation` may be empty. Raises DataError or one of its kinds with all the rows that cannot be trained, and
    InvalidConfig for a method that does not learn from such rows.
    """
    for dataset in (train, validation):
        require_method(config.method, dataset)
    limit = min(config.max_length or context_length, context_length)
    sides = {
        side: encode_dataset(template, dataset, limit=limit, drops_overlong=config.overlong == "drop")
        for side, dataset in (("train", train), ("validation", validation))
    }
    for side, encoded in sides.items():
        if encoded.dropped and not encoded.encoded:
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
            item = encode_item(template, example)
        except DataError as error:
            # One template serves all rows, so the first refusal stands for those that would follow.
            raise type(error)(f"{place}: {error.message}", hint=error.hint) from error
        length = max(row.token_count for row in item.rows)
        if flaw := explain_untrained(item):
            refused.untrained.append(RowProblem(example.line, flaw))
        elif length <= limit:
            kept.append(example)
            encoded.append(item)
        elif drops_overlong:
            reason = f"{length} tokens, {length - limit} too many"
            refused.dropped.append(DroppedRow(example.line, example.fingerprint, length, reason))
        else:
            refused.too_long.append(RowProblem(example.line, f"{length} tokens, {length - limit} too many"))
    _refuse_rows(refused, dataset, limit=limit)
    return EncodedSide(replace(dataset, examples=tuple(kept)), tuple(encoded), tuple(refused.dropped))


def _refuse_rows(refused: _Refused, dataset: Dataset, *, limit: int) -> None:
    file, total = dataset.path.name, len(dataset.examples)
    if refused.untrained:
        raise NothingTrained(
            f"{len(refused.untrained)} of {total} examples have nothing to learn",
            rows=phrase_problems(file, refused.untrained),
            hint="end each example with an answer whose weight is not 0, and each pair with two that differ, "
            "or delete these rows",
        )
    if refused.too_long:
        raise ExampleTooLong(
            f"{len(refused.too_long)} of {total} examples are longer than {limit} tokens",
            rows=phrase_problems(file, refused.too_long),
            hint="shorten or split these rows, leave them out with --set overlong=drop, raise max_length, "
            "or take a base with a longer context",
        )
