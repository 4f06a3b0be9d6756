"""An order is appraised before anything is spent on it: planned, probed on this machine, and priced elsewhere."""

from __future__ import annotations

from shutil import disk_usage
from typing import TYPE_CHECKING

from luthier.data.prices import price_job
from luthier.models.architecture import read_architecture
from luthier.models.loading import load_template
from luthier.models.lora import count_adapter_parameters
from luthier.tokens.lengths import measure_lengths
from luthier.training.estimate import Estimate, Need, estimate_disk, estimate_seconds
from luthier.training.ledger import SideRows
from luthier.training.memory import find_free_memory
from luthier.training.plan import estimate_memory
from luthier.training.probe import probe_training
from luthier.training.run import plan_order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from luthier.data.prices import Price
    from luthier.models.fetch import Announce
    from luthier.training.plan import Plan
    from luthier.training.probe import Probe
    from luthier.training.run import RunOrder


def appraise_order(
    order: RunOrder, *, runs: Path, prices: Sequence[Price], today: date, probes: bool, announce: Announce
) -> Estimate:
    """Leaves nothing behind in `runs`, where the run would write. Raises what would keep the run from starting.

    A base that cannot fit into memory is not probed, and the estimate says so.
    """
    plan = plan_order(order)
    free_memory, free_disk = find_free_memory(), disk_usage(runs).free
    least = estimate_memory(plan, read_architecture(order.base.folder), order.config)
    probe = None
    if probes and least <= free_memory:
        announce("probing this machine: a few training steps, which are thrown away")
        probe = probe_training(order.base, plan, order.config)
    parameters = probe.trainable_parameters if probe else count_adapter_parameters(order.base.folder, order.config)
    epochs = order.config.epochs
    return Estimate(
        base=order.base.name,
        sides={**plan.ledger.sides, "test": _count_test(order, plan)},
        epochs=epochs,
        batch_size=order.config.batch_size,
        steps=plan.total_steps,
        seconds=estimate_seconds(plan, order.config, probe) if probe else None,
        probe=probe,
        memory=_appraise_memory(least, free_memory, probe),
        disk=Need(estimate_disk(parameters), free_disk, is_measured=False),
        prices=price_job(
            prices,
            training_tokens=plan.ledger.train.tokens * epochs,
            validation_tokens=plan.ledger.validation.tokens,
            today=today,
        ),
    )


def _appraise_memory(least: int, free: int, probe: Probe | None) -> Need:
    """A probe that had no time for the longest batch has seen a lower peak than the run will have."""
    if probe is None:
        return Need(least, free, is_measured=False)
    return Need(max(least, probe.peak_bytes), free, is_measured=probe.saw_longest and probe.peak_bytes >= least)


def _count_test(order: RunOrder, plan: Plan) -> SideRows:
    """Test rows are not trained on, so none is dropped or refused."""
    lengths = measure_lengths(load_template(order.base), order.splits.test.examples, limit=plan.ledger.limit)
    longest = lengths.percentiles().longest
    return SideRows(lengths.row_count, lengths.token_count, lengths.trained_count, longest)
