"""Two models at one engine, and what is kept of them from before: every measurement is made here, or found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from luthier.conversation import fingerprint_json
from luthier.evaluation.cache import OutputCache
from luthier.evaluation.forgetting.answers import ask_models
from luthier.evaluation.forgetting.cloze import GapScores, count_ends, score_gaps
from luthier.evaluation.forgetting.drift import Drift, measure_drift, measure_task_drift
from luthier.evaluation.forgetting.kept import ScoreCache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from luthier.conversation import Conversation
    from luthier.engine.protocol import Engine, ModelIdentity, Surveyor
    from luthier.evaluation.forgetting.behaviour import Said
    from luthier.evaluation.forgetting.material import Gap

Scores = TypeVar("Scores")


@dataclass(frozen=True)
class Session:
    """`engine` and `surveyor` are the same one. `models` are the baseline and the candidate; without a `folder` nothing
    is kept. `on_progress` is called with the items done since the last call."""

    engine: Engine
    surveyor: Surveyor
    models: tuple[ModelIdentity, ModelIdentity]
    folder: Path | None
    on_progress: Callable[[int], None]

    @property
    def names(self) -> tuple[str, str]:
        return self.models[0].name, self.models[1].name

    def drift_on(self, texts: Sequence[str]) -> Drift:
        def measure() -> Drift:
            return measure_drift(self.surveyor, self.names, texts, on_progress=self.on_progress)

        return self.recall(Drift, self.models, fingerprint_json(texts), steps=len(texts), measure=measure)

    def drift_on_prompts(self, prompts: Sequence[Conversation]) -> Drift:
        def measure() -> Drift:
            return measure_task_drift(self.surveyor, self.names, prompts, on_progress=self.on_progress)

        texts = fingerprint_json([prompt.fingerprint() for prompt in prompts])
        return self.recall(Drift, self.models, texts, steps=len(prompts), measure=measure)

    def fill_gaps(self, gaps: Sequence[Gap]) -> tuple[GapScores, GapScores]:
        """Of the baseline, whose scores serve all that are tuned on it, and of the candidate."""
        baseline, candidate = (self._fill_gaps(model, gaps) for model in self.models)
        return baseline, candidate

    def ask(self, prompts: Sequence[str]) -> tuple[list[Said], list[Said]]:
        cache = None if self.folder is None else OutputCache(self.folder / "outputs")
        baseline, candidate = ask_models(self.engine, self.names, prompts, cache=cache, on_progress=self.on_progress)
        return baseline, candidate

    def recall(
        self,
        kind: type[Scores],
        models: Sequence[ModelIdentity],
        texts: str,
        *,
        steps: int,
        measure: Callable[[], Scores],
    ) -> Scores:
        """What was measured before on these `texts`, a hash of them; `steps` are those that are then saved."""
        if self.folder is None:
            return measure()
        cache = ScoreCache(self.folder / "forgetting")
        weights = [[model.weights_hash, model.template_hash] for model in models]
        depends_on = [self.engine.name, weights, texts]
        found = cache.find(kind, depends_on)
        if found is None:
            found = measure()
            cache.keep(found, depends_on)
        else:
            self.on_progress(steps)
        return found

    def _fill_gaps(self, model: ModelIdentity, gaps: Sequence[Gap]) -> GapScores:
        def measure() -> GapScores:
            return score_gaps(self.surveyor, model.name, gaps, on_progress=self.on_progress)

        return self.recall(GapScores, [model], fingerprint_json(gaps), steps=count_ends(gaps), measure=measure)
