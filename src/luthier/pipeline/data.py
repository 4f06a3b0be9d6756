"""From raw rows to a split that training may trust."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from luthier.data.check import check_file
from luthier.data.reading import load_dataset
from luthier.data.split import load_splits, split_dataset, write_splits
from luthier.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from luthier.data.check import CheckReport
    from luthier.data.dataset import Dataset
    from luthier.data.split import Splits


def check(file: Path | str) -> CheckReport:
    """Everything in a chat file that would spoil a model. Raises FileMissing."""
    return check_file(Path(file))


def explain_rule(code: str) -> dict[str, str]:
    """What a rule of `check` finds, why, and how to mend it. Raises UsageError with the nearest codes."""
    from luthier.data.lint.registry import ALL_RULES

    rules = {rule.code: rule for rule in ALL_RULES}
    rule = rules.get(code.upper())
    if rule is None:
        raise UsageError(f"there is no rule {code}", hint=did_you_mean(code.upper(), rules))
    keys = ("code", "name", "severity", "finds", "why", "example", "hint")
    return {key: getattr(rule, key) for key in keys}


def split(file: Path | str, out: Path | str, *, seed: int = 0) -> Splits:
    """Writes train, validation and test files of 80, 10 and 10 percent to the folder `out`."""
    splits = split_dataset(load_dataset(Path(file)), seed=seed)
    write_splits(splits, Path(out))
    return splits


def load_test_set(path: Path) -> Dataset:
    """A folder's test split, or all rows of a file."""
    return load_splits(path).test if path.is_dir() else load_dataset(path, minimum=1)
