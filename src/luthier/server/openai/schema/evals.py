"""What clients may ask of evals and their runs, in OpenAI's words, and a reason for what is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, Tag, model_validator

from luthier.server.openai.schema.body import Body, JsonObject, Text, invalid_value, unsupported_value
from luthier.server.openai.schema.fine_tuning import Metadata
from luthier.server.openai.schema.forms import LIST, TEXT, text_or_list
from luthier.server.openai.schema.tools import ResponseFormat, Tool

LARGEST_SEED = 2**63 - 1
LATEST_SECOND = 2**33
MOST_CRITERIA = 100
MOST_MESSAGES = 256
UNREAD = {"input_image": "images", "input_audio": "sounds", "image_url": "images"}

Name = Annotated[Text, Field(max_length=1000)]
Moment = Annotated[int, Field(ge=0, le=LATEST_SECOND)]


def _refuse_responses(value: Any) -> Any:
    if isinstance(value, dict) and value.get("type") == "responses":
        raise unsupported_value("type", "there is no Responses API here; use completions, or jsonl")
    return value


def _refuse_unread(part: Any) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(kind, str) and kind in UNREAD:
        raise unsupported_value(kind, f"models here read text, and no {UNREAD[kind]}")
    return part


class CustomConfig(Body):
    type: Literal["custom"]
    item_schema: JsonObject
    """A JSON schema, which every item of a run has to match."""

    include_sample_schema: bool | None = None
    """Whether runs make samples; it only tells what the eval's `schema` shows."""


class LogsConfig(Body):
    type: Literal["logs"]
    metadata: Metadata | None = None
    """Stored completions of a run must hold these pairs too."""


class StoredCompletionsConfig(Body):
    """The older name of `logs`."""

    type: Literal["stored_completions"]
    metadata: Metadata | None = None


DataSourceConfig = Annotated[CustomConfig | LogsConfig | StoredCompletionsConfig, Field(discriminator="type")]


class EvalRequest(Body):
    data_source_config: DataSourceConfig
    testing_criteria: Annotated[list[JsonObject], Field(min_length=1, max_length=MOST_CRITERIA)]
    """Graders: label_model, string_check, text_similarity, python, score_model."""

    name: Name | None = None
    metadata: Metadata | None = None


class EvalUpdate(Body):
    name: Name | None = None
    metadata: Metadata | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """By the fields of an eval; a name cannot be taken away, and metadata can."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if name == "metadata" or value is not None}


class ItemContent(Body):
    item: JsonObject
    sample: JsonObject | None = None
    """An answer that is there already: `output_text`, or the `choices` of a completion."""


class FileContent(Body):
    type: Literal["file_content"]
    content: Annotated[list[ItemContent], Field(min_length=1, fail_fast=True)]


class FileReference(Body):
    """Of an uploaded file with the purpose `evals`: JSON Lines, each with an `item` and perhaps a `sample`."""

    type: Literal["file_id"]
    id: Text


class StoredCompletions(Body):
    type: Literal["stored_completions"]
    metadata: Metadata | None = None
    model: Text | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    limit: Annotated[int, Field(ge=1)] | None = None


class TemplatePart(Body):
    type: Literal["input_text", "output_text", "text"]
    text: str


Part = Annotated[str | TemplatePart, BeforeValidator(_refuse_unread)]
Parts = Annotated[list[Part], Field(min_length=1)]
Content = Annotated[Annotated[Part, Tag(TEXT)] | Annotated[Parts, Tag(LIST)], text_or_list]


class TemplateMessage(Body):
    role: Literal["user", "assistant", "system", "developer"]
    content: Content
    """With places such as `{{ item.question }}`."""

    type: Literal["message"] | None = None


class TemplateInput(Body):
    type: Literal["template"]
    template: Annotated[list[TemplateMessage], Field(min_length=1, max_length=MOST_MESSAGES)]


class ReferenceInput(Body):
    type: Literal["item_reference"]
    item_reference: Text
    """Where a list of messages stands, such as `item.input`."""


class RunSampling(Body):
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-LARGEST_SEED - 1, le=LARGEST_SEED)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """Has no effect: models here think only as they were trained to."""


class JsonlSource(Body):
    """Nothing is asked: the criteria judge what came with each item."""

    type: Literal["jsonl"]
    source: Annotated[FileContent | FileReference, Field(discriminator="type"), BeforeValidator(_refuse_responses)]


class CompletionsSource(Body):
    """A model is asked about each item; without a model the answers that came along are judged."""

    type: Literal["completions"]
    source: Annotated[
        FileContent | FileReference | StoredCompletions,
        Field(discriminator="type"),
        BeforeValidator(_refuse_responses),
    ]
    model: Text | None = None
    input_messages: Annotated[TemplateInput | ReferenceInput, Field(discriminator="type")] | None = None
    sampling_params: RunSampling | None = None

    @model_validator(mode="after")
    def _require_both(self) -> Self:
        if self.model is None and self.input_messages is not None:
            raise invalid_value("Missing required parameter: 'model', which the messages are for.", param="model")
        if self.model is not None and self.input_messages is None and self.source.type != "stored_completions":
            text = "Missing required parameter: 'input_messages', which the model is asked."
            raise invalid_value(text, param="input_messages")
        return self


DataSource = Annotated[JsonlSource | CompletionsSource, Field(discriminator="type"), BeforeValidator(_refuse_responses)]


class EvalRunRequest(Body):
    data_source: DataSource
    name: Name | None = None
    metadata: Metadata | None = None
