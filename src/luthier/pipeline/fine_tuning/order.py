"""A job and its rows become an order to train: every setting a number, the same in every attempt on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.check import MINIMUM_EXAMPLES
from luthier.errors import DataError, StoreDamaged
from luthier.jobs.job import JobError
from luthier.models.architecture import read_architecture
from luthier.models.catalog import Base, locate_base
from luthier.models.digest import digest_weights
from luthier.models.registry import TunedModel, resolve_model
from luthier.models.settings import LoraSettings
from luthier.pipeline.fine_tuning.failures import FileParam, refuse_content, refuse_rows
from luthier.training.planning.auto import look_around, resolve_settings
from luthier.training.planning.choices import Choice
from luthier.training.planning.memory import find_machine
from luthier.training.planning.settlement import MEASURED_FIELDS, apply_choices, settle_once
from luthier.training.run import RunOrder, plan_order
from luthier.training.schedule import count_steps_per_epoch

if TYPE_CHECKING:
    from luthier.jobs.job import Job
    from luthier.pipeline.fine_tuning.files import JobData
    from luthier.store.home import Home
    from luthier.training.plan import Plan

AUTO = "auto"
METHODS = {"supervised": "sft", "dpo": "dpo"}
NAMES = {"n_epochs": "epochs", "batch_size": "batch_size", "beta": "beta"}
"""OpenAI's for settings of ours."""

KEPT_EPOCHS = 2
"""Before the last one: OpenAI keeps the checkpoints of the last three epochs, of which the final one is the model."""

CHECKPOINTS, MOST_STEPS_BETWEEN = 20, 50
"""A job saves itself so often, but at least every so many steps: what is done after that a kill undoes."""

DROPPED_SHOWN = 20


class Subject(NamedTuple):
    """`start` is the adapter that training goes on from."""

    base: Base
    start: TunedModel | None


class JobOrder(NamedTuple):
    """`hyperparameters` are those that the job shows, each a number."""

    run: RunOrder
    hyperparameters: dict[str, Any]


class JobPlan(NamedTuple):
    """`warnings` are sentences for the job's events."""

    order: JobOrder
    plan: Plan
    warnings: tuple[str, ...]


def order_job(home: Home, job: Job, data: JobData) -> JobOrder:
    """Raises UnknownBase or one of MachineError when the model is not there as it was, InvalidConfig for a rate that is
    out of bounds.
    """
    base, start = find_subject(home, job.base_model)
    asked = {name: value for name, value in job.hyperparameters.items() if value != AUTO}
    multiplier = float(asked.get("learning_rate_multiplier", 1.0))
    settings = {
        **(_read_adapter_settings(start) if start else {}),
        "method": METHODS[job.method],
        "seed": job.seed,
        "keeps": "last",
        "kept_epochs": KEPT_EPOCHS,
        "overlong": "drop",
        **{ours: asked[theirs] for theirs, ours in NAMES.items() if theirs in asked},
    }
    circumstances = look_around(data.splits.train, read_architecture(base.folder), find_machine())
    own_rate = resolve_settings({}, settings, circumstances).config.learning_rate
    if "learning_rate_multiplier" in asked:
        settings["learning_rate"] = own_rate * multiplier
    config, choices = resolve_settings({}, settings, circumstances)
    order = RunOrder(job.id, base, data.splits, config, choices=choices, start=start)
    order = apply_choices(order, [_space_checkpoints(order)])
    measured = [choice for choice in order.choices if choice.source == "auto" and choice.name in MEASURED_FIELDS]
    order = settle_once(home, order, [choice.name for choice in measured], measure=lambda: measured)
    shown = {"n_epochs": config.epochs, "batch_size": config.batch_size, "learning_rate_multiplier": multiplier}
    return JobOrder(order, {**shown, **({"beta": config.beta} if job.method == "dpo" else {})})


def plan_job(order: JobOrder, data: JobData) -> JobPlan | JobError:
    """Rows that are too long for the base are left out, and a warning lists them."""
    try:
        plan = plan_order(order.run)
    except DataError as error:
        return refuse_rows(error, _find_side(error, data))
    if len(plan.train) < MINIMUM_EXAMPLES:
        left = f"Only {len(plan.train)} of its examples fit into the {plan.ledger.limit} tokens that the model reads"
        return refuse_content([f"{left}, and at least {MINIMUM_EXAMPLES} are needed."], "training_file")
    return JobPlan(order, plan, tuple(_list_dropped(plan)))


def find_subject(home: Home, name: str) -> Subject:
    """A base, or a tuned model: an adapter is gone on from, and a model that was tuned as a whole is a base itself."""
    found = resolve_model(home, name)
    if isinstance(found, Base):
        return Subject(found, None)
    if found.card.tuning == "full":
        return Subject(locate_base(home, found.name), None)
    base = locate_base(home, found.card.base)
    if digest_weights(base.folder) != found.card.base_weights_hash:
        hint = "bring back the old weights, or train from the base itself"
        raise StoreDamaged(f"{name} was made from other weights than {base.name} has now", hint=hint)
    return Subject(base, found)


def _read_adapter_settings(start: TunedModel) -> dict[str, Any]:
    """What an adapter is like cannot change on the way."""
    return {name: value for name, value in start.card.config.items() if name in LoraSettings.model_fields}


def _space_checkpoints(order: RunOrder) -> Choice:
    config = order.config
    steps = count_steps_per_epoch(len(order.splits.train.examples), config.batch_size) * config.epochs
    every = max(1, min(steps // CHECKPOINTS, MOST_STEPS_BETWEEN))
    return Choice("checkpoint_steps", every, "auto", f"{CHECKPOINTS} in a job of {steps} steps, or more")


def _find_side(error: DataError, data: JobData) -> FileParam:
    """By the name of the file that its sentences begin with."""
    train, validation = data.splits.train.path.name, data.splits.validation.path.name
    first = (*error.rows, error.message)[0]
    return "validation_file" if train != validation and first.startswith(f"{validation}:") else "training_file"


def _list_dropped(plan: Plan) -> list[str]:
    warnings = []
    for side, rows in plan.ledger.sides.items():
        if rows.dropped:
            lines = ", ".join(str(row.line) for row in rows.dropped[:DROPPED_SHOWN])
            more = ", …" if len(rows.dropped) > DROPPED_SHOWN else ""
            count = f"{len(rows.dropped)} {side} examples are longer than {plan.ledger.limit} tokens and are left out"
            warnings.append(f"{count}: lines {lines}{more}")
    return warnings
