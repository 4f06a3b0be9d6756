"""The time of a single answer, measured once for the same weights and questions and kept, so that a report stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from luthier.conversation import fingerprint_json
from luthier.engine.remote.address import is_remote
from luthier.evaluation.latency import Latency, measure_latency
from luthier.evaluation.runner import describe_conditions
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.pipeline.evaluating.occasion import Occasion

LATENCIES = TypeAdapter(tuple[Latency, ...])


def time_answers(occasion: Occasion) -> tuple[Latency, ...]:
    """Empty unless it is wanted, which of hosted models it has to be in so many words: each question costs."""
    wanted = occasion.plan.measures_latency
    is_usual = occasion.is_comparison and not any(is_remote(each.model) for each in occasion.contestants)
    if wanted is False or (wanted is None and not is_usual):
        return ()
    path = find_place(occasion)
    kept = None if wanted else read_kept(path)
    if kept is not None:
        return kept
    occasion.progress.announce("timing single answers")
    measured = measure_latency(occasion.contestants, occasion.task)
    write_atomic(path, json.dumps(LATENCIES.dump_python(measured, mode="json")))
    return measured


def find_place(occasion: Occasion) -> Path:
    conditions = [
        describe_conditions(each.engine, each.engine.identify(each.model), occasion.task)
        for each in occasion.contestants
    ]
    named = [[each.model, each.weights_hash, each.template_hash, each.engine, each.cases_hash] for each in conditions]
    structure = occasion.task.structure
    key = fingerprint_json(
        {
            "models": named,
            "sampling": occasion.task.sampling.model_dump(mode="json"),
            "structure": [structure.kind, structure.value] if structure else None,
        }
    )
    return occasion.home.path / "latencies" / f"{key}.json"


def read_kept(path: Path) -> tuple[Latency, ...] | None:
    try:
        return LATENCIES.validate_python(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, ValidationError):
        return None
