"""A run from its examples to a registered model: planned, trained, proven and only then given its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier import __version__
from luthier.conversation import fingerprint_json
from luthier.models.architecture import read_architecture
from luthier.models.card import ModelCard
from luthier.models.digest import digest_weights
from luthier.models.fetch import silent
from luthier.models.loading import load_base, load_template, translate_memory_errors
from luthier.models.registry import find_model, keep_model
from luthier.models.tuning import attach, digest_trained, list_trained, save_trained
from luthier.store import catalog as kept
from luthier.store.files import replace_folder
from luthier.training.checkpoint import Checkpoints
from luthier.training.events import EventLog, RunStarted
from luthier.training.interrupt import catch_interrupts
from luthier.training.kernels.attention import adopt_attention, can_pack, can_share
from luthier.training.kernels.checkpointing import fit_layers
from luthier.training.kernels.compilation import choose_elementwise
from luthier.training.kernels.install import install_kernels
from luthier.training.ledger import write_ledger
from luthier.training.loop import train
from luthier.training.objectives.goal import build_objective
from luthier.training.objectives.reference import REFERENCE_FILE
from luthier.training.plan import plan_run
from luthier.training.planning.choices import write_choices
from luthier.training.planning.fitting import require_memory
from luthier.training.planning.memory import find_machine
from luthier.training.processes.group import ALONE
from luthier.training.processes.sharding import find_room, is_in_step, keep_in_step, spread_layers
from luthier.training.proof import prove_learning, record_start
from luthier.training.run_record import lock_run, record_run

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.dataset import Dataset
    from luthier.data.splits.split import Splits
    from luthier.models.catalog import Base
    from luthier.models.fetch import Announce
    from luthier.models.loading import LoadedBase
    from luthier.models.registry import TunedModel
    from luthier.models.tuning import TrainedModel
    from luthier.store.home import Home
    from luthier.training.checkpoint import Progress
    from luthier.training.config import TrainingConfig
    from luthier.training.events import Event, Observer
    from luthier.training.plan import Plan
    from luthier.training.planning.choices import Choice
    from luthier.training.processes.group import Group
    from luthier.training.proof import Proof

STAGE = "trained"
"""Folder of a run in which the trained weights lie until they are proven."""


@dataclass(frozen=True)
class RunOrder:
    """What to train, from what, and under which name to keep the model. The test split is never looked at.

    `choices` say where the settings came from, which is kept with the run and decides nothing.
    """

    name: str
    base: Base
    splits: Splits
    config: TrainingConfig
    is_name_made: bool = False
    choices: tuple[Choice, ...] = ()

    @property
    def id(self) -> str:
        """Equal orders have equal ids, so the same command finds its own unfinished run again.

        A name that nobody asked for does not count: it may change when another model takes it.
        """
        return "run-" + fingerprint_json(["" if self.is_name_made else self.name, self.identity])[:12]

    @cached_property
    def identity(self) -> str:
        """What the weights follow from: two runs of one identity train the same model."""
        return fingerprint_json(self.describe())

    def describe(self) -> dict[str, Any]:
        return {
            "base": self.base.name,
            "base_weights": digest_weights(self.base.folder),
            "chat_template": load_template(self.base).hash,
            "train": self.splits.train.fingerprint,
            "validation": self.splits.validation.fingerprint,
            "config": self.config.describe(),
        }


class Trainable(NamedTuple):
    """A base made trainable; `config` is what this model can follow of the settings."""

    base: LoadedBase
    model: TrainedModel
    config: TrainingConfig


class Outcome(NamedTuple):
    """What training leaves: the weights in the model and, with their proof, in the run's stage."""

    prepared: Trainable
    progress: Progress
    proof: Proof


def execute_run(
    home: Home, order: RunOrder, *, observe: Observer, announce: Announce = silent, group: Group = ALONE
) -> TunedModel:
    """Trains from the latest checkpoint if there is one. Whatever ends it is written to the run's record.

    `announce` is told of rows that are left out; the run's ledger lists them. Every process of a group calls this; the
    main one alone locks, records, shows and registers.
    """
    group = keep_in_step(group, order.config)
    folder = home.runs / order.id
    plan = plan_order(order)
    require_memory(plan, read_architecture(order.base.folder), order.config, find_room(find_machine(), group))
    if not group.is_main:
        train_order(order, plan, folder, observe=_ignore, announce=silent, group=group)
        group.wait()
        return find_model(home, order.name)
    _announce_dropped(order, plan, announce)
    with lock_run(home, order.id), record_run(home, order, plan) as run_fingerprint:
        write_ledger(plan.ledger, folder)
        write_choices(order.choices, folder)
        log = EventLog(folder / "metrics.jsonl")
        outcome = train_order(order, plan, folder, observe=_log_and_show(log, observe), announce=announce, group=group)
        card = _write_card(order, plan, outcome, metrics=summarise_run(log, plan, outcome))
        model = keep_model(home, card, lambda fresh: _move_files(folder / STAGE, fresh), parent=run_fingerprint)
        group.wait()
        return model


