"""Settings: what the environment and `luthier.toml` say about this installation; nothing else reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, TomlConfigSettingsSource

from luthier.errors import InvalidConfig, did_you_mean

if TYPE_CHECKING:
    from pydantic_settings import PydanticBaseSettingsSource


RENDEZVOUS = "LUTHIER_RENDEZVOUS"
LOOPBACK = "lo"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="LUTHIER_",
        toml_file="luthier.toml",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    home: Path = Path("~/.luthier")
    """Folder that holds everything Luthier keeps: models, runs, data and its database."""

    database_url: str = ""
    """SQLAlchemy address of the database; empty for SQLite inside the home folder."""

    storage_url: str = ""
    """fsspec address where file contents are kept; empty for a folder inside the home folder."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """A call's own values win over the environment, and the environment over `luthier.toml`."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def home_path(self) -> Path:
        return self.home.expanduser().absolute()

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.home_path / 'luthier.db'}"

    @property
    def resolved_storage_url(self) -> str:
        return self.storage_url or str(self.home_path / "blobs")


class Launch(BaseSettings):
    """Which process of several this one is, by the names that torchrun gives; without them it is the only one."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    rank: int = Field(default=0, ge=0)
    world_size: int = Field(default=1, ge=1)
    local_rank: int = Field(default=0, ge=0)
    local_world_size: int = Field(default=1, ge=1)
    rendezvous: Path | None = Field(default=None, validation_alias=RENDEZVOUS)
    """File through which the processes of `tune --processes` find one another; torchrun has its own way."""

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def build_environment(self) -> dict[str, str]:
        """This process's environment with what makes a process that is started in it the one that is described here."""
        named = {name.upper(): str(value) for name, value in self.model_dump(exclude={"rendezvous"}).items()}
        place = {RENDEZVOUS: str(self.rendezvous)} if self.rendezvous else {}
        # gloo and NCCL would else take the machine's first address, which a firewall may close or a resolver not know.
        return {**os.environ, **named, **place, "GLOO_SOCKET_IFNAME": LOOPBACK, "NCCL_SOCKET_IFNAME": LOOPBACK}


def load_launch() -> Launch:
    """Raises InvalidConfig when the environment names a process that cannot be."""
    try:
        return Launch()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        raise InvalidConfig(f"{name} in the environment: {first['msg'].lower()}", hint="start with torchrun") from error


def load_settings() -> Settings:
    """Raises InvalidConfig for an unknown key or a value of the wrong type, naming the key."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(key, Settings.model_fields)
            raise InvalidConfig(f"luthier.toml: unknown setting {key!r}", hint=hint) from error
        raise InvalidConfig(f"setting {key!r}: {first['msg'].lower()}") from error
    except ValueError as error:
        raise InvalidConfig(
            f"luthier.toml: {error}", hint="the file must be TOML, such as: home = '/data/luthier'"
        ) from error
