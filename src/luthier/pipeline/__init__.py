"""The table of contents: one function for each arrow from raw rows to a verdict.

The command line, the Python API and every other edge call these functions and nothing below them. What needs torch
is imported where it is used, so that checking a file does not wait for it.
"""

from __future__ import annotations

from luthier.pipeline.answering import build_request, chat, find_system_prompt, stream
from luthier.pipeline.checking import check, explain_rule, list_rules, mend, refuse_log, write_sarif
from luthier.pipeline.conversion import convert
from luthier.pipeline.curation import curate
from luthier.pipeline.data import load_test_set, split
from luthier.pipeline.demo import DemoResult, demo
from luthier.pipeline.engines import EngineKind, start_engine, use_engine
from luthier.pipeline.evaluation import compare, evaluate, fetch_bases, write_report
from luthier.pipeline.home import open_home
from luthier.pipeline.kept import list_bases, list_models, list_runs, show
from luthier.pipeline.preference import measure, order_pairs
from luthier.pipeline.progress import Progress
from luthier.pipeline.recipes import list_recipes, read_recipe
from luthier.pipeline.resumption import resume
from luthier.pipeline.tokens import measure_lengths, open_meter, preview, write_preview
from luthier.pipeline.training import DEFAULT_BASE, estimate, rehearse, tune
from luthier.pipeline.versions import add_data, diff_data, find_data, list_data, log_data, show_data, write_data

__all__ = [
    "DEFAULT_BASE",
    "DemoResult",
    "EngineKind",
    "Progress",
    "add_data",
    "build_request",
    "chat",
    "check",
    "compare",
    "convert",
    "curate",
    "demo",
    "diff_data",
    "estimate",
    "evaluate",
    "explain_rule",
    "fetch_bases",
    "find_data",
    "find_system_prompt",
    "list_bases",
    "list_data",
    "list_models",
    "list_recipes",
    "list_rules",
    "list_runs",
    "load_test_set",
    "log_data",
    "measure",
    "measure_lengths",
    "mend",
    "open_home",
    "open_meter",
    "order_pairs",
    "preview",
    "read_recipe",
    "refuse_log",
    "rehearse",
    "resume",
    "show",
    "show_data",
    "split",
    "start_engine",
    "stream",
    "tune",
    "use_engine",
    "write_data",
    "write_preview",
    "write_report",
    "write_sarif",
]
