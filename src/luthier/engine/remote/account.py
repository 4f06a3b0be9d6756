"""What one model of a server has of its own: the pace at which it may be asked, and what it has cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luthier.engine.remote.pace import Pace
    from luthier.engine.remote.spending import Purse


@dataclass(frozen=True, slots=True)
class Account:
    pace: Pace
    purse: Purse
