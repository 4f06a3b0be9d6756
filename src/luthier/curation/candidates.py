"""The rows to choose from, with all that the signals read in them: prompts and answers as text, fields and vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from luthier.curation.answers import read_answer
from luthier.curation.neighbours import find_nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from luthier.curation.answers import ReadAnswer
    from luthier.data.dataset import Example

    Vectors = NDArray[np.float32]
    Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class Candidates:
    """N rows without errors and without copies. Vectors are (N, D) and of length 1; `nearest` is (N, k) or less.

    `nearest` are the rows whose prompts are most alike, the likest first, never the row itself.
    """

    examples: tuple[Example, ...]
    prompts: tuple[str, ...]
    answers: tuple[ReadAnswer, ...]
    prompt_vectors: Vectors
    answer_vectors: Vectors
    nearest: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.examples)


def read_candidates(examples: Sequence[Example], embed: Embed) -> Candidates:
    prompts = tuple(read_prompt(example) for example in examples)
    answers = tuple(read_answer(example.conversation.answer) for example in examples)
    prompt_vectors = embed(prompts)
    return Candidates(
        tuple(examples),
        prompts,
        answers,
        prompt_vectors,
        embed([answer.text for answer in answers]),
        find_nearest(prompt_vectors).rows,
    )


def read_prompt(example: Example) -> str:
    """All that is said before the answer, but for instructions, which most rows share."""
    said = (message.content for message in example.conversation.prompt if message.role not in ("system", "developer"))
    return "\n".join(said)
