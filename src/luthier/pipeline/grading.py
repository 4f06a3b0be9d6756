"""A grader as OpenAI writes it becomes a reward for one answer, by this machine's models: the arrow behind the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.evaluation.graders.openai.definition import read_grader
from luthier.evaluation.graders.openai.grading import Tools, check_grader, grade
from luthier.evaluation.graders.openai.judge import Model
from luthier.evaluation.graders.openai.sample import read_sample
from luthier.models.public_names import PublicNames

if TYPE_CHECKING:
    from luthier.engine.protocol import Embed, Engine
    from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox
    from luthier.evaluation.graders.openai.definition import Grader
    from luthier.evaluation.graders.openai.outcome import GraderRun
    from luthier.store.home import Home


class Graded(NamedTuple):
    grader: Grader
    run: GraderRun


def build_grading_tools(home: Home, engine: Engine, *, embed: Embed, sandbox: Sandbox) -> Tools:
    """Judges are named as the API names models."""
    names = PublicNames(home)

    def find_model(name: str) -> Model:
        found = names.resolve(name)
        return Model(local=found.model, public=found.id)

    return Tools(engine, embed, find_model, sandbox)


def run_grader(definition: object, text: str, *, item: Any, tools: Tools) -> Graded:
    """Of one answer's text. Raises InvalidConfig for a grader that is none, and as `grade` does."""
    grader = read_grader(definition)
    return Graded(grader, grade(grader, item, read_sample(text), tools=tools))


def validate_grader(definition: object, *, tools: Tools) -> Grader:
    """Raises InvalidConfig, UnknownModel or IsolationMissing."""
    grader = read_grader(definition)
    check_grader(grader, tools=tools)
    return grader
