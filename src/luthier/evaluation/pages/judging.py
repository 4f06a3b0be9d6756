"""How well a judge agrees with people becomes a strip and a few facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from luthier.evaluation.charts.strips import draw_rate
from luthier.evaluation.wording import phrase_fraction, phrase_range, phrase_score
from luthier.tokens.visible import make_visible

if TYPE_CHECKING:
    from luthier.evaluation.judging.agreement import JudgeAgreement, Share


def draw_agreement(judge: JudgeAgreement) -> Markup:
    if not judge.cases:
        return Markup("")
    title = make_visible(f"{judge.judge} agrees with people in {judge.agreed} of {judge.cases} cases")
    return draw_rate(judge.agreed / judge.cases, judge.interval, title, is_candidate=True)


def list_judge_facts(judge: JudgeAgreement) -> tuple[tuple[str, str], ...]:
    return (
        ("Agreement, 95% interval", phrase_range(*judge.interval) if judge.interval else "not known"),
        ("Cohen's kappa", phrase_kappa(judge)),
        ("Passes what people pass", phrase_share(judge.sensitivity)),
        ("Fails what people fail", phrase_share(judge.specificity)),
        ("Labels that could not be used", str(judge.unusable)),
    )


def phrase_kappa(judge: JudgeAgreement) -> str:
    if judge.kappa is None:
        return "not known: all labels are alike"
    if judge.kappa_interval is None:
        return phrase_score(judge.kappa)
    low, high = judge.kappa_interval
    return f"{phrase_score(judge.kappa)} ({phrase_score(low)} to {phrase_score(high)})"


def phrase_share(share: Share) -> str:
    if share.interval is None:
        return "not known: there is none among the labels"
    fraction = phrase_fraction(share.count / share.total)
    return f"{share.count} of {share.total}, {fraction} ({phrase_range(*share.interval)})"
