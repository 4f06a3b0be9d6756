from __future__ import annotations

import pytest

from luthier.errors import Overloaded
from luthier.server.in_flight import InFlight


def test_places_are_given_up_to_the_limit_and_come_back() -> None:
    flying = InFlight()
    with flying.hold(2, limit=3):
        with pytest.raises(Overloaded), flying.hold(2, limit=3):
            pass
        with flying.hold(1, limit=3):
            assert flying.count == 3
    assert flying.count == 0


def test_what_fails_gives_its_places_back() -> None:
    flying = InFlight()
    with pytest.raises(KeyError), flying.hold(1, limit=1):
        raise KeyError
    assert flying.count == 0


def test_whoever_is_alone_may_need_more_than_the_limit() -> None:
    flying = InFlight()
    with flying.hold(5, limit=1):
        assert flying.count == 5
