"""Proven weights of a run become registered models: each with its card, and the run's own name last."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier import __version__
from luthier.data.likeness.imprint import read_imprints, take_imprint, write_imprints
from luthier.errors import StoreDamaged
from luthier.models.card import TRAINED_ON_FILE, ModelCard, read_card
from luthier.models.registry import find_model, keep_model
from luthier.models.tuning import list_trained
from luthier.store import catalog as kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from luthier.data.dataset import Dataset
    from luthier.data.likeness.imprint import Imprint
    from luthier.models.fetch import Announce
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home
    from luthier.training.events import EventLog
    from luthier.training.plan import Plan
    from luthier.training.run import Outcome, RunOrder
    from luthier.training.stage import Staged


class RunModels(NamedTuple):
    """What a run has made: its model, and those that epochs before the last one left, the earliest first."""

    own: TunedModel
    snapshots: tuple[TunedModel, ...]


def keep_models(
    home: Home, order: RunOrder, plan: Plan, outcome: Outcome, *, log: EventLog, parent: str, announce: Announce
) -> TunedModel:
    """The run's own model, which stands for all of them: a run whose own is there has kept the others before.

    `parent` is the run's fingerprint. A snapshot that proves nothing is left out.
    """
    rows = plan.train_rows
    imprints = [take_imprint(rows.examples, rows.name), *read_imprints_before(order)]
    for staged in outcome.snapshots:
        if flaw := staged.proof.find_flaw():
            announce(f"step {staged.step} leaves no model: {flaw.detail}")
        else:
            card = _write_card(order, plan, outcome, staged, log=log, is_snapshot=True)
            _keep(home, card, staged, imprints, parent=parent)
    card = _write_card(order, plan, outcome, outcome.own, log=log, is_snapshot=False)
    return _keep(home, card, outcome.own, imprints, parent=parent)


def find_run_models(home: Home, order: RunOrder) -> RunModels | None:
    """What this very order has made before, if it has come to its end."""
    made = [find_model(home, each.name) for each in kept.list_models(home.database) if each.run_id == order.id]
    own = [model for model in made if model.card.snapshot_step is None]
    snapshots = sorted((model for model in made if model.card.snapshot_step), key=_find_snapshot_step)
    return RunModels(own[0], tuple(snapshots)) if own else None


def find_finished(home: Home, order: RunOrder) -> TunedModel | None:
    """The model that this very order has made before, if it has."""
    found = find_run_models(home, order)
    return found.own if found else None


def summarise_run(log: EventLog, plan: Plan, outcome: Outcome, staged: Staged) -> dict[str, Any]:
    """`training_loss` is the mean over the last epoch's steps; what validation found is of the step that was kept."""
    progress = staged.progress
    rows = [row for row in log.read() if row["step"] <= progress.step]
    losses = [row["loss"] for row in rows if row["event"] == "step"][-plan.steps_per_epoch :]
    judged = [row for row in rows if row["event"] == "validation" and row["step"] == staged.step][-1:]
    return {
        "training_loss": sum(losses) / len(losses),
        **{name: value for row in judged for name, value in _list_judgement(row).items()},
        "best_step": staged.step,
        "steps": progress.step,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "tokens_per_second": progress.tokens / progress.seconds,
        "trainable_parameters": sum(parameter.numel() for parameter in list_trained(outcome.prepared.model)),
    }


def read_imprints_before(order: RunOrder) -> list[Imprint]:
    """Of the rows that the model knew before: those of the adapter it goes on from, and of a base tuned as a whole.

    What is damaged is left out: it must not keep weights from their name.
    """
    imprints: list[Imprint] = []
    for folder in _list_folders_before(order):
        with suppress(StoreDamaged):
            imprints += read_imprints(folder)
    return imprints


def find_common_system_prompt(dataset: Dataset) -> str:
    """The system prompt that every example begins with; empty when they differ or have none."""
    first_messages = {example.conversation.messages[0] for example in dataset.examples}
    first = first_messages.pop()
    return first.content if not first_messages and first.role == "system" else ""


def _list_judgement(row: dict[str, Any]) -> dict[str, float]:
    return {"validation_loss": row["loss"], **row["metrics"]}


def _find_snapshot_step(model: TunedModel) -> int:
    return model.card.snapshot_step or 0


def _write_card(
    order: RunOrder, plan: Plan, outcome: Outcome, staged: Staged, *, log: EventLog, is_snapshot: bool
) -> ModelCard:
    base = outcome.prepared.base
    return ModelCard(
        name=order.name_snapshot(staged.step) if is_snapshot else order.name,
        base=base.name,
        base_weights_hash=base.weights_hash,
        weights_hash=staged.weights_hash,
        template_hash=base.template.hash,
        system_prompt=find_common_system_prompt(plan.train_rows),
        data=order.splits.train.manifest(),
        rows=plan.ledger.summarise(),
        config=order.config.model_dump(mode="json"),
        metrics=summarise_run(log, plan, outcome, staged),
        proof=staged.proof.to_json(),
        run=order.id,
        snapshot_step=staged.step if is_snapshot else None,
        luthier_version=__version__,
        created_at=datetime.now(UTC),
        trained_on=_collect_prompts(order, plan),
    )


def _collect_prompts(order: RunOrder, plan: Plan) -> frozenset[str]:
    """Of all rows that the weights have learned from: those of this run, and of the runs that it stands on."""
    before = [read_card(folder).trained_on for folder in _list_folders_before(order)]
    return frozenset(example.prompt_fingerprint for example in plan.train_rows.examples).union(*before)


def _list_folders_before(order: RunOrder) -> list[Path]:
    """Of the registered models that training goes on from."""
    folders = [order.start.folder] if order.start else []
    return [*folders, order.base.folder] if (order.base.folder / TRAINED_ON_FILE).exists() else folders


def _keep(home: Home, card: ModelCard, staged: Staged, imprints: Sequence[Imprint], *, parent: str) -> TunedModel:
    def write(fresh: Path) -> None:
        _move_files(staged.folder, fresh)
        write_imprints(imprints, fresh)

    return keep_model(home, card, write, parent=parent)


def _move_files(source: Path, target: Path) -> None:
    for path in source.iterdir():
        path.rename(target / path.name)
