"""The rows of a training file go in, judged by every signal; out comes the proposal of a smaller set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from luthier.curation.candidates import read_candidates
from luthier.curation.likelihood import AnswerLosses
from luthier.curation.neighbours import find_likest
from luthier.curation.proposal import COPY, COVERED, ERROR, REFUSED, JudgedRow, Proposal
from luthier.curation.selection import choose_rows
from luthier.curation.signal import Blame, combine_scores, find_blame
from luthier.curation.signals import score_rows
from luthier.data.check import check_file
from luthier.data.dataset import Dataset
from luthier.errors import InvalidConfig, InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from luthier.conversation import Conversation
    from luthier.curation.candidates import Candidates, Embed
    from luthier.curation.likelihood import Refused
    from luthier.curation.selection import Choice
    from luthier.curation.signal import Scores
    from luthier.data.dataset import Example
    from luthier.data.finding import Finding

    Measure = Callable[[Sequence[Conversation]], list[AnswerLosses | Refused]]

FEWEST_CANDIDATES = 2
DEFAULT_KEEP = 0.5


@dataclass(frozen=True, slots=True)
class Quota:
    """How much to keep: so many rows, or a share of the file's."""

    rows: int | None = None
    keep: float = DEFAULT_KEEP

    def count(self, total: int) -> int:
        """Raises InvalidConfig for a number that keeps nothing or more than there is."""
        if self.rows is None:
            if not 0 < self.keep <= 1:
                raise InvalidConfig(f"keep = {self.keep:g}: a share is above 0 and at most 1", hint="try 0.5")
            return max(1, round(self.keep * total))
        if not 1 <= self.rows <= total:
            raise InvalidConfig(f"{self.rows} rows of {total} cannot be kept", hint=f"name a number from 1 to {total}")
        return self.rows


@dataclass
class _Intake:
    """What has been read: sound rows once each, findings, and why every other row is left out, by line."""

    examples: list[Example] = field(default_factory=list)
    findings: Sequence[Finding] = ()
    excluded: dict[int, Blame] = field(default_factory=dict)

    @property
    def unique(self) -> list[Example]:
        return [example for example in self.examples if example.line not in self.excluded]


def propose_rows(path: Path, quota: Quota, *, embed: Embed, measure: Measure | None = None) -> Proposal:
    """Deterministic: the same file, quota, embedder and base give the same proposal.

    `measure` gives each answer's losses under a base; without it, the signals that need a model are left out. Fewer
    rows than the quota are kept when fewer can be learned. Raises FileMissing, InvalidConfig or InvalidDataset.
    """
    intake = _read_rows(path)
    count = quota.count(len(intake.examples) + sum(1 for blame in intake.excluded.values() if blame.signal == ERROR))
    losses = _measure(intake, measure) if measure else None
    candidates = intake.unique
    if len(candidates) < FEWEST_CANDIDATES:
        raise InvalidDataset(
            f"{path.name} has {len(candidates) or 'no'} row{'' if len(candidates) == 1 else 's'} to choose from",
            hint=f"rows with errors and copies do not count; `luthier check {path}` lists them",
        )
    rows = read_candidates(candidates, embed)
    scores = score_rows(rows, intake.findings, losses)
    choice = choose_rows(rows.prompt_vectors, combine_scores(scores, len(rows)), count=count)
    judged = [*_judge(rows, scores, choice), *_list_excluded(intake, len(rows))]
    return Proposal(
        Dataset(path.stem, path, tuple(intake.examples)), tuple(sorted(judged, key=lambda entry: entry.line))
    )


def _read_rows(path: Path) -> _Intake:
    intake = _Intake()
    report = check_file(path, on_example=intake.examples.append)
    if report.format == "reinforcement":
        raise InvalidDataset(f"{path.name} has no answers to judge", hint="curate a file of chats or preferences")
    intake.findings = report.findings
    for finding in report.findings:
        if finding.severity == "error" and finding.line is not None:
            intake.excluded.setdefault(finding.line, Blame(ERROR, 1.0, f"{finding.code} {finding.message}"))
    first_lines: dict[str, int] = {}
    for example in intake.examples:
        first = first_lines.setdefault(example.content_fingerprint, example.line)
        if first != example.line:
            intake.excluded[example.line] = Blame(COPY, 1.0, f"same as line {first}")
    return intake


def _measure(intake: _Intake, measure: Measure) -> list[AnswerLosses]:
    """The losses of the rows that are left; what the base refuses is left out from here on."""
    examples = intake.unique
    losses = []
    for example, result in zip(examples, measure([row.conversation for row in examples]), strict=True):
        if isinstance(result, AnswerLosses):
            losses.append(result)
        else:
            intake.excluded[example.line] = Blame(REFUSED, 1.0, result.reason)
    return losses


def _judge(rows: Candidates, scores: Sequence[Scores], choice: Choice) -> list[JudgedRow]:
    suspicions = combine_scores(scores, len(rows))
    kept = choice.order[: choice.kept]
    stand_ins = find_likest(rows.prompt_vectors, rows.prompt_vectors[list(kept)], count=1)
    judged = []
    for rank, row in enumerate(choice.order, start=1):
        reasons = find_blame(scores, row)
        if rank > choice.kept and not reasons:
            reasons = [_explain_covered(rows, kept[stand_ins.rows[row, 0]], float(stand_ins.similarities[row, 0]))]
        judged.append(
            JudgedRow(
                line=rows.examples[row].line,
                rank=rank,
                is_kept=rank <= choice.kept,
                suspicion=float(suspicions[row]),
                scores={score.signal.name: float(score.values[row]) for score in scores},
                reasons=tuple(reasons),
            )
        )
    return judged


def _explain_covered(rows: Candidates, stand_in: int, similarity: float) -> Blame:
    line = rows.examples[stand_in].line
    return Blame(COVERED, 0.0, f"line {line}, which is kept, is the likest request (cosine {similarity:.2f})")


def _list_excluded(intake: _Intake, judged: int) -> list[JudgedRow]:
    return [
        JudgedRow(line, judged + number, is_kept=False, suspicion=1.0, scores={}, reasons=(blame,))
        for number, (line, blame) in enumerate(sorted(intake.excluded.items()), start=1)
    ]
