"""The kept reports on one test go in, how many candidates it has judged comes out, and whether that is too many.

A use is one candidate: its weights, and how it is asked. Measuring it again, with another grader too, is a rerun; a
baseline is not chosen by the test and does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luthier.conversation import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luthier.evaluation.result import EvalManifest
    from luthier.store.catalog import Artefact

MANY_USES = 10

CHANCE = 0.025
"""That one candidate which is no better looks better, at a two-sided p of 0.05."""


@dataclass(frozen=True, slots=True)
class TestUse:
    """`used_at` is the day of the first report on this candidate; `decision` is that of the latest, or ""."""

    model: str
    weights_hash: str
    used_at: str
    decision: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class TestUses:
    """`number` counts this candidate; `earlier` are the other ones, the first judged first."""

    model: str
    number: int
    is_rerun: bool
    is_final: bool
    earlier: tuple[TestUse, ...]

    @property
    def final(self) -> TestUse | None:
        """The locked last use of this test, where it belonged to another candidate."""
        return next((use for use in self.earlier if use.is_final), None)

    @property
    def chance(self) -> float:
        """That at least one of so many candidates looks better by luck alone."""
        return 1 - (1 - CHANCE) ** self.number

    @property
    def warning(self) -> str:
        """A sentence; "" for the first candidate that a test judges."""
        if self.final is not None:
            return (
                f"this test had its final use on {self.final.used_at}, for {self.final.model}: what it says about "
                f"{self.model} is no final word; keep new rows for that."
            )
        if not self.earlier:
            return ""
        so_far = f"this test has now judged {self.number} candidates"
        luck = f"the chance that luck alone makes one of them look better is up to {100 * self.chance:.0f}%"
        advice = "; keep new rows for the last decision" if self.number > MANY_USES or self.is_final else ""
        return f"{so_far}, and {luck}{advice}."


def count_uses(reports: Iterable[Artefact], candidate: EvalManifest, *, is_final: bool = False) -> TestUses:
    """`reports` are the latest first, as the store lists them; those on other tests do not count."""
    own = _identify(_describe(candidate))
    uses: dict[str, TestUse] = {}
    for report in reversed([*reports]):
        judged = _find_candidate(report.manifest)
        if judged is None or judged["data_fingerprint"] != candidate.data_fingerprint:
            continue
        former = uses.get(key := _identify(judged))
        decision = (report.manifest["verdict"] or {}).get("decision", "")
        uses[key] = TestUse(
            model=former.model if former else judged["model"],
            weights_hash=judged["weights_hash"],
            used_at=former.used_at if former else f"{report.created_at:%Y-%m-%d}",
            decision=decision,
            is_final=bool(report.manifest.get("final")) or bool(former and former.is_final),
        )
    is_rerun = own in uses
    earlier = tuple(use for key, use in uses.items() if key != own)
    return TestUses(candidate.model, len(earlier) + 1, is_rerun, is_final, earlier)


def _find_candidate(manifest: dict[str, Any]) -> dict[str, Any] | None:
    """The conditions under which the report's candidate was measured; None for what this test did not choose: an
    untuned base that was measured alone, or pairs of answers that were put in order.

    Earlier reports do not name their candidate: it is the last of their models.
    """
    measured = manifest["manifests"]
    name = manifest.get("candidate") or next(reversed(measured))
    judged: dict[str, Any] = measured[name]
    is_alone = len(measured) == 1
    if "sampling" not in judged or (is_alone and judged["model"] == judged["base"]):
        return None
    return judged


def _describe(manifest: EvalManifest) -> dict[str, Any]:
    structure = manifest.structure
    return {
        "weights_hash": manifest.weights_hash,
        "template_hash": manifest.template_hash,
        "sampling": manifest.sampling.model_dump(mode="json"),
        "structure": {"kind": structure.kind, "value": structure.value} if structure else None,
    }


def _identify(described: dict[str, Any]) -> str:
    return canonical_json([described.get(key) for key in ("weights_hash", "template_hash", "sampling", "structure")])
