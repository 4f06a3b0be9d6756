"""Test questions, training rows and documents go in, plans of rungs come out; nothing is searched or trained before its
rung is climbed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from luthier.advise.copies import find_copies, read_documents, read_text
from luthier.advise.few_shot import ExampleShelf, find_giveaways
from luthier.advise.prepared_engine import PreparedEngine
from luthier.advise.prompts import (
    Fits,
    PreparedPrompt,
    Question,
    prepare_both,
    prepare_examples,
    prepare_passages,
    read_asked,
    replace_instructions,
)
from luthier.advise.retrieval.recall import DEPTHS, find_wanted, measure_recall
from luthier.advise.retrieval.search import HybridIndex
from luthier.advise.rungs import CITING, SHOWING, TRAINED, Rung, RungPlan, Skipped, Technique, name_rung
from luthier.conversation import fingerprint_json
from luthier.data.dataset import Dataset
from luthier.evaluation.contamination import read_examples

if TYPE_CHECKING:
    from luthier.advise.copies import CopiedRow
    from luthier.advise.retrieval.corpus import Corpus
    from luthier.advise.retrieval.passages import Passage
    from luthier.advise.retrieval.recall import RecallAt
    from luthier.data.dataset import Example
    from luthier.engine.protocol import Embed, Engine
    from luthier.evaluation.task import EvalTask, Sample

NO_DOCUMENTS = "no folder of documents was named"
NO_EXAMPLES = "no training row can serve as an example"


@dataclass(frozen=True)
class Materials:
    """`timed` are questions outside the test, by which the pace of each rung is measured.

    `system` replaces the instructions of the rows on the rungs that are not trained; empty leaves them.
    `source_key` is where the metadata of a row names the documents of its answer.
    """

    task: EvalTask
    train: Dataset
    corpus: Corpus | None = None
    timed: tuple[Sample, ...] = ()
    system: str = ""
    examples: int = 5
    passages: int = 3
    source_key: str = "source"


@dataclass(frozen=True)
class Machinery:
    """What the rungs work with. `find_room` says of a model what its context holds; `tune` returns the name of the
    trained model, or why there is none, and may be called again."""

    find_engine: Callable[[str], Engine]
    find_room: Callable[[str], Fits]
    is_hosted: Callable[[str], bool]
    embed: Embed
    tune: Callable[[], str | Skipped]


class Workshop:
    """Searches once for all rungs that need it."""

    def __init__(self, materials: Materials, machinery: Machinery) -> None:
        self.materials = materials
        self._machinery = machinery
        samples = (*materials.task.samples, *materials.timed)
        self._questions = list(dict.fromkeys(Question(sample.prompt, sample.tools) for sample in samples))

    def plan(self, models: Sequence[str], base: str) -> list[RungPlan]:
        """The techniques in the order of the ladder, and within each the models in theirs; training is of the base."""
        techniques: list[Technique] = ["prompt", "own_prompt", "few_shot", "retrieval", "few_shot_retrieval"]
        if not self.materials.system:
            techniques.remove("own_prompt")
        if self.materials.corpus is None:
            techniques.remove("few_shot_retrieval")  # that there are no documents is told of retrieval
        plain = [
            RungPlan(technique, model, partial(self._open, technique, model))
            for technique in techniques
            for model in models
        ]
        tuned: list[Technique] = ["tuned", "tuned_retrieval"]
        return [*plain, *(RungPlan(technique, base, partial(self._open_tuned, technique)) for technique in tuned)]

    def measure_recall(self) -> tuple[RecallAt, ...]:
        """Empty without documents, or when no test row names one."""
        corpus, samples = self.materials.corpus, self.materials.task.samples
        if corpus is None:
            return ()
        wanted = [find_wanted(each.metadata, self.materials.source_key, corpus.documents) for each in samples]
        if not any(wanted):
            return ()
        found = [self._passages_of[Question(each.prompt, each.tools)] for each in samples]
        return measure_recall(wanted, found)

    def _open_tuned(self, technique: Technique) -> Rung | Skipped:
        if technique == "tuned_retrieval" and self.materials.corpus is None:
            return Skipped(technique, "", NO_DOCUMENTS)
        model = self._machinery.tune()
        if isinstance(model, Skipped):
            return model._replace(technique=technique)
        return self._open(technique, model)

    def _open(self, technique: Technique, model: str) -> Rung | Skipped:
        if technique in CITING and self.materials.corpus is None:
            return Skipped(technique, model, NO_DOCUMENTS)
        if technique in SHOWING and self._shelf is None:
            return Skipped(technique, model, NO_EXAMPLES)
        engine = self._machinery.find_engine(model)
        name, is_hosted = name_rung(technique, model), self._machinery.is_hosted(model)
        if technique in ("prompt", "tuned"):
            return Rung(technique, model, name, engine, {}, is_hosted)
        fits = self._machinery.find_room(model)
        prompts = {question: self._prepare(technique, question, fits) for question in self._questions}
        prepared = PreparedEngine(engine, model, name, prompts, self._fingerprint_recipe(technique))
        return Rung(technique, model, name, prepared, prompts, is_hosted, self._find_copies(technique))

    def _find_copies(self, technique: Technique) -> tuple[CopiedRow, ...]:
        own = () if technique in TRAINED else self._copies_in_prompt
        return (*own, *(self.copies_in_documents if technique in CITING else ()))

    @cached_property
    def copies_in_documents(self) -> tuple[CopiedRow, ...]:
        """Test rows that stand in the documents with their answers: whoever is shown them can copy."""
        corpus = self.materials.corpus
        return find_copies(self.materials.task.samples, read_documents(corpus.passages)) if corpus else ()

    @cached_property
    def _copies_in_prompt(self) -> tuple[CopiedRow, ...]:
        system = self.materials.system
        return find_copies(self.materials.task.samples, [read_text(system, "your own prompt")]) if system else ()

    def _prepare(self, technique: Technique, question: Question, fits: Fits) -> PreparedPrompt:
        asked = question
        if self.materials.system and technique not in TRAINED:
            asked = question._replace(messages=replace_instructions(question.messages, self.materials.system))
        if technique == "few_shot":
            return prepare_examples(asked, self._examples_of[question], fits)
        if technique not in CITING:
            return PreparedPrompt(asked.messages)
        passages = self._passages_of[question][: self.materials.passages]
        if technique == "few_shot_retrieval":
            return prepare_both(asked, self._examples_of[question], passages, fits)
        return prepare_passages(asked, passages, fits)

    def _fingerprint_recipe(self, technique: Technique) -> str:
        materials = self.materials
        corpus = materials.corpus.fingerprint if materials.corpus else ""
        shown, told = [materials.train.fingerprint, materials.examples], [corpus, materials.passages]
        sources = {"few_shot": shown, "few_shot_retrieval": [*shown, *told]}
        return fingerprint_json([technique, materials.system, sources.get(technique, told)])

    @cached_property
    def _shelf(self) -> ExampleShelf | None:
        train, test = self.materials.train.examples, read_examples(self.materials.task.samples)
        held_back = find_giveaways(train, Dataset("test", self.materials.train.path, test))
        try:
            return ExampleShelf(train, self._machinery.embed, held_back=held_back)
        except ValueError:
            return None

    @cached_property
    def _examples_of(self) -> dict[Question, list[Example]]:
        found = self._shelf.find(self._questions, self.materials.examples) if self._shelf else []
        return dict(zip(self._questions, found, strict=True))

    @cached_property
    def _passages_of(self) -> dict[Question, list[Passage]]:
        """As many as are shown, or as the recall is measured for."""
        if self.materials.corpus is None:
            return {}
        passages = self.materials.corpus.passages
        index = HybridIndex([passage.searched for passage in passages], self._machinery.embed)
        depth = max(self.materials.passages, *DEPTHS)
        hits = index.search([read_asked(question) for question in self._questions], depth)
        return {
            question: [passages[hit.place] for hit in found]
            for question, found in zip(self._questions, hits, strict=True)
        }
