"""All that was found out about a candidate and its baseline, as one thing that every gate can look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luthier.evaluation.canaries import CanaryFindings
    from luthier.evaluation.compare import Comparison
    from luthier.evaluation.contamination import Contamination
    from luthier.evaluation.costs import Cost
    from luthier.evaluation.effects import Effect
    from luthier.evaluation.forgetting.finding import Forgetting
    from luthier.evaluation.formats import FormatCheck
    from luthier.evaluation.gates.settings import GateSettings, MeasuredKey
    from luthier.evaluation.judging.agreement import JudgeAgreement
    from luthier.evaluation.latency import Latency
    from luthier.evaluation.memory import MemoryProbe
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.uses import TestUses


@dataclass(frozen=True)
class Findings:
    """What was measured besides the answers to the test. `latency` and `costs` hold one of each model at most, `judges`
    one for each judge that decides anything: the primary grader first, then guardrails.

    `unmeasured` says of what is missing why, by the key of its gate.
    """

    forgetting: Forgetting | None = None
    contamination: Contamination | None = None
    memory: MemoryProbe | None = None
    canaries: CanaryFindings | None = None
    judges: tuple[JudgeAgreement, ...] = ()
    latency: tuple[Latency, ...] = ()
    costs: tuple[Cost, ...] = ()
    uses: TestUses | None = None
    format: FormatCheck | None = None
    unmeasured: Mapping[str, str] = field(default_factory=dict)

    def find_latency(self, model: str) -> Latency | None:
        return next((each for each in self.latency if each.model == model), None)

    def find_cost(self, model: str) -> Cost | None:
        return next((each for each in self.costs if each.model == model), None)

    def explain_absence(self, key: MeasuredKey) -> str:
        return self.unmeasured.get(key, "not asked for")


NO_FINDINGS = Findings()


@dataclass(frozen=True)
class Evidence:
    """`comparison` is that of the two results."""

    baseline: ModelResult
    candidate: ModelResult
    comparison: Comparison
    findings: Findings = NO_FINDINGS

    def choose_primary(self, settings: GateSettings) -> Effect:
        """What the gain is measured in. A grader that knows no degrees scores as it passes."""
        if settings.primary == "score" and self.comparison.score is not None:
            return self.comparison.score
        return self.comparison.primary
