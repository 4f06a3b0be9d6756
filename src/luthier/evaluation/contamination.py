"""Test cases and what each model has learned from go in, every case that one of them has met before comes out.

A case is exact when its prompt was a training prompt, whatever the case, spacing and punctuation; near when the rows
have nearly the same words; and quoted when they share 13 words in a row, which may be a form
of words and voids nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from luthier.data.likeness.contamination import find_overlaps
from luthier.data.likeness.sketches import comparable_text
from luthier.data.profile import system_prompt
from luthier.data.splits.bonds import fold_prose
from luthier.evaluation.training_rows import Depth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from luthier.data.likeness.contamination import Overlap
    from luthier.evaluation.task import Sample
    from luthier.evaluation.training_rows import Lessons, TrainingFile

LeakKind = Literal["exact", "near", "quoted"]

LEAK_KINDS: dict[str, LeakKind] = {"row": "exact", "prompt": "exact", "near": "near", "passage": "quoted"}

STRENGTHS: tuple[LeakKind, ...] = ("exact", "near", "quoted")

LONGEST_TEXT = 2000
"""Characters of a row that a report shows."""


class _Test(NamedTuple):
    sample: Sample
    example: Example


class _Place(NamedTuple):
    """A training row; `text` is "" where it is not kept."""

    file: str
    line: int
    text: str = ""


class Sitting(Protocol):
    """What a model made of the test, whatever that was."""

    @property
    def model(self) -> str: ...

    @property
    def trained_on_lines(self) -> tuple[int, ...]: ...


NOWHERE = _Place("", 0)


@dataclass(frozen=True, slots=True)
class LeakedCase:
    """`similarity` is that of the words, 1 for the same. `shared` is what both rows say, as the test writes it.

    `train_text` and `shared` are "" where the training rows are not kept; `train_line` is 0 where not even lines are.
    """

    model: str
    sample_id: str
    line: int
    kind: LeakKind
    train_file: str
    train_line: int
    similarity: float
    shared: str
    test_text: str
    train_text: str


@dataclass(frozen=True, slots=True)
class RowsChecked:
    """How well the test could be held against what this model was trained on; `note` says what could not be seen."""

    model: str
    rows: int
    depth: Depth
    note: str


@dataclass(frozen=True, slots=True)
class Contamination:
    """`cases` has each test case once for each model that has met it, in the order of the test."""

    total: int
    cases: tuple[LeakedCase, ...]
    checks: tuple[RowsChecked, ...]

    @property
    def exact(self) -> tuple[LeakedCase, ...]:
        return self._select("exact")

    @property
    def near(self) -> tuple[LeakedCase, ...]:
        return self._select("near")

    @property
    def quoted(self) -> tuple[LeakedCase, ...]:
        return self._select("quoted")

    @property
    def lines(self) -> tuple[int, ...]:
        """Of the cases that say nothing about new ones."""
        return tuple(sorted({case.line for case in (*self.exact, *self.near)}))

    @property
    def is_void(self) -> bool:
        return bool(self.lines)

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be seen, in sentences."""
        return tuple(check.note for check in self.checks if check.note)

    def _select(self, kind: LeakKind) -> tuple[LeakedCase, ...]:
        return tuple(case for case in self.cases if case.kind == kind)


def find_contamination(
    samples: Sequence[Sample], lessons: Iterable[Lessons], *, results: Sequence[Sitting] = ()
) -> Contamination:
    """`results` say by the hash of exact prompts what a model has met, however little else is known of its rows."""
    checks, cases = [], []
    for each in lessons:
        met = {line for result in results if result.model == each.model for line in result.trained_on_lines}
        cases += _find_cases(samples, each, met)
        checks.append(RowsChecked(each.model, each.rows, each.depth, each.note))
    order = {sample.id: place for place, sample in enumerate(samples)}
    return Contamination(len(samples), tuple(sorted(cases, key=lambda case: order[case.sample_id])), tuple(checks))


def read_examples(samples: Sequence[Sample]) -> tuple[Example, ...]:
    """The rows that the samples were made from, as far as they count for likeness."""
    return tuple(
        Example(
            Conversation(
                (*sample.prompt, Message("assistant", sample.reference, tool_calls=sample.reference_calls)),
                sample.tools,
            ),
            sample.line,
        )
        for sample in samples
    )


def _find_cases(samples: Sequence[Sample], lessons: Lessons, met: set[int]) -> list[LeakedCase]:
    """Of several training rows that are like a case the one that is most like it."""
    tests = [_Test(*pair) for pair in zip(samples, read_examples(samples), strict=True)]
    found = [case for file in lessons.files for case in _search_rows(tests, file, lessons.model)]
    found += _search_imprints(tests, lessons)
    found += [
        _build_case(test, lessons.model, "exact", shared=show_prompt(test.example))
        for test in tests
        if test.sample.line in met
    ]
    best: dict[str, LeakedCase] = {}
    for case in sorted(found, key=lambda case: (STRENGTHS.index(case.kind), -case.similarity)):
        best.setdefault(case.sample_id, case)
    return list(best.values())


def _search_rows(tests: Sequence[_Test], file: TrainingFile, model: str) -> Iterator[LeakedCase]:
    test_of = {test.example.line: test for test in tests}
    rows = {row.line: row for row in file.examples}
    dataset = Dataset("test", Path("test"), tuple(test.example for test in tests))
    for overlap in find_overlaps(file.examples, dataset):
        test, row = test_of[overlap.test_line], rows[overlap.train_line]
        kind, place = _classify(overlap, test.example, row), _Place(file.name, row.line, show_row(row))
        yield _build_case(test, model, kind, place, similarity=overlap.similarity, shared=overlap.text)


def _classify(overlap: Overlap, test: Example, train: Example) -> LeakKind:
    """The same question under another system prompt and with another answer is another task: a quotation."""
    if overlap.kind == "prompt" and fold_prose(system_prompt(test)) != fold_prose(system_prompt(train)):
        answers = {fold_prose(each.conversation.answer.content) for each in (test, train)}
        return "exact" if len(answers) == 1 else "quoted"
    return LEAK_KINDS[overlap.kind]


def _search_imprints(tests: Sequence[_Test], lessons: Lessons) -> Iterator[LeakedCase]:
    for imprint in lessons.imprints:
        for found in imprint.find_resemblances([test.example for test in tests]):
            kind: LeakKind = "exact" if found.asks_the_same else "quoted" if found.is_another_task else "near"
            place = _Place(imprint.source, found.line)
            yield _build_case(tests[found.query], lessons.model, kind, place, similarity=found.similarity)


def _build_case(
    test: _Test, model: str, kind: LeakKind, place: _Place = NOWHERE, *, similarity: float = 1.0, shared: str = ""
) -> LeakedCase:
    return LeakedCase(
        model=model,
        sample_id=test.sample.id,
        line=test.sample.line,
        kind=kind,
        train_file=place.file,
        train_line=place.line,
        similarity=similarity,
        shared=_shorten(shared),
        test_text=show_row(test.example),
        train_text=place.text,
    )


def show_prompt(example: Example) -> str:
    return comparable_text(Conversation(example.conversation.prompt))


def show_row(example: Example) -> str:
    """All that is said in it but the system prompt."""
    return _shorten(comparable_text(example.conversation))


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
