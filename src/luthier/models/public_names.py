"""Any name that a client of the API may write becomes the model on this machine that it stands for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import InvalidConfig, UnknownModel, did_you_mean
from luthier.models.catalog import EMBEDDED_BASES
from luthier.store.published import find_published, list_published, list_served_bases, publish_name, withdraw_name

if TYPE_CHECKING:
    from luthier.store.home import Home

DATED = re.compile(r"(?P<short>.+)-(?P<date>\d{4}-\d{2}-\d{2})")
HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
HOSTED = re.compile(r"openai:|https?://", re.IGNORECASE)
EMBEDDER = "all-minilm-l6-v2"
"""Turns texts into vectors, and answers no chat: its names are those of another kind."""

LONGEST_NAME = 1000
"""Characters; far more than any name has, and few enough to look for near ones."""

SYSTEM = "system"
EPOCH = datetime.fromtimestamp(0, UTC)


class PublicName(NamedTuple):
    """`id` is the name in full, with its date; `model` is the registered model or base behind it.

    `is_tuned` says that the name is the model's own, and not that of a base or one of the settings' aliases.
    """

    id: str
    model: str
    created_at: datetime
    owned_by: str
    is_tuned: bool = False


class PublicNames:
    """Aliases come first, then the names of tuned models, then bases; last an alias without its date.

    No name makes anything be downloaded or read from a folder, except where an alias in the settings says so.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._aliases = home.settings.aliases
        self._short = _shorten(self._aliases)

    def resolve(self, name: str) -> PublicName:
        """Raises UnknownModel in the words of the API, with the near names as its hint."""
        found = self._find_sound(name)
        if found is None and any(name == known.id for known in self._list_embedders()):
            raise UnknownModel(
                f"The model `{name}` turns texts into vectors, and neither answers chats nor learns.",
                hint="it is for POST /v1/embeddings; GET /v1/models lists the others too",
            )
        if found is None:
            known = [known.id for known in self.list_all() if known.model != EMBEDDER]
            near = get_close_matches(name[:LONGEST_NAME], known)
            hint = f"did you mean {', '.join(near)}?" if near else "GET /v1/models lists those that exist"
            raise _tell_unknown(name, hint)
        return found

    def resolve_embedder(self, name: str) -> PublicName:
        """As `resolve`, for the model that turns texts into vectors."""
        found = next((known for known in self._list_embedders() if known.id == name), None)
        if found is None:
            hint = f"texts are embedded by {', '.join(known.id for known in self._list_embedders())}"
            if self._find_sound(name) is None:
                raise _tell_unknown(name, hint)
            raise UnknownModel(f"The model `{name}` answers chats, and turns no texts into vectors.", hint=hint)
        return found

    def resolve_any(self, name: str) -> PublicName:
        """A model of either kind; raises as `resolve` does."""
        embedder = next((known for known in self._list_embedders() if known.id == name), None)
        return embedder or self.resolve(name)

    def list_all(self) -> list[PublicName]:
        """Tuned models, the latest first, then aliases with and without their dates, bases, and embedders."""
        tuned = [self._describe_tuned(*published) for published in list_published(self._home.database)]
        aliases = [found for name in self._aliases if (found := self._find_alias(name))]
        short = [found._replace(id=name) for name, full in self._short.items() if (found := self._find_alias(full))]
        bases = [self._describe_base(name) for name in sorted(self._list_bases())]
        embedders = self._list_embedders()
        first = {known.id: known for known in reversed([*aliases, *tuned, *bases, *short, *embedders])}
        ordered = [*tuned, *aliases, *short, *bases, *embedders]
        return [first[id] for id in dict.fromkeys(known.id for known in ordered)]

    def publish(self, name: str, model: str, job_id: str | None) -> None:
        """From now on the API knows the registered model under that name; a repeat changes nothing.

        Raises NameTaken when the name stands for another model.
        """
        publish_name(self._home.database, name=name, model_name=model, job_id=job_id)

    def withdraw(self, name: str) -> None:
        """The API forgets the name; the model and its other names stay."""
        withdraw_name(self._home.database, name)

    def check_aliases(self) -> None:
        """Raises InvalidConfig for an alias that leads nowhere, so that a server's start shows it."""
        for name, target in self._aliases.items():
            if HOSTED.match(target):
                hint = "an alias stands for a model on this machine; hosted ones are not served"
                raise InvalidConfig(f"the alias {name} leads to the hosted model {target}", hint=hint)
            if target != EMBEDDER and self._find_alias(name) is None:
                known = [known.id for known in self.list_all()]
                raise InvalidConfig(
                    f"the alias {name} leads to {target}, which is no model", hint=did_you_mean(target, known)
                )

    def _list_embedders(self) -> list[PublicName]:
        aliases = [name for name, target in self._aliases.items() if target == EMBEDDER]
        return [PublicName(name, EMBEDDER, EPOCH, SYSTEM) for name in [EMBEDDER, *aliases]]

    def _find_sound(self, name: str) -> PublicName | None:
        """A database need not know texts that are no names."""
        return self._find(name) if name.isprintable() and len(name) <= LONGEST_NAME else None

    def _find(self, name: str) -> PublicName | None:
        found = self._find_alias(name) or self._find_tuned(name) or self._find_base(name)
        return found or self._find_alias(self._short.get(name, ""))

    def _find_alias(self, name: str) -> PublicName | None:
        target = self._aliases.get(name)
        if target is None or HOSTED.match(target):
            return None
        tuned = find_published(self._home.database, target) if target not in EMBEDDED_BASES else None
        if tuned is not None:
            return PublicName(name, tuned.model_name, _read_date(name) or tuned.created_at, self._organization)
        if target in EMBEDDED_BASES or HUB_NAME.fullmatch(target) or Path(target).expanduser().is_dir():
            return PublicName(name, target, _read_date(name) or self._date_base(target), SYSTEM)
        return None

    def _find_tuned(self, name: str) -> PublicName | None:
        if name in EMBEDDED_BASES:
            return None
        published = find_published(self._home.database, name)
        return self._describe_tuned(*published) if published else None

    def _find_base(self, name: str) -> PublicName | None:
        if name in EMBEDDED_BASES or name in self._list_bases() or _is_downloaded(name):
            return self._describe_base(name)
        return None

    def _describe_tuned(self, name: str, model: str, created_at: datetime) -> PublicName:
        return PublicName(name, model, created_at, self._organization, is_tuned=True)

    def _describe_base(self, name: str) -> PublicName:
        return PublicName(name, name, self._date_base(name), SYSTEM)

    @property
    def _organization(self) -> str:
        return self._home.settings.organization

    def _list_bases(self) -> set[str]:
        """Embedded ones, and those of the hub that a tuned model or an alias needs; never a folder."""
        needed = list_served_bases(self._home.database) | set(self._aliases.values())
        return {*EMBEDDED_BASES, *(name for name in needed if HUB_NAME.fullmatch(name))}

    def _date_base(self, name: str) -> datetime:
        """When it came into the home; the epoch for one that has not, or lies elsewhere."""
        config = self._home.bases / name / "config.json" if name in EMBEDDED_BASES else None
        if config is None or not config.is_file():
            return EPOCH
        return datetime.fromtimestamp(config.stat().st_mtime, UTC)


def _tell_unknown(name: str, hint: str) -> UnknownModel:
    shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
    return UnknownModel(f"The model `{shown}` does not exist or you do not have access to it.", hint=hint)


def _shorten(aliases: dict[str, str]) -> dict[str, str]:
    """Names without their dates; of several dates the latest counts."""
    dated = {name: found["short"] for name in sorted(aliases) if (found := DATED.fullmatch(name))}
    return {short: name for name, short in dated.items() if short not in aliases}


def _read_date(name: str) -> datetime | None:
    found = DATED.fullmatch(name)
    try:
        return datetime.fromisoformat(found["date"]).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def _is_downloaded(name: str) -> bool:
    """Whether the hub's cache on this machine holds it."""
    if not HUB_NAME.fullmatch(name):
        return False
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError:
        return False
