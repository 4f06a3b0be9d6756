"""Code of graders that is given up soon where it never ends, and has all the time of a slow machine where it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.evaluation.graders.openai.confinement.sandbox import Limits, Sandbox, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


class HastySandbox(Sandbox):
    """`loops` says at which items the code never ends."""

    def __init__(self, loops: Callable[[Any], bool], *, seconds: int) -> None:
        super().__init__()
        self._loops = loops
        self._hasty = Sandbox(Limits(seconds=seconds))

    def grade(self, source: str, *, sample: Any, item: Any, **more: Any) -> Verdict:
        if self._loops(item):
            return self._hasty.grade(source, sample=sample, item=item, **more)
        return super().grade(source, sample=sample, item=item, **more)
