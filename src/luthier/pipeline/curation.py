"""From a training file to a smaller and better one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.curation.curator import DEFAULT_KEEP, Quota, propose_rows
from luthier.curation.output_files import is_split_off, refuse_paths, write_proposal
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress
from luthier.pipeline.training import DEFAULT_BASE

if TYPE_CHECKING:
    from luthier.curation.proposal import Proposal
    from luthier.store.home import Home


def curate(
    file: Path | str,
    out: Path | str,
    *,
    keep: float = DEFAULT_KEEP,
    rows: int | None = None,
    base: str | None = DEFAULT_BASE,
    replaces: bool = False,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> Proposal:
    """Writes the best rows to `out` and what became of every row to its ledger. `rows` win over the share `keep`.

    Without a base, rows are judged by their form, their neighbours and their words alone.
    """
    from luthier.models.embedding import load_embedder

    file, out, home = Path(file), Path(out), home or open_home()
    refuse_paths(file, out)
    if not is_split_off(file):
        progress.announce("curate after `luthier split`, and its train.jsonl alone: a curated test set flatters")
    embedder = load_embedder(home, announce=progress.announce)
    measure = None
    if base is not None:
        from luthier.curation.losses import measure_answers
        from luthier.models.catalog import locate_base
        from luthier.models.loading import load_base

        loaded = load_base(locate_base(home, base, announce=progress.announce))
        measure = partial(measure_answers, loaded, on_progress=progress.count_rows)
    proposal = propose_rows(file, Quota(rows, keep), embed=embedder.embed, measure=measure)
    write_proposal(proposal, out, replaces=replaces)
    return proposal
