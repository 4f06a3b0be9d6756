"""Questions of a benchmark go to a model of an engine, and its replies come back; what is known is not asked again."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.conversation import Message, fingerprint_json
from luthier.engine.asking import await_each
from luthier.engine.protocol import Reading, Request, Sampling
from luthier.errors import DataError, InvalidRequest, LuthierError
from luthier.evaluation.cache import OutputCache
from luthier.evaluation.forgetting.answers import name_answer
from luthier.evaluation.forgetting.benchmarks.question import Continuation, Likelihood, OpenQuestion
from luthier.evaluation.forgetting.drift import bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import ModelIdentity, Survey
    from luthier.evaluation.forgetting.benchmarks.question import Question, Reply
    from luthier.evaluation.forgetting.session import Session

OPENING = "\n"
"""Stands before a text that nothing stands before: of a text alone the first token has no likelihood."""

MOST_STOPS = 4  # of a request; an answer is cut at the others afterwards


@dataclass(frozen=True)
class Likelihoods:
    """Of each continuation, None where it is too long to be read."""

    found: tuple[Likelihood | None, ...]


def answer_questions(session: Session, model: ModelIdentity, questions: Sequence[Question]) -> list[Reply]:
    """In their order. Raises the first error that is not one of a question alone."""
    texts = [question for question in questions if isinstance(question, Continuation)]
    likelihoods = iter(_weigh(session, model, texts).found if texts else ())
    answers = iter(_ask(session, model, [each for each in questions if isinstance(each, OpenQuestion)]))
    return [next(likelihoods if isinstance(question, Continuation) else answers) for question in questions]


def _weigh(session: Session, model: ModelIdentity, texts: Sequence[Continuation]) -> Likelihoods:
    def measure() -> Likelihoods:
        readings = [Reading(each.text, context=each.context or OPENING) for each in texts]
        return Likelihoods(tuple(survey and _sum_up(survey) for survey in _survey(session, model.name, readings)))

    words = fingerprint_json([[each.context, each.text] for each in texts])
    return session.recall(Likelihoods, [model], words, steps=len(texts), measure=measure)


def _survey(session: Session, model: str, readings: Sequence[Reading]) -> list[Survey | None]:
    """All together, unless some cannot be read: then each for itself, for these cost no other its place."""
    with suppress(DataError, InvalidRequest):  # raised before anything is computed
        return list(session.surveyor.survey([model], readings, on_progress=session.on_progress))
    surveys: list[Survey | None] = []
    for reading in readings:
        found: list[Survey] = []
        with suppress(DataError, InvalidRequest):
            found = session.surveyor.survey([model], [reading])
        surveys.append(found[0] if found else None)
        session.on_progress(1)
    return surveys


def _sum_up(survey: Survey) -> Likelihood:
    return Likelihood(-float(bound(survey.surprisals[0]).sum()), bool(survey.is_likeliest[0].all()))


def _ask(session: Session, model: ModelIdentity, questions: Sequence[OpenQuestion]) -> list[str | None]:
    """Each as a message of a user, in the words of the model's own chat template."""
    cache = None if session.folder is None else OutputCache(session.folder / "outputs")
    requests = [_draft(model.name, question) for question in questions]
    keys = [name_answer(session.engine, request) for request in requests]
    found: dict[int, str | None] = {
        place: kept.text for place, key in enumerate(keys) if cache is not None and (kept := cache.find(key))
    }
    session.on_progress(len(found))
    places = [place for place in range(len(requests)) if place not in found]
    with closing(await_each([session.engine.submit(requests[place]) for place in places])) as ended:
        for number, outcome in ended:
            place = places[number]
            if isinstance(outcome, DataError | InvalidRequest):
                found[place] = None
            elif isinstance(outcome, LuthierError):
                raise outcome
            else:
                found[place] = outcome.text
                if cache is not None:
                    cache.keep(keys[place], outcome)
            session.on_progress(1)
    return [_cut(found[place], question.stop) for place, question in enumerate(questions)]


def _draft(model: str, question: OpenQuestion) -> Request:
    sampling = Sampling(max_tokens=question.max_tokens, stop=question.stop[:MOST_STOPS])
    return Request(model, (Message("user", question.prompt),), sampling)


def _cut(answer: str | None, stops: Sequence[str]) -> str | None:
    if answer is not None:
        for stop in stops[MOST_STOPS:]:
            answer = answer.split(stop, 1)[0]
    return answer
