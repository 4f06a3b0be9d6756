"""Commands that work with a server find it here, with the key that it takes, and send it training data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import SecretStr

from luthier.errors import InvalidConfig, KeyRefused, did_you_mean
from luthier.pipeline.home import open_home
from luthier.pipeline.keys import read_own_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from luthier.remote.luthier_server import LuthierServer
    from luthier.remote.records import JobRecord
    from luthier.settings import Settings
    from luthier.store.home import Home

HYPERPARAMETERS = {
    "epochs": "n_epochs",
    "batch_size": "batch_size",
    "beta": "beta",
    "learning_rate_multiplier": "learning_rate_multiplier",
}
"""What `--set` calls them, and what the API does."""

REQUEST_FIELDS = ("seed", "method")
METHODS = {"sft": "supervised", "dpo": "dpo"}


class Place(NamedTuple):
    """A home, and the names under which an engine that works in it is asked for models."""

    home: Home
    models: list[str]


def find_server(address: str | None = None, *, settings: Settings) -> LuthierServer | None:
    """The one that is named, or else that of the settings; None stands for this machine. To be closed in the end.

    Raises InvalidConfig for an address that is none, KeyRefused when no key for it is at hand.
    """
    url = address or settings.server
    if not url:
        return None
    from luthier.remote.connection import ServerConnection
    from luthier.remote.luthier_server import LuthierServer

    return LuthierServer(ServerConnection(url, find_key(url, settings)))


def find_key(url: str, settings: Settings) -> SecretStr:
    """`server_key`; for the server that runs from this very home also the key that the home holds.

    Another program on this machine gets no key, wherever it listens. Raises KeyRefused.
    """
    from luthier.pipeline.own_servers import list_own_servers
    from luthier.remote.connection import read_origin
    from luthier.store.home import Home

    if settings.server_key.get_secret_value():
        return settings.server_key
    own_servers = list_own_servers(settings)
    own = read_own_key(Home(settings)) if read_origin(url) in own_servers else None
    if own is None:
        hint = "set LUTHIER_SERVER_KEY to a key that `luthier keys create` made on the server's machine"
        if own_servers:
            hint = f"the server of this home is {', '.join(own_servers)}; for another, {hint}"
        raise KeyRefused(f"there is no key for {read_origin(url)}", hint=hint)
    return SecretStr(own)


def reach_models(models: Sequence[str], address: str | None, *, home: Home | None = None) -> Place:
    """With a server, the models there, for an engine that has its key; a hosted model's name stays what it is."""
    from luthier.engine.remote.address import is_remote
    from luthier.remote.connection import read_origin
    from luthier.store.home import Home

    home = home or open_home()
    url = address or home.settings.server
    if not url:
        return Place(home, list(models))
    origin = read_origin(url)
    keys = {**home.settings.endpoint_keys, origin: find_key(url, home.settings)}
    names = [model if is_remote(model) else f"{origin}/v1#{model}" for model in models]
    return Place(Home(home.settings.model_copy(update={"endpoint_keys": keys})), names)


def create_job(
    server: LuthierServer,
    data: Path | str,
    *,
    base: str,
    suffix: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> JobRecord:
    """Sends a file, or the train and validation files of a split, and has a model trained on them there.

    Raises InvalidConfig for a setting that the API of jobs does not have, before anything is sent.
    """
    request = build_job_request(base=base, suffix=suffix, settings=settings or {})
    path = Path(data)
    train, validation = (path / "train.jsonl", path / "validation.jsonl") if path.is_dir() else (path, None)
    request["training_file"] = server.upload_file(train)
    if validation is not None and validation.exists() and validation.stat().st_size:
        request["validation_file"] = server.upload_file(validation)
    return server.create_job(request)


def build_job_request(*, base: str, suffix: str | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    known = (*HYPERPARAMETERS, *REQUEST_FIELDS)
    for name in settings:
        if name not in known:
            hint = f"{did_you_mean(name, known)}; a server chooses all else by its own rules"
            raise InvalidConfig(f"a job on a server has no setting {name!r}", hint=hint)
    kind = str(settings.get("method", "sft"))
    if kind not in METHODS:
        raise InvalidConfig(f"a job on a server has no method {kind!r}", hint=did_you_mean(kind, METHODS))
    method = METHODS[kind]
    chosen = {theirs: settings[name] for name, theirs in HYPERPARAMETERS.items() if name in settings}
    request: dict[str, Any] = {"model": base, "method": {"type": method, method: {"hyperparameters": chosen}}}
    if suffix is not None:
        request["suffix"] = suffix
    if "seed" in settings:
        request["seed"] = settings["seed"]
    return request
