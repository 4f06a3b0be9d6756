"""What the two processes say to one another becomes one line of JSON each, and is the same again after the journey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from luthier.engine.process.failure import Failure
from luthier.engine.protocol import ModelIdentity, Piece, Request, Response
from luthier.errors import InvalidRequest, MachineError


@dataclass(frozen=True, slots=True)
class Submit:
    """`number` is the asking side's, and comes back with everything that belongs to it."""

    number: int
    request: Request
    says: Literal["submit"] = "submit"


@dataclass(frozen=True, slots=True)
class Cancel:
    number: int
    says: Literal["cancel"] = "cancel"


@dataclass(frozen=True, slots=True)
class Identify:
    number: int
    model: str
    says: Literal["identify"] = "identify"


@dataclass(frozen=True, slots=True)
class HashPrompt:
    number: int
    request: Request
    says: Literal["hash_prompt"] = "hash_prompt"


@dataclass(frozen=True, slots=True)
class EmbedTexts:
    number: int
    texts: tuple[str, ...]
    says: Literal["embed"] = "embed"


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered by Welcome at once."""

    says: Literal["ping"] = "ping"


@dataclass(frozen=True, slots=True)
class Welcome:
    """`engine` is its name, which says what it runs on."""

    engine: str
    says: Literal["welcome"] = "welcome"


@dataclass(frozen=True, slots=True)
class Pieces:
    number: int
    pieces: tuple[Piece, ...]
    says: Literal["pieces"] = "pieces"


@dataclass(frozen=True, slots=True)
class Finished:
    number: int
    response: Response
    says: Literal["finished"] = "finished"


@dataclass(frozen=True, slots=True)
class Identified:
    number: int
    identity: ModelIdentity
    says: Literal["identified"] = "identified"


@dataclass(frozen=True, slots=True)
class Hashed:
    number: int
    prompt_hash: str
    says: Literal["hashed"] = "hashed"


@dataclass(frozen=True, slots=True)
class Embedded:
    """`vectors` are the bytes of (N, D) float32 of this machine."""

    number: int
    vectors: bytes
    dimensions: int
    token_counts: tuple[int, ...]
    says: Literal["embedded"] = "embedded"


@dataclass(frozen=True, slots=True)
class Failed:
    """An answer or a call has ended so."""

    number: int
    failure: Failure
    says: Literal["failed"] = "failed"


Question = Submit | Cancel | Identify | HashPrompt | EmbedTexts | Ping
Reply = Welcome | Pieces | Finished | Identified | Hashed | Embedded | Failed

FORM = ConfigDict(
    ser_json_inf_nan="constants",
    ser_json_bytes="base64",
    val_json_bytes="base64",
    hide_input_in_errors=True,  # prompts and answers, which no log may hold
)
QUESTIONS: TypeAdapter[Question] = TypeAdapter(Annotated[Question, Field(discriminator="says")], config=FORM)
REPLIES: TypeAdapter[Reply] = TypeAdapter(Annotated[Reply, Field(discriminator="says")], config=FORM)


def write_question(question: Question) -> bytes:
    """Raises InvalidRequest for text that no other process could be told, such as half a surrogate pair."""
    try:
        return QUESTIONS.dump_json(question) + b"\n"
    except PydanticSerializationError as error:
        raise InvalidRequest(f"the request is no valid text: {error}", hint="send valid Unicode") from error


def read_question(line: bytes) -> Question:
    """Raises MachineError for a line that is none."""
    try:
        return QUESTIONS.validate_json(line)
    except ValidationError as error:
        raise _tell_disagreement(error) from error


def write_reply(reply: Reply) -> bytes:
    return REPLIES.dump_json(reply) + b"\n"


def read_reply(line: bytes) -> Reply:
    """Raises MachineError for a line that is none."""
    try:
        return REPLIES.validate_json(line)
    except ValidationError as error:
        raise _tell_disagreement(error) from error


def _tell_disagreement(error: ValidationError) -> MachineError:
    return MachineError(f"two processes of luthier do not understand one another: {error}", hint="start both anew")
