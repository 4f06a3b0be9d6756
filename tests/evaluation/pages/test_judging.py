from __future__ import annotations

from luthier.evaluation.judging.agreement import Opinion, measure_judge
from luthier.evaluation.pages.judging import draw_agreement, list_judge_facts


def test_agreement_is_told_in_counts_and_shares() -> None:
    judge = measure_judge(
        "tone.json", [Opinion(True, True)] * 15 + [Opinion(False, False)] * 9 + [Opinion(False, True)]
    )
    facts = dict(list_judge_facts(judge))
    assert facts["Passes what people pass"].startswith("15 of 15, 100%")
    assert facts["Fails what people fail"].startswith("9 of 10, 90%")
    assert facts["Cohen's kappa"].startswith("0.9")
    assert 'width="96.0%"' in draw_agreement(judge)


def test_without_labels_nothing_is_drawn_and_everything_unknown() -> None:
    judge = measure_judge("tone.json", [])
    assert draw_agreement(judge) == ""
    assert [words.split(":")[0] for _, words in list_judge_facts(judge)][:4] == ["not known"] * 4
