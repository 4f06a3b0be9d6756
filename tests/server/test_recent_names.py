from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from luthier.errors import UnknownModel
from luthier.models.public_names import PublicNames
from luthier.server.recent_names import TRUSTED_SECONDS, RecentNames
from tests.support.serving import HandClock

if TYPE_CHECKING:
    from luthier.store.home import Home

NAME = "ft:smollm2-135m:luthier::abcdefgh"


def test_a_name_is_trusted_for_a_moment_and_looked_up_again_after_it(home: Home) -> None:
    clock = HandClock()
    names = RecentNames(now=clock)
    with pytest.raises(UnknownModel):
        asyncio.run(names.resolve(home, NAME))
    PublicNames(home).publish(NAME, "tuned", None)
    assert asyncio.run(names.resolve(home, NAME)).model == "tuned"
    PublicNames(home).withdraw(NAME)
    clock.now = TRUSTED_SECONDS / 2
    assert asyncio.run(names.resolve(home, NAME)).model == "tuned"
    clock.now = TRUSTED_SECONDS
    with pytest.raises(UnknownModel):
        asyncio.run(names.resolve(home, NAME))
