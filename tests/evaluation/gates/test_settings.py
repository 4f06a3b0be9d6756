from __future__ import annotations

from pathlib import Path

import pytest

from luthier.errors import FileMissing, InvalidConfig
from luthier.evaluation.forgetting.margins import Margins
from luthier.evaluation.gates.settings import GateSettings, build_gates, read_gates


def write(folder: Path, text: str) -> Path:
    path = folder / "gates.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    text = 'wanted_gain = 0.1\nrequired = ["forgetting"]\n[forgetting]\nknowledge = 0.3\n'
    settings = read_gates(write(tmp_path, text))
    assert settings == GateSettings(wanted_gain=0.1, required=("forgetting",), forgetting={"knowledge": 0.3})
    assert settings.margins == Margins(knowledge=0.3)
    assert read_gates(write(tmp_path, "")) == GateSettings()


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("wanted_gian = 0.1", "unknown gate 'wanted_gian'", "did you mean wanted_gain?"),
        ("[forgetting]\nknowlege = 1", "unknown gate 'forgetting.knowlege'", "did you mean knowledge?"),
        ("wanted_gain = 5", "wanted_gain: input should be less than 1", ""),
        ("fewest_cases = 3", "fewest_cases: input should be greater than or equal to 6", ""),
        ("latency_seconds = nan", "latency_seconds: input should be a finite number", ""),
        ('required = ["gain"]', "required.0: input should be 'contamination'", ""),
        ("wanted_gain = ", "is not TOML", "write lines such as: wanted_gain = 0.1"),
    ],
)
def test_what_is_no_gate_is_refused_by_name(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidConfig, match=r"gates\.toml") as caught:
        read_gates(write(tmp_path, text))
    assert message in caught.value.message
    assert caught.value.hint == hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="no such file"):
        read_gates(tmp_path / "none.toml")


def test_keys_of_a_program_are_held_to_the_same(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"luthier\.toml: unknown gate 'speed'"):
        build_gates({"speed": 1}, source="gates in luthier.toml")


def test_the_usual_margins_are_those_of_the_probes() -> None:
    assert GateSettings().margins == Margins()


@pytest.mark.parametrize("family", ["general_text", "knowledge", "instructions", "behaviour"])
def test_a_margin_that_no_number_of_probes_could_show_is_refused_before_anything_is_measured(family: str) -> None:
    with pytest.raises(InvalidConfig, match=f"forgetting.{family}: "):
        build_gates({"forgetting": {family: 0}})
    assert build_gates({"forgetting": {"leakage": 0}}).margins.leakage == 0
