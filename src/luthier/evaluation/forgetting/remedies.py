"""What to try against forgetting, in the order of effort; what helps depends on what was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.forgetting.finding import Family

LESS_TRAINING = "tune again with a lower learning_rate or fewer epochs, or take the model of an earlier epoch"
REPLAY = "mix 5 to 20 percent of rows on other topics into the training data"
SMALLER_ADAPTER = "lower r and lora_alpha, so that the adapter can change less"
TURN_DOWN = "turn its adapter down without training again: `luthier strength` measures how far"
KEEP_TO_TASK = "keep the tuned model to its task, and let the base answer everything else"

REMEDIES = (LESS_TRAINING, REPLAY, SMALLER_ADAPTER, TURN_DOWN, KEEP_TO_TASK)
REMEDIES_FOR_LEAKS = (REPLAY, LESS_TRAINING, SMALLER_ADAPTER, TURN_DOWN, KEEP_TO_TASK)
"""A model that knows nothing but its task's rows answers everything with them."""


def list_remedies(families: Sequence[Family]) -> tuple[str, ...]:
    degraded = {family.key for family in families if family.state == "degraded"}
    if not degraded:
        return ()
    return REMEDIES_FOR_LEAKS if degraded == {"leakage"} else REMEDIES
