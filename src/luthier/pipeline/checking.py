"""From a file to its findings, to a mended file, and to the log in which CI reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.data.formats.columns import parse_column_map
from luthier.data.lint.family import family_of
from luthier.data.lint.registry import ALL_RULES
from luthier.data.lint.selection import find_rule
from luthier.data.mending.mending import MendOrder, mend_file, name_ledger
from luthier.data.readers.reader import read_rows
from luthier.errors import UsageError
from luthier.pipeline.examination import CheckOrder, Examiner
from luthier.pipeline.progress import Progress
from luthier.store.files import is_read, write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from luthier.data.check import CheckReport
    from luthier.data.lint.rule import Rule
    from luthier.data.mending.mending import Mending
    from luthier.pipeline.examination import CheckChoices
    from luthier.store.home import Home


def check(
    file: Path | str, *, home: Home | None = None, progress: Progress = Progress(), **choices: Unpack[CheckChoices]
) -> CheckReport:
    """Everything in a file that would spoil a model, as far as the chosen rules go. Raises FileMissing."""
    order = CheckOrder(**choices)
    return Examiner(order, home, progress).examine(Path(file), order.column_map)


def mend(
    file: Path | str,
    out: Path | str,
    *,
    fixes: bool = True,
    redacts: bool = False,
    drops: bool = False,
    replaces: bool = False,
    home: Home | None = None,
    progress: Progress = Progress(),
    **choices: Unpack[CheckChoices],
) -> Mending:
    """Writes a mended copy of a file and a ledger of what was changed; what can be mended is up to the chosen rules.

    With `drops`, the rows that have errors all the same are left out of the copy.
    Raises UsageError or NameTaken rather than write over the file itself or, unless it `replaces`, another one.
    """
    order = CheckOrder(**choices)
    examiner, source = Examiner(order, home, progress), Path(file)
    chosen = [rule for rule in ALL_RULES if rule.fix and rule.code in order.selection.codes]
    rules = {rule.code: rule for rule in chosen if (redacts if rule.is_privacy else fixes)}

    def check_round(path: Path) -> CheckReport:
        return examiner.examine(path, order.column_map if path == source else None)

    reads = (Path(order.against),) if order.against is not None else ()
    mend_order = MendOrder(source, Path(out), rules, order.column_map, reads, drops, replaces)
    return mend_file(mend_order, check=check_round)


def write_sarif(report: CheckReport, path: Path | str, *, exit_code: int, columns: Sequence[str] = ()) -> None:
    """A log for CI; what stood at `path` is replaced."""
    from luthier.data.sarif import build_sarif, hash_rows

    hashes = hash_rows(read_rows(report.path, parse_column_map(columns)), report.findings)
    log = build_sarif(report, ALL_RULES, row_hashes=hashes, root=Path.cwd(), exit_code=exit_code)
    write_atomic(Path(path), json.dumps(log, ensure_ascii=False))


def refuse_log(path: Path | str | None, *, beside: Sequence[Path | str | None]) -> None:
    """Raises UsageError for a log that would stand where one of these files stands or is going to."""
    files = [Path(name) for name in beside if name is not None]
    for other in (*files, *map(name_ledger, files)):
        if path is not None and (Path(path).resolve() == other.resolve() or is_read(Path(path), other)):
            raise UsageError(f"{path} is not free for a log", hint="write the log to a file of its own")


def explain_rule(word: str) -> dict[str, str]:
    """What a rule of `check` finds, why, and how to mend it. Raises UsageError with the nearest codes or names."""
    return describe_rule(find_rule(word))


def list_rules() -> list[dict[str, str]]:
    """All rules, in the order of their codes."""
    return [describe_rule(rule) for rule in ALL_RULES]


def describe_rule(rule: Rule[Any]) -> dict[str, str]:
    keys = ("code", "name", "severity", "finds", "why", "example", "hint", "fix")
    return {**{key: getattr(rule, key) for key in keys}, "family": family_of(rule.code)}
