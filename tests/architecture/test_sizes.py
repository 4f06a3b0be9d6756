"""Rooms stay small and their names say what they hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median, quantiles

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "luthier"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
LONGER_FUNCTIONS = {"train_adapter": 90}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
MOST_POSITIONAL = 5


def list_functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def count_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}
    assert median(lengths.values()) <= 110
    assert quantiles(lengths.values(), n=20)[-1] <= 300


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {f"{path.name}:{node.name}": count_lines(node) for path in FILES for node in list_functions(path)}
    limits = {name: LONGER_FUNCTIONS.get(name.split(":")[1], LONGEST_FUNCTION) for name in lengths}
    assert {name: length for name, length in lengths.items() if length > limits[name]} == {}
    assert quantiles(lengths.values(), n=20)[-1] <= 35


def test_names_say_what_a_module_holds() -> None:
    assert [path for path in FILES if path.stem in FORBIDDEN_NAMES or re.search(r"_v\d$", path.stem)] == []


def test_every_file_opens_with_what_it_is_for() -> None:
    assert [path for path in FILES if not ast.get_docstring(ast.parse(path.read_text()))] == []


def find_breaches(source: str) -> list[str]:
    """What this house does not do, wherever it stands."""
    breaches = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Global):
            breaches.append(f"{node.lineno}: global")
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception"):
            breaches.append(f"{node.lineno}: broad except")
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv"):
            breaches.append(f"{node.lineno}: the environment is read in settings alone")
        if isinstance(node, ast.keyword) and ast.unparse(node) in ("trust_remote_code=True", "shell=True"):
            breaches.append(f"{node.value.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.Import | ast.ImportFrom) and "pickle" in ast.unparse(node):
            breaches.append(f"{node.lineno}: pickle")
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            breaches.append(f"{node.lineno}: torch.load")
    return breaches


def test_nothing_is_done_that_this_house_does_not_do() -> None:
    breaches = [f"{path.relative_to(SOURCE)}:{breach}" for path in FILES for breach in find_breaches(path.read_text())]
    allowed = re.compile(r"(settings|threads)\.py:\d+: the environment")
    assert [breach for breach in breaches if not allowed.search(breach)] == []


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    global x",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept:\n    pass",
        "import os\nos.environ['HOME']",
        "load(trust_remote_code=True)",
        "run('ls', shell=True)",
        "import pickle",
        "torch.load(path)",
    ],
)
def test_each_breach_is_noticed(source: str) -> None:
    assert len(find_breaches(source)) == 1


def test_functions_take_few_positions() -> None:
    """What comes after the second or so is named by the caller."""
    offenders = {
        f"{path.name}:{node.name}": len(node.args.args)
        for path in FILES
        for node in list_functions(path)
        if len([arg for arg in node.args.args if arg.arg not in ("self", "cls")]) > MOST_POSITIONAL
        and "typer" not in ast.unparse(node)
        and "Annotated" not in ast.unparse(node.args)
    }
    assert offenders == {}
