"""The table of contents: one function for each arrow from raw rows to a verdict.

The command line, the Python API and every other edge call these functions and nothing below them. What needs torch
is imported where it is used, so that checking a file does not wait for it.
"""

from __future__ import annotations

from luthier.pipeline.advising import AdviceWish, advise, write_advice_markdown, write_advice_page
from luthier.pipeline.answering import build_request, chat, find_system_prompt, stream
from luthier.pipeline.canaries import plant_canaries
from luthier.pipeline.checking import check, explain_rule, list_rules, mend, refuse_log, write_sarif
from luthier.pipeline.conversion import convert
from luthier.pipeline.curation import curate
from luthier.pipeline.data import load_test_set, split
from luthier.pipeline.demo import DemoResult, demo
from luthier.pipeline.engines import EngineKind, start_engine, use_engine
from luthier.pipeline.evaluating.pages import ReportFiles, clear_files, write_files, write_report
from luthier.pipeline.evaluating.plan import EvalChoices
from luthier.pipeline.evaluation import compare, evaluate, fetch_bases
from luthier.pipeline.home import open_home
from luthier.pipeline.jobs import JobChange, JobDesk, follow_job, open_jobs
from luthier.pipeline.judging import check_labels, write_label_sheet
from luthier.pipeline.kept import list_bases, list_models, list_runs, show
from luthier.pipeline.key_desk import open_keys
from luthier.pipeline.keys import OwnKey, create_key, ensure_own_key, list_keys, read_own_key, revoke_key
from luthier.pipeline.preference import measure, order_pairs
from luthier.pipeline.progress import Progress
from luthier.pipeline.recipes import list_recipes, read_recipe
from luthier.pipeline.resumption import resume
from luthier.pipeline.servers import create_job, find_server, reach_models
from luthier.pipeline.shelf import find_server_prompt, open_shelf
from luthier.pipeline.strength import StrengthWish, compare_strengths, keep_strength
from luthier.pipeline.tokens import measure_lengths, open_meter, preview, write_preview
from luthier.pipeline.training import DEFAULT_BASE, estimate, rehearse, tune
from luthier.pipeline.versions import add_data, diff_data, find_data, list_data, log_data, show_data, write_data

__all__ = [
    "DEFAULT_BASE",
    "AdviceWish",
    "DemoResult",
    "EngineKind",
    "EvalChoices",
    "JobChange",
    "JobDesk",
    "OwnKey",
    "Progress",
    "ReportFiles",
    "StrengthWish",
    "add_data",
    "advise",
    "build_request",
    "chat",
    "check",
    "check_labels",
    "clear_files",
    "compare",
    "compare_strengths",
    "convert",
    "create_job",
    "create_key",
    "curate",
    "demo",
    "diff_data",
    "ensure_own_key",
    "estimate",
    "evaluate",
    "explain_rule",
    "fetch_bases",
    "find_data",
    "find_server",
    "find_server_prompt",
    "find_system_prompt",
    "follow_job",
    "keep_strength",
    "list_bases",
    "list_data",
    "list_keys",
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
    "open_jobs",
    "open_keys",
    "open_meter",
    "open_shelf",
    "order_pairs",
    "plant_canaries",
    "preview",
    "reach_models",
    "read_own_key",
    "read_recipe",
    "refuse_log",
    "rehearse",
    "resume",
    "revoke_key",
    "show",
    "show_data",
    "split",
    "start_engine",
    "stream",
    "tune",
    "use_engine",
    "write_advice_markdown",
    "write_advice_page",
    "write_data",
    "write_files",
    "write_label_sheet",
    "write_preview",
    "write_report",
    "write_sarif",
]
