"""A grader as OpenAI writes it becomes a reward for one answer, by this machine's models: the arrow behind the API."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import UnknownModel
from luthier.evaluation.graders.openai.confinement.sandbox import Limits, Sandbox
from luthier.evaluation.graders.openai.definition import read_grader
from luthier.evaluation.graders.openai.grading import Tools, check_grader, grade
from luthier.evaluation.graders.openai.judge import Model
from luthier.evaluation.graders.openai.sample import read_sample
from luthier.evaluation.graders.openai.supervision import Audience, Supervision
from luthier.models.public_names import PublicNames
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from luthier.engine.protocol import Embed, Engine
    from luthier.evaluation.graders.openai.definition import Grader
    from luthier.evaluation.graders.openai.outcome import GraderRun
    from luthier.store.home import Home


class Graded(NamedTuple):
    grader: Grader
    run: GraderRun


def build_sandbox(home: Home) -> Sandbox:
    return Sandbox(Limits(seconds=home.settings.grader_seconds))


def build_grading_tools(home: Home, engine: Engine, *, embed: Embed, sandbox: Sandbox) -> Tools:
    """For the API: judges are named as it names models."""
    names = PublicNames(home)

    def find_model(name: str) -> Model:
        found = names.resolve(name)
        return Model(local=found.model, public=found.id)

    return Tools(engine, embed, find_model, sandbox)


def open_grading_tools(home: Home, engine: Engine, *, progress: Progress = Progress()) -> Tools:
    """For whoever sits at this machine: judges are named as models are everywhere on the command line, hosted ones and
    aliases included, and what they said is kept in the home folder. For one run, which `progress` hears of."""
    from luthier.evaluation.cache import OutputCache
    from luthier.pipeline.embedding import TextEmbedder

    return Tools(
        engine,
        TextEmbedder(home),
        lambda name: _find_judge(home, name),
        build_sandbox(home),
        cache=OutputCache(home.path / "judgements"),
        supervision=Supervision(Audience(progress.count_grades_up, progress.announce)),
    )


def _find_judge(home: Home, name: str) -> Model:
    """Raises UnknownModel."""
    from luthier.engine.remote.address import is_remote
    from luthier.models.registry import resolve_model

    if is_remote(name):
        return Model(local=name, public=name)
    with suppress(UnknownModel):
        return Model(local=PublicNames(home).resolve(name).model, public=name)
    try:
        resolve_model(home, name)
    except UnknownModel as error:
        hint = f"{error.hint}; a hosted one is written openai:{name}"
        raise UnknownModel(f"the grader's judge: {error.message}", hint=hint) from error
    return Model(local=name, public=name)


def run_grader(definition: object, text: str, *, item: Any, tools: Tools) -> Graded:
    """Of one answer's text. Raises InvalidConfig for a grader that is none, and as `grade` does."""
    grader = read_grader(definition)
    return Graded(grader, grade(grader, item, read_sample(text), tools=tools))


def validate_grader(definition: object, *, tools: Tools) -> Grader:
    """Raises InvalidConfig, UnknownModel or IsolationMissing."""
    grader = read_grader(definition)
    check_grader(grader, tools=tools)
    return grader
