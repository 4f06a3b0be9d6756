"""What a run tells of a step becomes what a job tells of it: a sentence, an object under OpenAI's names, a CSV line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.training.events import StepDone, Validated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luthier.training.method import Method

RIGHT_FRACTIONS: dict[Method, str] = {"sft": "right_token_fraction", "dpo": "right_order_fraction"}
"""What a validation calls the share of targets that the model has right, by method."""

ACCURACIES: dict[Method, str] = {"sft": "mean_token_accuracy", "dpo": "accuracy"}
"""OpenAI's name for it. A pair is no token, so for pairs the name says less."""

CSV_COLUMNS: dict[Method, tuple[str, ...]] = {
    "sft": ("step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy"),
    "dpo": ("step", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy"),
}


class Judgement(NamedTuple):
    """A validation, always on the whole validation file; `is_full` at the end of an epoch, as OpenAI has it."""

    loss: float
    accuracy: float
    is_full: bool


class StepMetrics(NamedTuple):
    step: int
    total_steps: int
    loss: float
    accuracy: float
    judgement: Judgement | None

    def describe(self) -> str:
        """`Step 20/30: training loss=0.73, validation loss=1.46, full validation loss=1.46`"""
        text = f"Step {self.step}/{self.total_steps}: training loss={self.loss:.2f}"
        if self.judgement:
            text += f", validation loss={self.judgement.loss:.2f}"
            text += f", full validation loss={self.judgement.loss:.2f}" if self.judgement.is_full else ""
        return text

    def to_json(self, method: Method) -> dict[str, Any]:
        """Without what is not known."""
        name = ACCURACIES[method]
        found: dict[str, Any] = {"step": self.step, "train_loss": self.loss, f"train_{name}": self.accuracy}
        if self.judgement:
            for side in ("valid", "full_valid") if self.judgement.is_full else ("valid",):
                found |= {f"{side}_loss": self.judgement.loss, f"{side}_{name}": self.judgement.accuracy}
        return found

    def to_csv(self) -> str:
        """`1,3.63265,0.5,,`: at most five decimals, and nothing where nothing was validated."""
        judged = [self.judgement.loss, self.judgement.accuracy] if self.judgement else [None, None]
        return ",".join([str(self.step), *map(_write_number, [self.loss, self.accuracy, *judged])])


def build_metrics(done: StepDone, validated: Validated | None, *, method: Method, steps_per_epoch: int) -> StepMetrics:
    judgement = None
    if validated is not None:
        accuracy = validated.metrics[RIGHT_FRACTIONS[method]]
        judgement = Judgement(validated.loss, accuracy, done.step % steps_per_epoch == 0)
    return StepMetrics(done.step, done.total_steps, done.loss, done.right_fraction, judgement)


def read_metrics(rows: Iterable[dict[str, Any]], *, method: Method, steps_per_epoch: int) -> list[StepMetrics]:
    """Of a run's log, in the order of the steps."""
    rows = list(rows)
    steps = [StepDone(**_drop_kind(row)) for row in rows if row["event"] == StepDone.kind]
    validated = {row["step"]: Validated(**_drop_kind(row)) for row in rows if row["event"] == Validated.kind}
    return [
        build_metrics(step, validated.get(step.step), method=method, steps_per_epoch=steps_per_epoch) for step in steps
    ]


def _drop_kind(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "event"}


def _write_number(value: float | None) -> str:
    if value is None:
        return ""
    text = f"{value:.5f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text
