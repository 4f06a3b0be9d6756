"""Every signal, once: what is measured of rows, and in which order people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.curation.answer_length import LENGTH, score_length
from luthier.curation.copying import COPIED, LEFT_OUT, score_copying
from luthier.curation.format_fit import FORMAT, score_format
from luthier.curation.label_agreement import LABEL, score_labels
from luthier.curation.likelihood import IFD, LOSS, score_likelihood
from luthier.curation.lint_findings import FINDING, score_findings
from luthier.curation.mismatch import KIN, MATCH, score_kin, score_match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.curation.candidates import Candidates
    from luthier.curation.likelihood import AnswerLosses
    from luthier.curation.signal import Scores
    from luthier.data.finding import Finding

SIGNALS = (FORMAT, FINDING, LENGTH, LABEL, MATCH, KIN, COPIED, LEFT_OUT, LOSS, IFD)


def score_rows(
    rows: Candidates, findings: Sequence[Finding], losses: Sequence[AnswerLosses] | None = None
) -> list[Scores]:
    """In the order of SIGNALS. Without losses, those signals that need a base model are left out."""
    scores = [
        score_format(rows),
        score_findings(rows, findings),
        score_length(rows),
        score_labels(rows),
        score_match(rows),
        score_kin(rows),
        *score_copying(rows),
    ]
    return [*scores, *score_likelihood(losses)] if losses is not None else scores
