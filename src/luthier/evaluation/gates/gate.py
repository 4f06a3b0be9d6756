"""One condition for shipping, with what was measured, what is wanted and what follows when the two do not meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Decision = Literal["ship", "do_not_ship", "cannot_tell"]
GateState = Literal["passed", "failed", "cannot_tell", "not_measured"]

EXIT_CODES: dict[Decision, int] = {"ship": 0, "do_not_ship": 1, "cannot_tell": 4}
"""What a script sees. 2 and 3 mean that the command or the machine was wrong, so that nothing was decided at all."""


@dataclass(frozen=True, slots=True)
class Gate:
    """`value` and `limit` are the numbers behind the words of `measured` and `wanted`, where a number says it all.

    Of a gate that was not measured, `measured` says why.
    """

    key: str
    name: str
    measured: str
    wanted: str
    state: GateState
    value: float | None = None
    limit: float | None = None

    @property
    def passed(self) -> bool:
        return self.state == "passed"


class Ruling(NamedTuple):
    """A gate, and the sentence that says why it keeps a model from being shipped.

    A gate that `voids` the test leaves nothing to be said about the others. One that `yields` keeps nothing from being
    shipped while it is open.
    """

    gate: Gate
    reason: str = ""
    voids: bool = False
    yields: bool = False

    @property
    def decision(self) -> Decision:
        """What follows from this gate alone: only what failed speaks against the model."""
        outcomes: dict[GateState, Decision] = {
            "passed": "ship",
            "not_measured": "ship",
            "failed": "do_not_ship",
            "cannot_tell": "ship" if self.yields else "cannot_tell",
        }
        return outcomes[self.gate.state]


def choose_state(*, is_good: bool, otherwise: GateState = "failed") -> GateState:
    return "passed" if is_good else otherwise
