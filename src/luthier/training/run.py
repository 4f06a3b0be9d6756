"""A run from its examples to a registered model: planned, locked against a second process, resumable, recorded."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from luthier import __version__
from luthier.conversation import fingerprint_json
from luthier.data.catalog import keep_splits
from luthier.errors import LuthierError, RunInterrupted, RunNotResumable
from luthier.models.architecture import read_architecture
from luthier.models.card import ModelCard
from luthier.models.digest import digest_weights
from luthier.models.fetch import silent
from luthier.models.loading import load_base, load_template, translate_memory_errors
from luthier.models.lora import attach_adapter, get_adapter_state, save_adapter
from luthier.models.registry import find_model, keep_model
from luthier.store import catalog as kept
from luthier.store.locks import hold_lock
from luthier.training.attention import can_pack, choose_attention
from luthier.training.checkpoint import Checkpoints
from luthier.training.events import EventLog, RunStarted
from luthier.training.interrupt import catch_interrupts
from luthier.training.ledger import write_ledger
from luthier.training.loop import train_adapter
from luthier.training.memory import find_free_memory
from luthier.training.plan import plan_run, require_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peft import PeftModel

    from luthier.data.dataset import Dataset
    from luthier.data.splits.split import Splits
    from luthier.models.catalog import Base
    from luthier.models.fetch import Announce
    from luthier.models.loading import LoadedBase
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home
    from luthier.training.checkpoint import Progress
    from luthier.training.config import TrainingConfig
    from luthier.training.events import Event, Observer
    from luthier.training.plan import Plan


@dataclass(frozen=True)
class RunOrder:
    """What to train, from what, and under which name to keep the model. The test split is never looked at."""

    name: str
    base: Base
    splits: Splits
    config: TrainingConfig
    is_name_made: bool = False

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
    """A base with its adapter attached; `config` is what this model can follow of the settings."""

    base: LoadedBase
    model: PeftModel
    config: TrainingConfig


def execute_run(home: Home, order: RunOrder, *, observe: Observer, announce: Announce = silent) -> TunedModel:
    """Trains from the latest checkpoint if there is one. Whatever ends it is written to the run's record.

    `announce` is told of rows that are left out; the run's ledger lists them.
    """
    folder = home.runs / order.id
    plan = plan_order(order)
    architecture = read_architecture(order.base.folder)
    require_memory(plan, architecture, order.config, available_bytes=find_free_memory())
    _announce_dropped(order, plan, announce)
    with _lock(home, order), _record(home, order, plan) as run_fingerprint:
        write_ledger(plan.ledger, folder)
        log = EventLog(folder / "metrics.jsonl")
        base, model, config = prepare_model(order.base, order.config)
        with translate_memory_errors("training"), catch_interrupts() as is_stop_wanted:
            progress = train_adapter(
                model,
                plan,
                config,
                checkpoints=Checkpoints(folder / "checkpoints"),
                observe=_log_and_show(log, observe),
                is_stop_wanted=is_stop_wanted,
            )
        card = _write_card(order, plan, base, model, metrics=summarise_run(log, plan, progress, model))
        return keep_model(home, card, lambda fresh: save_adapter(model, fresh, base=base.name), parent=run_fingerprint)


def plan_order(order: RunOrder) -> Plan:
    """Raises DataError or one of its kinds before any weight is loaded."""
    return plan_run(
        load_template(order.base),
        order.splits.train,
        order.splits.validation,
        order.config,
        context_length=read_architecture(order.base.folder).context_length,
    )


def prepare_model(base: Base, config: TrainingConfig) -> Trainable:
    """Loads the weights and attaches a fresh adapter, which follows from the seed alone."""
    loaded = load_base(base, precision=config.precision)
    loaded.model.set_attn_implementation(choose_attention(loaded.model.config))
    if not can_pack(loaded.model):
        config = config.model_copy(update={"micro_batch_tokens": 1})  # one example at a time
    return Trainable(loaded, attach_adapter(loaded.model, config, seed=config.seed), config)


def find_finished(home: Home, order: RunOrder) -> TunedModel | None:
    """The model that this very order has made before, if it has."""
    made = [record for record in kept.list_models(home.database) if record.run_id == order.id]
    return find_model(home, made[0].name) if made else None


def summarise_run(log: EventLog, plan: Plan, progress: Progress, model: PeftModel) -> dict[str, Any]:
    """`training_loss` is the mean over the last epoch's steps; `validation_loss` is that of the step that was kept."""
    losses = [row["loss"] for row in log.read() if row["event"] == "step"][-plan.steps_per_epoch :]
    return {
        "training_loss": sum(losses) / len(losses),
        "validation_loss": progress.best_loss,
        "best_step": progress.best_step,
        "steps": progress.step,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "tokens_per_second": progress.tokens / progress.seconds,
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }


def find_common_system_prompt(dataset: Dataset) -> str:
    """The system prompt that every example begins with; empty when they differ or have none."""
    first_messages = {example.conversation.messages[0] for example in dataset.examples}
    first = first_messages.pop()
    return first.content if not first_messages and first.role == "system" else ""


def _write_card(
    order: RunOrder, plan: Plan, base: LoadedBase, model: PeftModel, *, metrics: dict[str, Any]
) -> ModelCard:
    return ModelCard(
        name=order.name,
        base=base.name,
        base_weights_hash=base.weights_hash,
        weights_hash=_digest_adapter(model),
        template_hash=base.template.hash,
        system_prompt=find_common_system_prompt(plan.train_rows),
        data=order.splits.train.manifest(),
        rows=plan.ledger.summarise(),
        config=order.config.model_dump(mode="json"),
        metrics=metrics,
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


def _digest_adapter(model: PeftModel) -> str:
    digest = sha256()
    for name, tensor in sorted(get_adapter_state(model).items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _log_and_show(log: EventLog, observe: Observer) -> Observer:
    def receive(event: Event) -> None:
        if isinstance(event, RunStarted):
            log.rewind(event.step)
        log.append(event)
        observe(event)

    return receive


@contextmanager
def _lock(home: Home, order: RunOrder) -> Iterator[None]:
    """Raises RunNotResumable when another process is at this run. Even kill -9 frees the lock."""
    path = home.lock_of(order.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = hold_lock(path, waits=False)
    except BlockingIOError as error:
        hint = "wait for it, or stop it with Ctrl-C"
        raise RunNotResumable(f"{order.id} is being trained by another process", hint=hint) from error
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def _record(home: Home, order: RunOrder, plan: Plan) -> Iterator[str]:
    """Yields the run's fingerprint. Its row says running, then how it ended; after a kill, running stays."""
    fingerprint = kept.keep_artefact(
        home.database,
        kind="run",
        name=order.id,
        manifest={"run": order.id, **order.describe(), "rows": plan.ledger.summarise()},
        parents=[keep_splits(home, order.splits)],
    )
    kept.start_run(
        home.database,
        id=order.id,
        name=order.name,
        base=order.base.name,
        config=order.config.model_dump(mode="json"),
        dataset_fingerprint=order.splits.train.fingerprint,
    )
    try:
        yield fingerprint
    except RunInterrupted as error:
        kept.end_run(home.database, order.id, status="interrupted", error=error.message)
        raise
    except LuthierError as error:
        kept.end_run(home.database, order.id, status="failed", error=error.message)
        raise
    kept.end_run(home.database, order.id, status="succeeded", model_name=order.name)
