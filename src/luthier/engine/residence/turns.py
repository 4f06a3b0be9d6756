"""Who waits is passed by others only so often, so that those who find what they want at once cannot starve him."""

from __future__ import annotations

from itertools import count

PASSES = 64
"""After so many nobody goes before one who waits, until what he waits for is his."""


class Turns:
    """For use under its owner's lock. None stands for somebody who has just come."""

    def __init__(self) -> None:
        self._numbers = count()
        self._passes: dict[int, int] = {}  # how many may still pass each of those who wait, in order

    def line_up(self) -> int:
        number = next(self._numbers)
        self._passes[number] = PASSES
        return number

    def leave(self, number: int) -> None:
        del self._passes[number]

    def may_go(self, number: int | None = None) -> bool:
        return all(self._passes[before] > 0 for before in self._list_before(number))

    def count_pass(self, number: int | None = None) -> None:
        for before in self._list_before(number):
            self._passes[before] -= 1

    def _list_before(self, number: int | None) -> list[int]:
        return [waiting for waiting in self._passes if number is None or waiting < number]
