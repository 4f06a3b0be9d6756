"""What code that grades may read of this machine: Python's standard library, some packages, the libraries of both."""

from __future__ import annotations

import re
import sys
import sysconfig
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES: Final = (
    "numpy",
    "scipy",
    "sympy",
    "pandas",
    "rapidfuzz",
    "scikit-learn",
    "rouge-score",
    "deepdiff",
    "jsonschema",
    "pydantic",
    "pyyaml",
    "nltk",
    "sqlparse",
)
"""Those that OpenAI's graders find; each is there when it is installed, with whatever it needs."""

REQUIREMENT: Final = re.compile(r"[A-Za-z0-9._-]+")
INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


class Surroundings(NamedTuple):
    """`system` are real paths; `packages` are the real paths of what can be imported, each by its own last name."""

    system: tuple[str, ...]
    packages: tuple[str, ...]
    library: tuple[str, ...]
    """Where Python looks for its own modules."""


def survey_surroundings() -> Surroundings:
    return Surroundings(tuple(_list_system_paths()), tuple(_list_package_paths()), tuple(_list_library_folders()))


def _list_library_folders() -> list[str]:
    """Those of the Python that a virtual environment is made from."""
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    compiled = sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix})
    return [str(standard), str(Path(compiled, "lib-dynload").resolve())]


def _list_system_paths() -> Iterator[str]:
    """The standard library without what is installed beside it, and shared libraries."""
    paths = [path for path in Path(_list_library_folders()[0]).iterdir() if path.name not in INSTALLED]
    paths += Path(sys.base_prefix, "lib").glob("*.so*")
    multiarch = sysconfig.get_config_var("MULTIARCH") or "none"
    paths += [Path("/usr/lib", multiarch), Path("/lib", multiarch), Path("/lib64"), Path("/usr/lib64")]
    paths.append(Path("/etc/ld.so.cache"))
    yield from dict.fromkeys(str(path.resolve()) for path in paths if path.exists())


def _list_package_paths() -> Iterator[str]:
    seen: set[str] = set()
    waiting = list(PACKAGES)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        waiting += _list_needs(found)
        yield from _list_top_paths(found)


def _list_needs(found: Distribution) -> Iterator[str]:
    for requirement in found.requires or []:
        if "extra ==" not in requirement and (name := REQUIREMENT.match(requirement)):
            yield name.group()


def _list_top_paths(found: Distribution) -> Iterator[str]:
    """Folders and modules that it put beside others; not its commands, which stand elsewhere."""
    tops = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
    for top in sorted(tops):
        path = Path(str(found.locate_file(top)))
        if path.exists():
            yield str(path.resolve())
