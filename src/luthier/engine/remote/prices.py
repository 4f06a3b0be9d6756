"""A dated table of what hosted models ask becomes the price of one answer; anyone can bring a table of their own."""

from __future__ import annotations

import re
import tomllib
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from luthier.engine.remote.address import normalise_url
from luthier.errors import FileMissing, InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

SHIPPED_TABLE = Path(str(files("luthier.engine.remote"))) / "prices.toml"
OLD_AFTER = timedelta(days=180)
"""Half a year: most of the services have changed a price within one."""

SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")

Text = Annotated[str, Field(min_length=1)]
Dollars = Annotated[float, Field(ge=0)]


class Usage(NamedTuple):
    """`cached_tokens` are among the `prompt_tokens`."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


class Price(BaseModel):
    """In US dollars per million tokens; `seen` is the day on which `source` at `source_url` said so.

    `url` is where the model is asked: the same model may cost something else elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    url: Text
    model: Text
    input: Dollars
    cached_input: Dollars | None = None
    output: Dollars
    seen: date
    source: Text
    source_url: str = Field(default="", pattern=r"^(https://\S+)?$")

    def is_old(self, today: date) -> bool:
        return today - self.seen > OLD_AFTER

    def price_answer(self, usage: Usage) -> float:
        """A prompt's kept part costs as much as the rest where no price for it is known."""
        cached_input = self.input if self.cached_input is None else self.cached_input
        fresh = usage.prompt_tokens - usage.cached_tokens
        millionths = fresh * self.input + usage.cached_tokens * cached_input + usage.completion_tokens * self.output
        return millionths / 1e6


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    price: tuple[Price, ...] = Field(min_length=1)


class Prices:
    """The first of two entries for the same model is the one that counts."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._prices: dict[tuple[str, str], Price] = {}
        for price in prices:
            self._prices.setdefault((normalise_url(price.url), price.model), price)

    def find(self, url: str, model: str) -> Price | None:
        """A dated snapshot costs what the model of its name costs, unless the table knows it better."""
        exact = self._prices.get((url, model))
        return exact or self._prices.get((url, SNAPSHOT.sub("", model)))


def load_prices(own: str = "") -> Prices:
    """The table in the file `own`, then the shipped one. Raises FileMissing, or InvalidConfig that names the entry."""
    tables = [Path(own).expanduser()] if own else []
    return Prices(price for path in (*tables, SHIPPED_TABLE) for price in read_prices(path))


def read_prices(path: Path) -> tuple[Price, ...]:
    hint = f"write it in the form of {SHIPPED_TABLE}"
    try:
        table = _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        for price in table.price:
            normalise_url(price.url)
    except OSError as error:
        raise FileMissing(f"{path} cannot be read: {error.strerror}", hint="name a table of prices in TOML") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        raise InvalidConfig(f"{path}: {place}: {first['msg'].lower()}", hint=hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path} is not TOML: {error}", hint=hint) from error
    except ValueError as error:
        raise InvalidConfig(f"{path}: url: {error}", hint=hint) from error
    return table.price
