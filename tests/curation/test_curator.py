"""Planted noise is left out, each row with its reason, and what is proposed depends on the file alone."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.curation.curator import Quota, propose_rows
from luthier.curation.likelihood import AnswerLosses, Refused
from luthier.errors import FileMissing, InvalidConfig, InvalidDataset
from tests.curation.requests import answer_of, build_row, embed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.conversation import Conversation
    from luthier.curation.proposal import Proposal

COUNT = 100


def write(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def plant_noise() -> dict[int, str]:
    """Thirty spoilt answers by index: swapped, prose, cut, wrong intent and invented values, six of each."""
    chosen = random.Random(0).sample(range(COUNT), 30)
    swapped, prose, cut, mislabelled, invented = (chosen[kind::5] for kind in range(5))
    spoilt = {index: answer_of(index + 5) for index in swapped}
    spoilt |= dict.fromkeys(prose, "Let me think about this.")
    spoilt |= {index: answer_of(index)[:-9] for index in cut}
    for index in mislabelled:
        answer = json.loads(answer_of(index))
        spoilt[index] = json.dumps(answer | {"intent": "PlayMusic" if index % 2 else "GetWeather"})
    for index in invented:
        answer = json.loads(answer_of(index))
        key = "city" if index % 2 else "song"
        spoilt[index] = json.dumps(
            answer | {"slots": answer["slots"] | {key: json.loads(answer_of(index + 2))["slots"][key]}}
        )
    return spoilt


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spoilt = plant_noise()
    return write(tmp_path_factory.mktemp("noisy") / "train.jsonl", [build_row(i, spoilt.get(i)) for i in range(COUNT)])


def propose(path: Path, rows: int | None = None, *, keep: float = 0.5) -> Proposal:
    return propose_rows(path, Quota(rows, keep), embed=embed)


def test_no_planted_noise_is_kept_and_sound_rows_are_not_suspected(noisy: Path) -> None:
    proposal = propose(noisy)
    spoilt = {index + 1 for index in plant_noise()}
    assert len(proposal.kept.examples) == 50
    assert not spoilt & {row.line for row in proposal.rows if row.is_kept}
    suspects = {row.line for row in proposal.rows if row.is_suspect and row.scores}
    assert len(suspects & spoilt) >= 28
    assert len(suspects - spoilt) <= 2


def test_every_row_has_one_rank_and_every_row_left_out_a_reason(noisy: Path) -> None:
    rows = propose(noisy).rows
    assert [row.line for row in rows] == list(range(1, COUNT + 1))
    assert sorted(row.rank for row in rows) == list(range(1, COUNT + 1))
    assert max(row.rank for row in rows if row.is_kept) == 50
    assert all(row.reasons and row.reasons[0].reason for row in rows if not row.is_kept)


def test_the_same_file_gives_the_same_proposal(noisy: Path) -> None:
    assert [row.to_json() for row in propose(noisy).rows] == [row.to_json() for row in propose(noisy).rows]


def test_errors_and_copies_are_left_out_whatever_the_quota(tmp_path: Path) -> None:
    broken = {"messages": [{"role": "user", "content": "unanswered"}]}
    rows = [*(build_row(index) for index in range(20)), build_row(4), broken]
    proposal = propose(write(tmp_path / "train.jsonl", rows), 22)
    assert len(proposal.kept.examples) == 20
    assert proposal.left_out == {"copy": 1, "error": 1}
    assert proposal.rows[20].reasons[0].reason == "same as line 5"
    assert proposal.rows[21].reasons[0].reason == "LD207 the last message is from user"


def test_a_sound_row_that_others_stand_for_says_which(tmp_path: Path) -> None:
    proposal = propose(write(tmp_path / "train.jsonl", [build_row(index) for index in range(20)]), 10)
    left_out = [row for row in proposal.rows if not row.is_kept]
    assert {row.reasons[0].signal for row in left_out} == {"covered"}
    named = int(left_out[0].reasons[0].reason.split()[1].rstrip(","))
    assert proposal.rows[named - 1].is_kept


def test_suspects_are_kept_only_when_asked_for_and_counted(noisy: Path) -> None:
    assert propose(noisy).suspects_kept == 0
    assert propose(noisy, keep=1.0).suspects_kept >= 28


def test_a_base_adds_its_scores_and_its_refusals(noisy: Path) -> None:
    def measure(conversations: Sequence[Conversation]) -> list[AnswerLosses | Refused]:
        return [Refused("too long"), *(AnswerLosses(1.0 + (n == 7), 1.5) for n in range(1, len(conversations)))]

    rows = propose_rows(noisy, Quota(), embed=embed, measure=measure).rows
    assert rows[0].reasons[0].signal == "refused"
    assert rows[7].scores["ifd"] == pytest.approx(2 / 1.5)
    assert "ifd" in {blame.signal for blame in rows[7].reasons}
    assert "ifd" not in propose(noisy).rows[7].scores


@pytest.mark.parametrize(("rows", "keep"), [(0, 0.5), (101, 0.5), (None, 0.0), (None, 1.5), (None, float("nan"))])
def test_an_impossible_quota_is_refused(noisy: Path, rows: int | None, keep: float) -> None:
    with pytest.raises(InvalidConfig):
        propose(noisy, rows, keep=keep)


def test_a_file_without_sound_rows_or_without_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset):
        propose(write(tmp_path / "a.jsonl", [{"messages": []}] * 3))
    with pytest.raises(FileMissing):
        propose(tmp_path / "none.jsonl")
