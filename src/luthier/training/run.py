"""A run from its examples to a registered model: planned, trained, proven and only then given its name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.conversation import fingerprint_json
from luthier.models.architecture import read_architecture
from luthier.models.digest import digest_weights
from luthier.models.fetch import silent
from luthier.models.loading import load_base, load_template, translate_memory_errors
from luthier.models.registry import find_model
from luthier.models.tuning import attach, resume_trained
from luthier.training.checkpoint import Checkpoints
from luthier.training.events import EventLog, RunStarted, Saved
from luthier.training.interrupt import catch_interrupts
from luthier.training.keeping import keep_models
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
from luthier.training.proof import record_start
from luthier.training.retention import find_kept_step, list_needed_steps, list_snapshot_steps
from luthier.training.run_record import lock_run, record_run
from luthier.training.stage import stage_weights

if TYPE_CHECKING:
    from pathlib import Path

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
    from luthier.training.proof import Start
    from luthier.training.stage import Staged

CHECKPOINT_FOLDER = "checkpoints"
STAGE = "trained"
"""Folder of a run in which the trained weights lie until they are proven."""


@dataclass(frozen=True)
class RunOrder:
    """What to train, from what, and under which name to keep the model. The test split is never looked at.

    `start` is an adapter of the base that training goes on from; its settings are those of the config. `choices` say
    where the settings came from, which is kept with the run and decides nothing.
    """

    name: str
    base: Base
    splits: Splits
    config: TrainingConfig
    is_name_made: bool = False
    choices: tuple[Choice, ...] = ()
    start: TunedModel | None = None

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

    def name_snapshot(self, step: int) -> str:
        """Of the model that the end of an epoch leaves."""
        return f"{self.name}-step-{step}"

    def describe(self) -> dict[str, Any]:
        return {
            "base": self.base.name,
            "base_weights": digest_weights(self.base.folder),
            "chat_template": load_template(self.base).hash,
            "train": self.splits.train.fingerprint,
            "validation": self.splits.validation.fingerprint,
            "config": self.config.describe(),
            **({"start": self.start.card.weights_hash} if self.start else {}),
        }


class Trainable(NamedTuple):
    """A base made trainable; `config` is what this model can follow of the settings.

    `start_hash` is that of the adapter that training goes on from, "" for a fresh start.
    """

    base: LoadedBase
    model: TrainedModel
    config: TrainingConfig
    start_hash: str = ""


class Outcome(NamedTuple):
    """What training leaves: the weights in the model and, with their proof, in the run's stages."""

    prepared: Trainable
    own: Staged
    snapshots: tuple[Staged, ...]


def execute_run(
    home: Home,
    order: RunOrder,
    *,
    plan: Plan | None = None,
    observe: Observer,
    announce: Announce = silent,
    group: Group = ALONE,
) -> TunedModel:
    """Trains from the latest checkpoint if there is one. Whatever ends it is written to the run's record.

    `plan` is the order's, from whoever has made it already. `announce` is told of rows that are left out; the run's
    ledger lists them. Every process of a group calls this; the
    main one alone locks, records, shows and registers.
    """
    group = keep_in_step(group, order.config)
    folder = home.runs / order.id
    plan = plan or plan_order(order)
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
        model = keep_models(home, order, plan, outcome, log=log, parent=run_fingerprint, announce=announce)
        group.wait()
        return model


def train_order(
    order: RunOrder, plan: Plan, folder: Path, *, observe: Observer, announce: Announce, group: Group
) -> Outcome:
    """Leaves the proven weights in the run's folder. Raises ProofFailed besides all that training raises."""
    prepared = prepare_model(order.base, order.config, start=order.start, announce=announce, group=group)
    base, model, config, _ = prepared
    _fit_layers(prepared, plan, order, announce=announce, group=group)
    with translate_memory_errors("training"), catch_interrupts() as is_stop_wanted:
        start = record_start(model, plan, template=base.template)
        items = (*plan.train, *plan.validation)
        reference = folder / REFERENCE_FILE
        checkpoints = Checkpoints(
            folder / CHECKPOINT_FOLDER,
            list_needed=lambda progress: list_needed_steps(progress, plan.steps_per_epoch, config),
        )
        objective = build_objective(prepared, items, reference_path=reference, group=group, announce=announce)
        progress = train(
            model,
            plan,
            config,
            objective=objective,
            group=group,
            checkpoints=checkpoints,
            observe=observe,
            is_stop_wanted=is_stop_wanted,
        )
        outcome = _stage_all(prepared, plan, start, checkpoints, progress=progress, folder=folder, group=group)
    outcome.own.proof.require()
    return outcome


def _stage_all(
    prepared: Trainable,
    plan: Plan,
    start: Start,
    checkpoints: Checkpoints,
    *,
    progress: Progress,
    folder: Path,
    group: Group,
) -> Outcome:
    """The run's own weights come last and stay in the model."""

    def stage(step: int, progress: Progress, name: str) -> Staged:
        return stage_weights(prepared, plan, start, step=step, progress=progress, folder=folder / name, group=group)

    snapshots = []
    for step in list_snapshot_steps(plan.steps_per_epoch, prepared.config):
        if step < progress.step:
            then = checkpoints.restore_weights(prepared.model, step)
            snapshots.append(stage(step, then, f"{STAGE}-step-{step}"))
    kept_step = find_kept_step(progress, prepared.config)
    checkpoints.restore_weights(prepared.model, kept_step)
    return Outcome(prepared, stage(kept_step, progress, STAGE), tuple(snapshots))


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
    base: Base,
    config: TrainingConfig,
    *,
    start: TunedModel | None = None,
    announce: Announce = silent,
    group: Group = ALONE,
) -> Trainable:
    """Loads the weights and makes them trainable; a fresh adapter follows from the seed alone.

    Raises StoreDamaged when the adapter to go on from is not the one that its card describes.
    """
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
    if start:
        resume_trained(model, start.folder, weights_hash=start.card.weights_hash)
    if can_share(loaded.model) and not is_in_step(group):  # the kernels keep weights, which come and go when parted
        install_kernels(model, choose_elementwise(config.compile, loaded.model.device.type))
    return Trainable(loaded, model, config, start.card.weights_hash if start else "")


def _fit_layers(prepared: Trainable, plan: Plan, order: RunOrder, *, announce: Announce, group: Group) -> None:
    """Says so where it is memory that asks for it, and not the settings."""
    machine = find_room(find_machine(), group)
    architecture = read_architecture(order.base.folder)
    count = fit_layers(prepared.base.model, plan, architecture, prepared.config, machine)
    if count and prepared.config.activation_checkpointing == "auto":
        what = f"{count} of {architecture.layers} layers are computed again in the backward pass"
        announce(f"memory is short: {what}, which takes more time and changes nothing else")


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
        if not isinstance(event, Saved):  # which the checkpoint itself says
            log.append(event)
        observe(event)

    return receive


def _ignore(event: Event) -> None:
    """Other processes than the main one show nothing."""
