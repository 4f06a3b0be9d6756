from __future__ import annotations

import json
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

import luthier
from luthier.data.splits.folder import to_jsonl
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.evaluation.gates.gate import EXIT_CODES
from luthier.pipeline.evaluating.pages import phrase_command
from luthier.pipeline.evaluating.plan import EvalPlan
from tests.support.chats import make_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.evaluation.report import EvalReport
    from luthier.store.home import Home


def compare(folder: Path, home: Home, **choices: object) -> EvalReport:
    file = folder / "chats.jsonl"
    file.write_text(to_jsonl(make_dataset(24)))
    engine = ScriptedEngine({"bad": lambda messages: "red", "good": lambda messages: "blue"})
    return luthier.compare("bad", "good", file, engine=engine, home=home, **choices)


def test_the_command_that_measures_again_names_every_choice(tmp_path: Path, home: Home) -> None:
    sampling = Sampling(max_tokens=9, temperature=0.5, top_p=0.9, seed=3)
    plan = EvalPlan(
        grader="json",
        sampling=sampling,
        structure="schema:a b.json",
        also=["exact"],
        guardrails=["valid-json~0.1"],
        benchmarks=["piqa"],
        benchmark_limit=50,
        cluster="customer",
        gates=tmp_path / "gates.toml",
        measures_forgetting=False,
        probes_memory=True,
        asks_calibration=True,
    )
    words = shlex.split(phrase_command(compare(tmp_path, home, sampling=sampling), "rows.jsonl", plan))
    pairs = dict(pairwise(words))
    assert words[:6] == ["luthier", "eval", "--model", "bad", "--model", "good"]
    expected = {
        "--data": "rows.jsonl",
        "--grader": "json",
        "--max-tokens": "9",
        "--temperature": "0.5",
        "--top-p": "0.9",
        "--seed": "3",
        "--structure": "schema:a b.json",
        "--also": "exact",
        "--guardrail": "valid-json~0.1",
        "--benchmark": "piqa",
        "--benchmark-limit": "50",
        "--cluster": "customer",
        "--gates": str(tmp_path / "gates.toml"),
    }
    assert {key: pairs[key] for key in expected} == expected
    assert {"--no-forgetting", "--memory", "--calibration"} <= set(words)
    assert "--latency" not in words


def test_the_file_for_scripts_says_what_was_decided_and_on_what(tmp_path: Path, home: Home) -> None:
    from luthier.evaluation.documents import write_verdict

    report = compare(tmp_path, home)
    document = json.loads(json.dumps(write_verdict(report)))
    assert document["decision"] == report.verdict.decision == "cannot_tell"
    assert document["exit_code"] == EXIT_CODES["cannot_tell"] == 4
    assert document["answer"] == "Cannot tell yet"
    assert [gate["key"] for gate in document["gates"]] == [gate.key for gate in report.verdict.gates]
    assert document["primary"]["difference"] == 0
    assert document["manifests"]["good"]["cases_hash"] == report.candidate.manifest.cases_hash
    assert "cases" not in document