def train_order(
    order: RunOrder, plan: Plan, folder: Path, *, observe: Observer, announce: Announce, group: Group
) -> Outcome:
    """Leaves the proven weights in the run's folder. Raises ProofFailed besides all that training raises."""
    prepared = prepare_model(order.base, order.config, announce=announce, group=group)
    base, model, config = prepared
    _fit_layers(prepared, plan, order, announce=announce, group=group)
    with translate_memory_errors("training"), catch_interrupts() as is_stop_wanted:
        start = record_start(model, plan, template=base.template)
        items = (*plan.train, *plan.validation)
        reference = folder / REFERENCE_FILE
        objective = build_objective(prepared, items, reference_path=reference, group=group, announce=announce)
        progress = train(
            model,
            plan,
            config,
            objective=objective,
            group=group,
            checkpoints=Checkpoints(folder / "checkpoints"),
            observe=observe,
            is_stop_wanted=is_stop_wanted,
        )
        if group.is_main:
            with replace_folder(folder / STAGE) as fresh:
                save_trained(model, fresh, base=base)
        group.wait()
        proof = prove_learning(model, plan, start, template=base.template, folder=folder / STAGE)
        group.wait()  # until all have read what the main process will move away
    proof.require()
    return Outcome(prepared, progress, proof)


def plan_order(order: RunOrder) -> Plan:
    """Raises DataError or one of its kinds before any weight is loaded."""
    return plan_run(
        load_template(order.base),
        order.splits.train,
        order.splits.validation,
        order.config,
        context_length=read_architecture(order.base.folder).context_length,
    )


def prepare_model(
    base: Base, config: TrainingConfig, *, announce: Announce = silent, group: Group = ALONE
) -> Trainable:
    """Loads the weights and makes them trainable; a fresh adapter follows from the seed alone."""
    loaded = load_base(
        base,
        precision=config.precision,
        is_quantised=config.tuning == "qlora",
        stays_on_cpu=is_in_step(group),
        announce=announce,
    )
    spread_layers(loaded.model, group)
    adopt_attention(loaded.model)
    if not can_pack(loaded.model):
        announce(f"{base.name} cannot keep packed rows apart, so they are computed one at a time, which is slower")
        config = config.model_copy(update={"micro_batch_tokens": 1})
    elif not can_share(loaded.model):
        announce(f"the attention of {base.name} knows no branches, so what rows begin with alike is computed for each")
    model = attach(loaded, config, seed=config.seed)
    if can_share(loaded.model) and not is_in_step(group):  # the kernels keep weights, which come and go when parted
        install_kernels(model, choose_elementwise(config.compile, loaded.model.device.type))
    return Trainable(loaded, model, config)


def _fit_layers(prepared: Trainable, plan: Plan, order: RunOrder, *, announce: Announce, group: Group) -> None:
    """Says so where it is memory that asks for it, and not the settings."""
    machine = find_room(find_machine(), group)
    architecture = read_architecture(order.base.folder)
    count = fit_layers(prepared.base.model, plan, architecture, prepared.config, machine)
    if count and prepared.config.activation_checkpointing == "auto":
        what = f"{count} of {architecture.layers} layers are computed again in the backward pass"
        announce(f"memory is short: {what}, which takes more time and changes nothing else")


def find_finished(home: Home, order: RunOrder) -> TunedModel | None:
    """The model that this very order has made before, if it has."""
    made = [record for record in kept.list_models(home.database) if record.run_id == order.id]
    return find_model(home, made[0].name) if made else None


def summarise_run(log: EventLog, plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """`training_loss` is the mean over the last epoch's steps; what validation found is of the step that was kept."""
    rows, progress = log.read(), outcome.progress
    losses = [row["loss"] for row in rows if row["event"] == "step"][-plan.steps_per_epoch :]
    kept_step = [row for row in rows if row["event"] == "validation" and row["step"] == progress.best_step]
    return {
        "training_loss": sum(losses) / len(losses),
        "validation_loss": progress.best_loss,
        **kept_step[-1]["metrics"],
        "best_step": progress.best_step,
        "steps": progress.step,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "tokens_per_second": progress.tokens / progress.seconds,
        "trainable_parameters": sum(parameter.numel() for parameter in list_trained(outcome.prepared.model)),
    }


def find_common_system_prompt(dataset: Dataset) -> str:
    """The system prompt that every example begins with; empty when they differ or have none."""
    first_messages = {example.conversation.messages[0] for example in dataset.examples}
    first = first_messages.pop()
    return first.content if not first_messages and first.role == "system" else ""


def _write_card(order: RunOrder, plan: Plan, outcome: Outcome, *, metrics: dict[str, Any]) -> ModelCard:
    base = outcome.prepared.base
    return ModelCard(
        name=order.name,
        base=base.name,
        base_weights_hash=base.weights_hash,
        weights_hash=digest_trained(outcome.prepared.model),
        template_hash=base.template.hash,
        system_prompt=find_common_system_prompt(plan.train_rows),
        data=order.splits.train.manifest(),
        rows=plan.ledger.summarise(),
        config=order.config.model_dump(mode="json"),
        metrics=metrics,
        proof=outcome.proof.to_json(),
        run=order.id,
        luthier_version=__version__,
        created_at=datetime.now(UTC),
        trained_on=frozenset(example.prompt_fingerprint for example in plan.train_rows.examples),
    )


def _announce_dropped(order: RunOrder, plan: Plan, announce: Announce) -> None:
    for side, rows in plan.ledger.sides.items():
        if rows.dropped:
            total = rows.rows + len(rows.dropped)
            text = f"left out {len(rows.dropped)} of {total} {side} rows, longer than {plan.ledger.limit} tokens"
            announce(f"{text}; `luthier show {order.id}` lists them")


def _log_and_show(log: EventLog, observe: Observer) -> Observer:
    def receive(event: Event) -> None:
        if isinstance(event, RunStarted):
            log.rewind(event.step)
        log.append(event)
        observe(event)

    return receive


def _ignore(event: Event) -> None:
    """Other processes than the main one show nothing."""


def _move_files(source: Path, target: Path) -> None:
    for path in source.iterdir():
        path.rename(target / path.name)
