"""Settings: what the environment and `luthier.toml` say about this installation; nothing else reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError, TomlConfigSettingsSource

from luthier.errors import InvalidConfig, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_settings import PydanticBaseSettingsSource


RENDEZVOUS = "LUTHIER_RENDEZVOUS"
LOOPBACK = "lo"
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
"""This very machine, which no proxy of the environment could reach."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="LUTHIER_",
        toml_file="luthier.toml",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_by_name=True,
        hide_input_in_errors=True,
    )

    home: Path = Path("~/.luthier")
    """Folder that holds everything Luthier keeps: models, runs, data and its database."""

    database_url: str = ""
    """SQLAlchemy address of the database; empty for SQLite inside the home folder."""

    storage_url: str = ""
    """fsspec address where file contents are kept; empty for a folder inside the home folder."""

    openai_api_key: SecretStr = Field(
        default=SecretStr(""), validation_alias=AliasChoices("LUTHIER_OPENAI_API_KEY", "OPENAI_API_KEY")
    )
    """Key for models named `openai:...`, from `OPENAI_API_KEY` too; sent to the host of `openai_base_url` alone."""

    openai_base_url: str = Field(
        default="https://api.openai.com/v1", validation_alias=AliasChoices("LUTHIER_OPENAI_BASE_URL", "OPENAI_BASE_URL")
    )
    """Where models named `openai:...` are asked; from `OPENAI_BASE_URL` too."""

    endpoint_keys: dict[str, SecretStr] = {}
    """Keys of other servers by their origin, such as `{"https://api.example.com": "..."}`; each is sent there alone."""

    endpoint_requests_in_flight: int = Field(default=16, ge=1)
    """Requests that one server is asked at once; the others wait their turn."""

    endpoint_requests_per_minute: int = Field(default=0, ge=0)
    """Most requests to one hosted model within any minute; 0 for as many as it takes."""

    endpoint_tokens_per_minute: int = Field(default=0, ge=0)
    """Most tokens of one hosted model within any minute, prompts and answers together; 0 for as many as it takes."""

    endpoint_timeout_seconds: float = Field(default=600.0, gt=0)
    """Longest silence of a server before it is asked again."""

    endpoint_tries: int = Field(default=6, ge=1)
    """How often one request is sent in all, when a server is overloaded or the connection breaks."""

    endpoint_prices: str = ""
    """TOML file with what hosted models cost, read before the shipped table; empty for the shipped table alone."""

    machine_dollars_per_hour: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """What an hour of this machine costs in US dollars, for the price of its models' answers; 0 when not known."""

    gates: dict[str, Any] = {}
    """What is asked of a model before it is shipped, as a table: the keys of the file of `luthier eval --gates`."""

    vllm_command: str = "vllm"
    """Program that starts vLLM's server, for `--engine vllm`: a name on the PATH, or a path."""

    vllm_arguments: str = ""
    """More arguments for `vllm serve`, written as in a shell, such as `--max-num-seqs 64`."""

    vllm_url: str = ""
    """Address of a vLLM server that runs already, such as `http://127.0.0.1:8000/v1`; empty to start them as needed."""

    vllm_key: SecretStr = SecretStr("")
    """Key of the server at `vllm_url`."""

    vllm_startup_seconds: float = Field(default=900.0, gt=0)
    """Longest time that vLLM may take until it answers."""

    vllm_servers: int = Field(default=1, ge=1)
    """How many vLLM servers may run at once: each holds one base, or one model that was tuned as a whole."""

    aliases: dict[str, str] = {}
    """More names under which the server knows models, such as `{"gpt-4o-mini-2024-07-18": "smollm2-135m"}`; a name that
    ends in a date is understood without it too."""

    organization: str = Field(default="luthier", pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    """Stands in the names of models that jobs make, as in `ft:smollm2-135m:luthier:my-suffix:a1B2c3D4`."""

    server: str = ""
    """Address of a Luthier server that commands work with, such as `http://127.0.0.1:8000`; empty for this machine."""

    server_key: SecretStr = SecretStr("")
    """API key for `server`; empty for the key that the home folder holds, which only its own server on this machine is
    sent."""

    allowed_hosts: list[str] = []
    """Names by which the server may be called besides its own address and this machine's; others are refused."""

    requests_per_minute: int = Field(default=0, ge=0)
    """Most requests of one key to the server within any minute; 0 for as many as it takes."""

    wrong_keys_per_minute: int = Field(default=60, ge=1)
    """Requests with a wrong key that one address may send within any minute; after that it has to wait."""

    chats_in_flight: int = Field(default=1024, ge=1)
    """Chat completions that the server works on at once; one more is asked to come again."""

    body_mebibytes: int = Field(default=8, ge=1)
    """Largest request to the server, but for files, in MiB."""

    client_patience_seconds: float = Field(default=60.0, gt=0)
    """A client that does not send the rest of its request, or does not read its answer, loses its connection then."""

    logs_content: bool = False
    """Whether the server's log holds prompts and answers."""

    engine_step_seconds: float = Field(default=600.0, gt=0)
    """Longest time that the server's engine may need for one step of its answers; after that it is taken to hang, and
    its process is started again."""

    drain_seconds: float = Field(default=30.0, ge=0)
    """How long a server that is stopped lets answers go on that have begun."""

    job_lease_seconds: float = Field(default=60.0, gt=0)
    """A worker that has not been heard of for so long has lost its job to others."""

    job_attempts: int = Field(default=5, ge=1)
    """After so many deaths in a row without a single new checkpoint, a job has failed."""

    grader_seconds: int = Field(default=120, ge=1)
    """How long the code of a python grader may take for one answer; OpenAI gives it 120 as well."""

    eval_items_in_flight: int = Field(default=8, ge=1)
    """Items of eval runs that the server answers and judges at once; chats are answered beside them."""

    job_details_days: int = Field(default=90, ge=0)
    """So long after its end a job loses the log of its training, and the events of its steps where its result file has
    their numbers; 0 keeps them."""

    eval_items_days: int = Field(default=0, ge=0)
    """So long after its end a run of an eval loses its items, and keeps its counts; 0 keeps them until somebody deletes
    the run."""

    completions_days: int = Field(default=0, ge=0)
    """How long stored chat completions are kept; 0 keeps them until somebody deletes them."""

    training_nice: int = Field(default=10, ge=0, le=19)
    """How far training stands back for everything else on this machine, as in `nice`."""

    webhook_url: str = ""
    """Address that is told when a job or an eval run ends; empty for none."""

    webhook_secret: SecretStr = SecretStr("")
    """Secret that webhooks are signed with, `whsec_...`; made and kept in the home folder when empty."""

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


def build_environment(
    own: Mapping[str, str] | None = None, *, defaults: Mapping[str, str] | None = None
) -> dict[str, str]:
    """This process's environment for one that it starts: `own` replaces what is there, `defaults` fill what is not."""
    return {**(defaults or {}), **os.environ, **(own or {})}


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
    except SettingsError as error:
        hint = """a variable for several values holds JSON, such as LUTHIER_ENDPOINT_KEYS='{"https://host": "key"}'"""
        raise InvalidConfig(f"environment: {error}", hint=hint) from error
    except ValueError as error:
        raise InvalidConfig(
            f"luthier.toml: {error}", hint="the file must be TOML, such as: home = '/data/luthier'"
        ) from error
