"""Writes the reference pages from the code that they describe: `python docs/build.py` brings them up to date."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import luthier.errors
from luthier.cli.output import EXIT_CODES, FINDINGS
from luthier.data.lint.registry import ALL_RULES
from luthier.errors import LuthierError
from luthier.evaluation.gates.settings import ForgettingMargins, GateSettings
from luthier.settings import Settings
from luthier.training.config import list_settings

if TYPE_CHECKING:
    from luthier.data.lint.rule import Rule

FOLDER = Path(__file__).parent / "reference"
HEAD = "<!-- Written by docs/build.py; change the code and run it again. -->\n\n"


def describe_errors() -> str:
    """One row for each error, in the order of the tree that opens errors.py."""
    tree = re.findall(r"[├│└─ ]*[─] (\w+) +(.+)", inspect.getdoc(luthier.errors) or "")
    rows = "".join(_describe_error(getattr(luthier.errors, name), meaning) for name, meaning in tree)
    return f"""{HEAD}# Errors

Every error that Luthier raises on purpose has a `code`, a message that says what and where, and a hint that says what
to do next. With `--json` it is printed as `{{"error": {{"code", "message", "hint", "rows"}}}}`. The command ends with
the exit code of the table; 0 means good.

| code | exit | meaning | Python class |
| --- | --- | --- | --- |
{rows}"""


def describe_settings() -> str:
    return f"""{HEAD}# Settings

## Of the installation

From the environment, or from `luthier.toml` in the current folder; the environment wins.

| variable | key in luthier.toml | default | meaning |
| --- | --- | --- | --- |
{_describe_installation()}
## Of a training run

With `luthier tune --set key=value`, or as `key = value` in a recipe (`--recipe FILE`); `--set` wins. What is `auto`
follows from the rows, the base and the machine; `tune` shows what it comes to.

| key | default | meaning |
| --- | --- | --- |
{_describe_training()}
## Of a verdict

In the file of `luthier eval --gates FILE`, or in the table `[gates]` of luthier.toml; the file replaces the table.

| key | default | meaning |
| --- | --- | --- |
{_describe_gates()}"""


def describe_rules() -> str:
    rules = "".join(_describe_rule(rule) for rule in ALL_RULES)
    return f"""{HEAD}# Lint rules

What `luthier check FILE` looks for; `luthier check --explain CODE` prints one of these.

{rules}"""


PAGES = {"errors.md": describe_errors, "settings.md": describe_settings, "rules.md": describe_rules}


def main() -> None:
    for name, describe in PAGES.items():
        (FOLDER / name).write_text(describe(), encoding="utf-8")


def _describe_error(error: type[LuthierError], meaning: str) -> str:
    exit_code = next((code for kind, code in EXIT_CODES if issubclass(error, kind)), FINDINGS)
    return f"| `{error.code}` | {exit_code} | {meaning} | `{error.__name__}` |\n"


def _describe_installation() -> str:
    return "".join(
        f"| `LUTHIER_{name.upper()}` | `{name}` | `{str(field.default) or '(empty)'}` | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    )


def _describe_training() -> str:
    return "".join(
        f"| `{setting.name}` | `{setting.default or '(unset)'}` | {setting.description} |\n"
        for setting in list_settings()
    )


def _describe_gates() -> str:
    """A table within the table has its keys named behind it."""
    own = [(name, field) for name, field in GateSettings.model_fields.items() if name != "forgetting"]
    margins = [(f"forgetting.{name}", field) for name, field in ForgettingMargins.model_fields.items()]
    return "".join(
        f"| `{name}` | `{'(unset)' if field.default in (None, ()) else field.default}` | {_join(field.description)} |\n"
        for name, field in (*own, *margins)
    )


def _join(text: str | None) -> str:
    return " ".join((text or "").split())


def _describe_rule(rule: Rule[Any]) -> str:
    return f"""## {rule.code} {rule.name}

{rule.severity}: {rule.finds}

{rule.why}

```
{rule.example}
```

{rule.hint}

"""


if __name__ == "__main__":
    main()
