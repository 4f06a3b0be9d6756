"""How many cases would settle what these ones leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.evaluation.wording import phrase_points
from luthier.stats.power import cases_needed

if TYPE_CHECKING:
    from luthier.evaluation.gates.evidence import Evidence
    from luthier.evaluation.gates.settings import GateSettings


def phrase_cases_needed(evidence: Evidence, settings: GateSettings) -> str:
    """If the truth were what was measured, or else what is wanted; counted in cases that pass."""
    comparison = evidence.comparison
    gain = max(comparison.difference, settings.wanted_gain)
    broken_fraction = comparison.broken / comparison.total
    if gain > 1 - 2 * broken_fraction:
        return "many more cases would be needed, for too many break"
    needed = max(cases_needed(gain, broken_fraction=broken_fraction), settings.fewest_cases)
    return f"about {needed} cases would be needed to see a gain of {phrase_points(gain)}"
