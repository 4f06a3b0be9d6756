"""An order is appraised before anything is spent on it: planned, probed on this machine, and weighed against it."""

from __future__ import annotations

from shutil import disk_usage
from typing import TYPE_CHECKING

from luthier.errors import DiskFull
from luthier.models.architecture import read_architecture
from luthier.models.loading import load_template
from luthier.models.parameters import count_trained
from luthier.tokens.lengths import measure_lengths
from luthier.training.ledger import SideRows
from luthier.training.planning.estimate import Estimate, Need, estimate_disk, estimate_seconds
from luthier.training.planning.fitting import require_room
from luthier.training.planning.footprint import MASTER_BYTES, estimate_footprint, phrase_bytes
from luthier.training.planning.memory import find_machine
from luthier.training.planning.probe import probe_training
from luthier.training.planning.workload import count_work, count_workload, find_peak
from luthier.training.run import plan_order

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.fetch import Announce
    from luthier.training.plan import Plan
    from luthier.training.planning.footprint import Footprint
    from luthier.training.planning.probe import Probe
    from luthier.training.run import RunOrder


def appraise_order(order: RunOrder, *, runs: Path, probes: bool, announce: Announce) -> Estimate:
    """Leaves nothing behind in `runs`, where the run would write. Raises what would keep the run from starting.

    A run that cannot fit into memory is not probed, and the estimate says so.
    """
    plan, config, architecture = plan_order(order), order.config, read_architecture(order.base.folder)
    machine, free_disk = find_machine(), disk_usage(runs).free
    workload, peak = count_workload(plan, config), find_peak(plan, config)
    footprint = estimate_footprint(architecture, config, machine, tokens=peak.tokens, targets=peak.targets)
    probe = None
    if probes and footprint.total <= machine.free_bytes:
        announce("probing this machine: a few training steps, which are thrown away")
        probe = probe_training(order.base, plan, config)
    validation_tokens = count_work(plan.validation, config).computed_tokens
    trained = probe.trained_parameters if probe else count_trained(order.base.folder, config)
    saved_bytes = trained * (machine.count_number_bytes(config) if config.tuning == "full" else MASTER_BYTES)
    return Estimate(
        base=order.base.name,
        sides={**plan.ledger.sides, "test": _count_test(order, plan)},
        epochs=config.epochs,
        batch_size=config.batch_size,
        steps=plan.total_steps,
        workload=workload,
        seconds=estimate_seconds(plan, config, probe, workload=workload, validation_tokens=validation_tokens)
        if probe
        else None,
        probe=probe,
        memory=_appraise_memory(footprint, machine.free_bytes, probe),
        footprint=footprint,
        disk=Need(estimate_disk(trained, saved_bytes=saved_bytes), free_disk, is_measured=False),
        choices=order.choices,
    )


def require_resources(estimate: Estimate, order: RunOrder) -> None:
    """Raises OutOfMemory with what would fit, or DiskFull, for an order that this machine cannot bring to its end."""
    require_room(
        estimate.footprint,
        read_architecture(order.base.folder),
        order.config,
        longest=estimate.sides["train"].longest,
        machine=find_machine()._replace(free_bytes=estimate.memory.free),
    )
    if not estimate.disk.fits:
        needed, free = phrase_bytes(estimate.disk.needed), phrase_bytes(estimate.disk.free)
        raise DiskFull(
            f"the run needs up to {needed} of disk, and {free} are free in the home folder",
            hint="free some, or set LUTHIER_HOME to a folder on a larger disk",
        )


def _appraise_memory(footprint: Footprint, free: int, probe: Probe | None) -> Need:
    """A probe that had no time for the longest batch has seen a lower peak than the run will have."""
    if probe is None:
        return Need(footprint.total, free, is_measured=False)
    is_measured = probe.saw_longest and probe.peak_bytes >= footprint.total
    return Need(max(footprint.total, probe.peak_bytes), free, is_measured)


def _count_test(order: RunOrder, plan: Plan) -> SideRows:
    """Test rows are not trained on, so none is dropped or refused."""
    lengths = measure_lengths(load_template(order.base), order.splits.test.examples, limit=plan.ledger.limit)
    longest = lengths.percentiles().longest
    return SideRows(lengths.row_count, lengths.token_count, lengths.trained_count, longest)
