"""What clients may ask of texts to be turned into vectors, and what they get."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag

from luthier.server.openai.schema.body import Body, Text, invalid_value, unsupported_value

MOST_TEXTS = 2048


def _refuse_tokens(ids: list[object]) -> list[str]:
    raise unsupported_value(
        "input",
        "token ids belong to another model's tokenizer; send texts (in LangChain: check_embedding_ctx_length=False)",
    )


def _refuse_empty(text: str) -> str:
    if not text:
        raise invalid_value("Invalid 'input': an empty text has no meaning to embed.")
    return text


def _name_kind(value: object) -> str:
    if not isinstance(value, list):
        return "text"
    is_tokens = bool(value) and all(isinstance(item, int | list) for item in value)
    return "tokens" if is_tokens else "texts"


InputText = Annotated[Text, AfterValidator(_refuse_empty)]
InputTexts = Annotated[list[InputText], Field(min_length=1, max_length=MOST_TEXTS)]
Tokens = Annotated[list[int] | list[list[int]], AfterValidator(_refuse_tokens)]


class EmbeddingRequest(Body):
    model: Text
    input: Annotated[
        Annotated[InputText, Tag("text")] | Annotated[InputTexts, Tag("texts")] | Annotated[Tokens, Tag("tokens")],
        Discriminator(_name_kind),
    ]
    encoding_format: Literal["float", "base64"] | None = None
    """base64 holds 32-bit floats, the lowest byte first."""

    dimensions: Annotated[int, Field(ge=1)] | None = None
    """The model's own number alone: its vectors mean little when they are cut."""

    user: str | None = None
    """Has no effect."""

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else [text for text in self.input if isinstance(text, str)]


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingList(BaseModel):
    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingUsage
