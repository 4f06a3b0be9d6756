"""A proposal of rows to keep becomes a table of reasons and the worst rows, or a document for --json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.cli.render import format_table
from luthier.curation.output_files import ledger_path
from luthier.curation.proposal import COPY, COVERED, ERROR, REFUSED
from luthier.curation.signals import SIGNALS

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.curation.proposal import JudgedRow, Proposal

REASONS_SHOWN = 2
"""Of each of the worst rows; the ledger has them all."""

MEANINGS = {
    COVERED: "sound, but rows that are kept ask much the same",
    ERROR: "has errors",
    COPY: "repeats another row",
    REFUSED: "cannot be learned by this base",
    "format": "breaks the form that the other answers keep",
    "finding": "has warnings of `luthier check`",
    "length": "answer much longer or shorter than the others",
    "label": "labelled otherwise than requests like it",
    "match": "answer seems to belong to another request",
    "kin": "answered otherwise than requests like it",
    "copied": "value that is not in the request",
    "left-out": "leaves out what other rows take from the request",
    "loss": "answer that the base finds unlikely",
    "ifd": "answer that the prompt does not help to find",
}


def describe_curation(proposal: Proposal, out: Path) -> dict[str, Any]:
    return {
        **proposal.to_json(),
        "out": str(out),
        "ledger": str(ledger_path(out)),
        "signals": [signal._asdict() for signal in SIGNALS],
    }


def render_curation(proposal: Proposal, out: Path) -> str:
    path = proposal.source.path
    rows = [(str(count), signal, MEANINGS[signal]) for signal, count in proposal.left_out.most_common()]
    parts = [f"{out}: kept {len(proposal.kept.examples)} of {len(proposal.rows)} rows"]
    if proposal.suspects_kept:
        parts[0] += f", of which {proposal.suspects_kept} are suspect"
    if rows:
        parts += ["", format_table([("left out", "reason", ""), *rows])]
    if proposal.worst:
        parts += ["", "worst rows:"]
        parts += [f"  {path}:{row.line}: {_phrase_reasons(row)}" for row in proposal.worst]
    return "\n".join([*parts, "", f"every row's rank, scores and reasons: {ledger_path(out)}"])


def _phrase_reasons(row: JudgedRow) -> str:
    more = len(row.reasons) - REASONS_SHOWN
    return "; ".join(blame.reason for blame in row.reasons[:REASONS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
