from __future__ import annotations

from dataclasses import replace

from luthier.engine.protocol import Structure
from luthier.evaluation.pages.provenance import build_manifest
from tests.evaluation.reports import Made, make_report


def test_what_models_share_is_told_once_and_what_is_their_own_for_each() -> None:
    report = make_report(Made(count=6))
    manifest = build_manifest(report)
    shared = dict(manifest.shared)
    assert shared["Test data"] == report.candidate.manifest.data_fingerprint
    assert shared["Also graded by"] == ", ".join(report.candidate.manifest.criteria)
    assert [own.model for own in manifest.own] == ["smollm2", "orders-v1"]
    assert dict(manifest.own[1].facts)["Weights"] == report.candidate.manifest.weights_hash
    assert "Structure of the answers" not in shared


def test_a_structure_is_told_where_answers_were_held_to_one() -> None:
    report = make_report(Made(count=6, is_pair=False))
    held = replace(report.candidate.manifest, structure=Structure("regex", "a|b"))
    manifest = build_manifest(replace(report, candidate=replace(report.candidate, manifest=held)))
    assert dict(manifest.shared)["Structure of the answers"] == "regex a|b"
