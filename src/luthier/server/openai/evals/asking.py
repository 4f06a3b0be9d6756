"""A question of a run becomes what the engine is asked, by the very rules of a chat."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from luthier.errors import InvalidRequest
from luthier.server.openai.chat.asking import build_requests
from luthier.server.openai.schema.chat import ChatRequest
from luthier.server.problems import Problem
from luthier.server.validation import describe_validation_error

if TYPE_CHECKING:
    from luthier.engine.protocol import Request
    from luthier.models.public_names import PublicNames
    from luthier.pipeline.evals.questions import Question

LONGEST_WAIT_SECONDS = 600.0
"""For an answer by a small machine that has others to give as well."""

HINT = "a chat with these messages would be refused as well"


def build_request(question: Question, names: PublicNames) -> Request:
    """Raises InvalidRequest for what a chat could not be asked, and UnknownModel."""
    model = names.resolve(question.model).model
    asked = {"model": question.model, "messages": question.messages, **question.parameters}
    try:
        (request,) = build_requests(ChatRequest.model_validate(asked), model)
    except ValidationError as error:
        refusal = describe_validation_error(RequestValidationError(error.errors(), body=asked))
        raise InvalidRequest(refusal.message, hint=HINT) from error
    except Problem as error:
        raise InvalidRequest(error.message, hint=HINT) from error
    return replace(request, deadline_seconds=LONGEST_WAIT_SECONDS)
