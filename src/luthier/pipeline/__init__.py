"""The table of contents: one function for each arrow from raw rows to a verdict.

The command line, the Python API and every other edge call these functions and nothing below them. What needs torch
is imported where it is used, so that checking a file does not wait for it.
"""

from __future__ import annotations

from luthier.pipeline.data import check, explain_rule, load_test_set, split
from luthier.pipeline.demo import DemoResult, demo
from luthier.pipeline.evaluation import (
    chat,
    compare,
    evaluate,
    fetch_bases,
    find_system_prompt,
    start_engine,
    write_report,
)
from luthier.pipeline.home import open_home
from luthier.pipeline.kept import list_bases, list_models, list_runs, show
from luthier.pipeline.progress import Progress
from luthier.pipeline.training import DEFAULT_BASE, tune

__all__ = [
    "DEFAULT_BASE",
    "DemoResult",
    "Progress",
    "chat",
    "check",
    "compare",
    "demo",
    "evaluate",
    "explain_rule",
    "fetch_bases",
    "find_system_prompt",
    "list_bases",
    "list_models",
    "list_runs",
    "load_test_set",
    "open_home",
    "show",
    "split",
    "start_engine",
    "tune",
    "write_report",
]
