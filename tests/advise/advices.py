"""Advice as the shop's ladder gives it, for what shows and keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.advise.advice import Advice, Library
from luthier.advise.break_even import Economics, reckon_break_even
from luthier.advise.ladder import Climb, climb
from luthier.advise.recommendation import Needs
from luthier.advise.retrieval.corpus import UnreadFile, read_corpus
from luthier.advise.workshop import Workshop
from luthier.evaluation.costs import Cost
from luthier.evaluation.latency import Latency, Spread
from tests.advise.shop import build_row, build_workshop, write_documents

if TYPE_CHECKING:
    from pathlib import Path


def build_advice(
    folder: Path,
    *,
    target: float = 0.8,
    takes_all: bool = True,
    needs: Needs | None = None,
    workshop: Workshop | None = None,
) -> Advice:
    """Of a machine at 36 dollars an hour, on which each answer takes half a second."""
    corpus = read_corpus(write_documents(folder))
    shop = workshop or build_workshop(corpus=corpus)
    ascent = climb(shop.plan(["clerk"], "clerk"), shop.materials.task, Climb(target, takes_all=takes_all))
    spread = Spread(0.5, 0.4, 0.6)
    latencies = {step.name: Latency(step.name, 4, spread, spread, 10.0) for step in ascent.steps}
    costs = {step.name: Cost(step.name, 5.0, "half a second") for step in ascent.steps}
    economics = Economics(machine_dollars_per_hour=36.0, training_seconds=100.0)
    return Advice(
        task=shop.materials.task,
        frozen_at="splits/shop",
        train_rows=40,
        good_rows=40,
        needs=needs or Needs(target),
        steps=ascent.steps,
        skipped=ascent.skipped,
        latencies=latencies,
        costs=costs,
        break_evens=reckon_break_even(ascent.steps, costs, economics).break_evens,
        library=Library(
            "shop", len(corpus.documents), len(corpus.passages), (UnreadFile("a.pdf", ".pdf is not read"),), "f"
        ),
        recall=shop.measure_recall(),
    )


def build_copying_advice(folder: Path) -> Advice:
    """One row of the test stands with its answer among the documents."""
    row = build_row(3).conversation
    write_documents(folder)
    (folder / "notes.md").write_text(f"# Old tests\n\n{row.prompt[-1].content} {row.answer.content}\n")
    return build_advice(folder, workshop=build_workshop(corpus=read_corpus(folder)))
