"""A judge is asked about exactly those answers that people have labelled, whatever a spreadsheet did to them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.data.dataset import Dataset
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.judging.checking import check_judge
from luthier.evaluation.judging.labels import HumanLabel, read_labels
from luthier.evaluation.judging.sheet import choose_answers, make_key, write_sheet
from luthier.evaluation.task import build_samples
from tests.evaluation.judging.test_sheet import answer
from tests.support.learned import make_rows

if TYPE_CHECKING:
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import Sample

ROWS = make_rows([(f"What is {number} plus one?", str(number + 1)) for number in range(60)])
SAMPLES = build_samples(Dataset("sums", Path("sums.jsonl"), ROWS))
RESULT = answer("tuned", "pf" * 30, [f"{'yes' if number % 2 else 'no'}, {number}/12" for number in range(60)])


@dataclass(frozen=True)
class Mood:
    """Passes what holds a word; where it holds another, it has no opinion."""

    word: str
    silent: str = "never"
    name: str = "judge.json"
    judges: tuple[str, ...] = ("somebody",)

    def reference_problem(self, sample: Sample) -> str | None:
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        return Grade(self.word in output.text, "", error="judge_unreadable" if self.silent in output.text else "")


def fill_in(path: Path, *, mangles: bool = False) -> None:
    """As a person does, who passes what says yes; a spreadsheet may take 3/12 for a date."""
    answers = choose_answers(SAMPLES, [RESULT], 40, seed="a")
    rows = list(csv.DictReader(io.StringIO(write_sheet(answers))))
    for row in rows:
        row["passed"] = "yes" if "yes" in row["answer"] else "no"
        row["answer"] = "3. Dez" if mangles else row["answer"]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def test_a_judge_that_thinks_as_people_do_may_decide(tmp_path: Path) -> None:
    fill_in(tmp_path / "labels.csv")
    found = check_judge(Mood("yes"), read_labels(tmp_path / "labels.csv"), SAMPLES)
    assert (found.cases, found.agreed, found.unusable, found.may_gate) == (40, 40, 0, True)


def test_one_that_thinks_otherwise_may_not(tmp_path: Path) -> None:
    fill_in(tmp_path / "labels.csv")
    found = check_judge(Mood("1"), read_labels(tmp_path / "labels.csv"), SAMPLES)
    assert not found.may_gate


def test_answers_that_a_spreadsheet_has_changed_are_found_in_the_results(tmp_path: Path) -> None:
    fill_in(tmp_path / "labels.csv", mangles=True)
    labels = read_labels(tmp_path / "labels.csv")
    assert check_judge(Mood("yes"), labels, SAMPLES, [RESULT]).agreed == 40
    without = check_judge(Mood("yes"), labels, SAMPLES)
    assert (without.cases, without.unusable) == (0, 40)


def test_a_label_may_name_the_line_of_the_case_alone() -> None:
    labels = [HumanLabel(number, number % 2 == 1, line=number + 1) for number in range(30)]
    assert check_judge(Mood("yes"), labels, SAMPLES, [RESULT]).agreed == 30


def test_labels_of_other_tests_and_answers_without_a_judgement_are_unusable() -> None:
    labels = [
        HumanLabel(1, True, id="unknown", answer="yes"),
        HumanLabel(2, True, key=make_key(SAMPLES[0].id, "never said"), answer="changed"),
        HumanLabel(3, True, id=SAMPLES[1].id, answer="yes, but mute"),
        HumanLabel(4, True, id=SAMPLES[2].id, answer="yes"),
    ]
    found = check_judge(Mood("yes", silent="mute"), labels, SAMPLES)
    assert (found.cases, found.unusable) == (1, 3)


def test_of_two_labels_of_one_answer_the_later_one_counts() -> None:
    labels = [HumanLabel(row, passed, id=SAMPLES[0].id, answer="yes") for row, passed in ((1, False), (2, True))]
    found = check_judge(Mood("yes"), labels, SAMPLES)
    assert (found.cases, found.agreed) == (1, 1)
