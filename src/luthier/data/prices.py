"""A dated table of what hosted services ask becomes the price of one job; anyone can bring a table of their own."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from luthier.errors import FileMissing, InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

SHIPPED_TABLE = Path(str(files("luthier.data"))) / "prices.toml"
OLD_AFTER = timedelta(days=180)
"""Half a year: most of the services have changed a price within one."""

Text = Annotated[str, Field(min_length=1)]


class Price(BaseModel):
    """`dollars_per_million_tokens` is in US dollars and counts every training token once per epoch.

    `validation` says whether the tokens of the validation rows are billed too: never, or once for the job.
    `seen` is the day on which `source` at `url` said so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    service: Text
    model: Text
    dollars_per_million_tokens: float = Field(gt=0)
    minimum_dollars: float = Field(default=0.0, ge=0)
    validation: Literal["never", "once"] = "never"
    seen: date
    source: Text
    url: str = Field(pattern=r"^https://\S+$")
    note: str = ""

    def is_old(self, today: date) -> bool:
        return today - self.seen > OLD_AFTER


class JobPrice(NamedTuple):
    """`dollars` is as exact as the count of tokens, which a service makes with a tokenizer of its own."""

    price: Price
    dollars: float
    is_old: bool

    def to_json(self) -> dict[str, Any]:
        return {**self.price.model_dump(mode="json"), "dollars": round(self.dollars, 4), "is_old": self.is_old}


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    price: tuple[Price, ...] = Field(min_length=1)


def load_prices(path: Path = SHIPPED_TABLE) -> tuple[Price, ...]:
    """Raises FileMissing, or InvalidConfig that names the first wrong entry."""
    hint = f"write it in the form of {SHIPPED_TABLE}"
    try:
        return _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).price
    except OSError as error:
        raise FileMissing(f"{path} cannot be read: {error.strerror}", hint="name a table of prices in TOML") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path} is not TOML: {error}", hint=hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        raise InvalidConfig(f"{path}: {place}: {first['msg'].lower()}", hint=hint) from error


def price_job(
    prices: Sequence[Price], *, training_tokens: int, validation_tokens: int, today: date
) -> tuple[JobPrice, ...]:
    """The cheapest first. `training_tokens` are those of all epochs together, `validation_tokens` of one pass."""
    jobs = []
    for price in prices:
        tokens = training_tokens + (validation_tokens if price.validation == "once" else 0)
        dollars = max(price.minimum_dollars, tokens / 1e6 * price.dollars_per_million_tokens)
        jobs.append(JobPrice(price, dollars, price.is_old(today)))
    return tuple(sorted(jobs, key=lambda job: job.dollars))
