"""Pairs of answers are held against what the models learned, as graded answers are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.conversation import Message
from luthier.data.dataset import Dataset, Example
from luthier.data.splits.folder import to_jsonl
from luthier.engine.protocol import Likelihood, ModelIdentity
from luthier.pipeline.preference import order_pairs
from tests.support.learned import lose_rows, make_row, register_learned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.engine.protocol import Answered
    from luthier.evaluation.preference_report import PreferenceReport
    from luthier.store.home import Home

QUESTION = (
    "My neighbour practises the trumpet every evening between ten and midnight, and although I have told him kindly "
    "that the walls are thin he says that he cannot play at any other hour; case {}: what may I do?"
)
ANSWER = "Ask the house to agree on hours, write down when it is loud, and only then think of the law."


@dataclass(frozen=True)
class FondScorer:
    """Finds every answer of the tuned model likelier."""

    name: str = "written"

    def identify(self, model: str) -> ModelIdentity:
        return ModelIdentity(model, "base", model, "template", frozenset())

    def score(
        self, answers: Sequence[Answered], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Likelihood]:
        return [Likelihood(-1.0 if each.model == "tuned" else -2.0, 5, "same") for each in answers]


def build_pair(number: int) -> Example:
    topics = ("copper", "willow", "amber", "granite", "velvet", "saffron", "cobalt", "maple", "pewter", "linen")
    question = QUESTION.format(number) if number == 3 else f"What goes with {topics[number]} number {number}?"
    return replace(make_row(question, f"{ANSWER} {number}", line=number + 1), rejected=Message("assistant", "No idea."))


def order(home: Home, folder: Path) -> PreferenceReport:
    file = folder / "pairs.jsonl"
    pairs = Dataset("pairs", file, tuple(build_pair(number) for number in range(10)))
    file.write_text(to_jsonl(pairs), encoding="utf-8")
    return order_pairs(["base", "tuned"], file, scorer=FondScorer(), home=home)


def test_pairs_that_are_nearly_rows_of_the_training_void_the_verdict(home: Home, tmp_path: Path) -> None:
    learned = make_row(QUESTION.format("three").replace("kindly", "politely"), f"{ANSWER} 3")
    register_learned(home, "tuned", [learned], base="base")
    report = order(home, tmp_path)
    assert report.contamination is not None
    assert [(case.kind, case.line, case.train_line) for case in report.contamination.cases] == [("near", 4, 1)]
    assert report.candidate.trained_on_lines == ()
    assert report.verdict is not None
    assert "1 of the 10 prompts (line 4) stood in the training data, as they are or nearly" in report.verdict.reasons[1]
    assert report.to_json()["contamination"]["cases"][0]["kind"] == "near"


def test_what_could_not_be_seen_is_a_warning(home: Home, tmp_path: Path) -> None:
    register_learned(home, "tuned", [make_row("Something else?", "Yes.")], base="base", keeps_imprint=False)
    lose_rows(home)
    verdict = order(home, tmp_path).verdict
    assert verdict is not None
    assert any(warning.startswith("Exact prompts only") for warning in verdict.warnings)
