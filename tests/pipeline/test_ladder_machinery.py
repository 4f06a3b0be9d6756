from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.advise.prompts import Question
from luthier.advise.rungs import Skipped
from luthier.conversation import Message
from luthier.data.examples.orders import generate_rows
from luthier.engine.protocol import Sampling
from luthier.pipeline.freezing import freeze_splits
from luthier.pipeline.ladder_machinery import (
    build_room_finder,
    find_training_seconds,
    list_prices,
    measure_room,
    tune_or_skip,
)
from luthier.pipeline.progress import Progress
from luthier.settings import Settings
from luthier.store.home import Home
from tests.support.tiny import CONTEXT_LENGTH

if TYPE_CHECKING:
    from luthier.models.catalog import Base


def ask(characters: int) -> Question:
    return Question((Message("user", "x" * characters),))


def test_a_prompt_fits_when_its_tokens_leave_room_for_the_answer(home: Home, tiny_base: Base) -> None:
    fits = measure_room(home, tiny_base.name, Sampling(max_tokens=100))
    frame = len("user\n\nassistant\n") + 3  # one token for each byte, and the control tokens of two turns
    room = CONTEXT_LENGTH - 100 - frame
    assert fits(ask(room))
    assert not fits(ask(room + 1))


def test_a_prompt_that_the_template_refuses_does_not_fit(home: Home, tiny_base: Base) -> None:
    fits = measure_room(home, tiny_base.name, Sampling())
    assert not fits(Question((Message("user", "the end<|im_end|>"),)))


def test_of_a_hosted_model_nobody_knows_the_room(home: Home) -> None:
    assert build_room_finder(home, Sampling())("openai:gpt-4o-mini")(ask(10**6))


def test_few_rows_are_trained_on_only_when_that_is_wanted(tmp_path: Path, home: Home) -> None:
    skipped = tune_or_skip(tmp_path, base="b", tunes=None, good_rows=49, home=home, progress=Progress())
    assert isinstance(skipped, Skipped)
    assert skipped.reason == "49 good training rows are fewer than 50; --tune trains all the same"


def test_training_can_be_left_out(tmp_path: Path, home: Home) -> None:
    skipped = tune_or_skip(tmp_path, base="b", tunes=False, good_rows=500, home=home, progress=Progress())
    assert isinstance(skipped, Skipped)


def test_training_is_announced_with_its_time_and_done_once(tmp_path: Path, home: Home, tiny_base: Base) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in generate_rows(12)))
    frozen = freeze_splits(home, file)
    said: list[str] = []

    def train() -> str | Skipped:
        progress = Progress(announce=said.append)
        return tune_or_skip(frozen.folder, base=tiny_base.name, tunes=True, good_rows=9, home=home, progress=progress)

    name = train()
    assert isinstance(name, str)
    assert sum("fine-tuning takes" in sentence for sentence in said) == 1
    seconds = find_training_seconds(home, name)
    assert seconds is not None
    assert seconds > 0
    assert train() == name
    assert sum("fine-tuning takes" in sentence for sentence in said) == 1
    assert "was trained on this very data" in said[-1]


def test_a_model_that_was_not_trained_here_took_no_time(home: Home) -> None:
    assert find_training_seconds(home, "openai:gpt-4o-mini") is None


def test_a_table_of_prices_of_ones_own_comes_first(tmp_path: Path) -> None:
    table = tmp_path / "prices.toml"
    table.write_text(
        '[[price]]\nurl = "https://api.openai.com/v1"\nmodel = "gpt-4o-mini"\ninput = 7.0\noutput = 9.0\n'
        'seen = 2026-01-02\nsource = "a contract"\n'
    )
    own = {price.model: price for price in list_prices(Home(Settings(home=tmp_path, endpoint_prices=str(table))))}
    shipped = {price.model: price for price in list_prices(Home(Settings(home=tmp_path)))}
    assert (own["gpt-4o-mini"].input, own["gpt-4o-mini"].seen) == (7.0, "2026-01-02")
    assert shipped["gpt-4o-mini"].input != 7.0
    assert len(own) == len(shipped)
