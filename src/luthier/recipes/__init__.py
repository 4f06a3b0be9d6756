"""Names of recipes become TOML files: those that come with Luthier, or any file of yours."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from luthier.errors import FileMissing, did_you_mean

_FOLDER = Path(str(files(__name__)))


def list_recipes() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def find_recipe(name: str) -> Path:
    """A file wins over a recipe of the same name. Raises FileMissing."""
    for path in (Path(name).expanduser(), _FOLDER / f"{name}.toml"):
        if path.is_file():
            return path
    what = "file" if name.endswith(".toml") else "recipe"
    raise FileMissing(f"there is no {what} {name}", hint=did_you_mean(name.removesuffix(".toml"), list_recipes()))


def describe_recipe(name: str) -> str:
    """What it is for: the comment in its first line, without a full stop."""
    first = find_recipe(name).read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip().removesuffix(".")
