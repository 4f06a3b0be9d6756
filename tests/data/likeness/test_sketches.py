"""Sketches: that they estimate what they claim, without bias, and say the same everywhere."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy as np
import pytest

from luthier.conversation import Conversation, Message, ToolCall
from luthier.data.likeness.similarity import measure_rows
from luthier.data.likeness.sketches import (
    BATCH_ROWS,
    SKETCH_BYTES,
    RowText,
    comparable_text,
    estimate_similarity,
    read_row_text,
    sketch_rows,
    sketch_texts,
)

VOCABULARY = [f"word{number}" for number in range(5000)]


def change_words(words: list[str], count: int, dice: random.Random) -> list[str]:
    changed = list(words)
    for place in dice.sample(range(len(words)), count):
        changed[place] = dice.choice(VOCABULARY)
    return changed


@pytest.mark.parametrize("changes", [2, 8, 20])
def test_the_estimate_is_unbiased_and_as_exact_as_it_claims(changes: int) -> None:
    dice = random.Random(changes)
    texts = [dice.choices(VOCABULARY, k=60) for _ in range(1500)]
    first = [RowText(" ".join(words), "a label") for words in texts]
    second = [RowText(" ".join(change_words(words, changes, dice)), "a label") for words in texts]
    exact = np.array([measure_rows(a, b) for a, b in zip(first, second, strict=True)])
    errors = estimate_similarity(sketch_rows(first), sketch_rows(second)) - exact
    assert abs(errors.mean()) < 0.005
    assert errors.std() < 0.046


def test_a_sketch_is_128_bytes_and_does_not_depend_on_the_rest_of_its_batch() -> None:
    texts = [f"the {number} sat on the {number * 7} mat" for number in range(BATCH_ROWS + 10)]
    sketches = sketch_texts(texts)
    assert sketches.shape == (BATCH_ROWS + 10, SKETCH_BYTES)
    assert sketches.dtype == np.uint8
    assert np.array_equal(sketches[BATCH_ROWS + 3], sketch_texts([texts[BATCH_ROWS + 3]])[0])
    assert sketch_texts([]).shape == (0, SKETCH_BYTES)


def test_sketches_are_the_same_in_another_process() -> None:
    call = "sketch_texts(['Zoe ordered 2 hats']).tobytes().hex()"
    script = f"from luthier.data.likeness.sketches import sketch_texts; print({call})"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == sketch_texts(["Zoe ordered 2 hats"]).tobytes().hex()


def test_rows_that_share_a_template_are_alike_only_by_what_fills_it() -> None:
    dice = random.Random(0)
    template = " ".join(dice.choices(VOCABULARY, k=100))
    rows = [RowText(f"{template} {' '.join(dice.choices(VOCABULARY, k=8))}", "yes") for _ in range(300)]
    sketches = sketch_rows(rows)
    estimates = estimate_similarity(sketches[1:], sketches[:-1])
    assert measure_rows(rows[0], rows[1]) > 0.8
    assert estimates.max() < 0.7


def test_a_long_answer_in_common_does_not_make_rows_alike() -> None:
    answer = " ".join(VOCABULARY[:200])
    assert measure_rows(RowText("the lift is broken", answer), RowText("nobody calls me back", answer)) < 0.5


def test_prompt_and_answer_are_read_without_the_system_prompt_and_with_calls() -> None:
    call = ToolCall("c1", "now", '{"zone":"UTC"}')
    conversation = Conversation(
        (
            Message("system", "Answer."),
            Message("user", "What time is it?"),
            Message("assistant", tool_calls=(call,)),
            Message("tool", "12:00", tool_call_id="c1"),
            Message("assistant", "Noon."),
        )
    )
    assert read_row_text(conversation) == RowText('What time is it?\n\nnow {"zone":"UTC"}\n12:00', "Noon.")
    assert comparable_text(conversation).endswith("12:00\nNoon.")
