"""A grader as OpenAI writes it becomes a closed record, or a sentence that says where it is wrong."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from luthier.errors import InvalidConfig, did_you_mean
from luthier.evaluation.graders.openai.formula import check_formula
from luthier.evaluation.graders.openai.template import check_template

LARGEST_SOURCE = 256 * 1024  # bytes, OpenAI's limit
LONGEST_TEXT = 1_000_000  # characters of a template
MOST_GRADERS = 32  # of one multi grader
MOST_LABELS = 1_000
MOST_MESSAGES = 256  # to a judge
MOST_JUDGE_TOKENS = 1_000_000

Template = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(check_template)]
"""Text with places such as `{{ item.answer }}` and `{{ sample.output_text }}`."""

Metric = Literal[
    "cosine",
    "fuzzy_match",
    "bleu",
    "gleu",
    "meteor",
    "rouge_1",
    "rouge_2",
    "rouge_3",
    "rouge_4",
    "rouge_5",
    "rouge_l",
]


class Definition(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    name: str = ""
    """What it is called in reports and formulas; OpenAI's own examples leave it out at times."""

    pass_threshold: float | None = None
    """The least reward that counts as passed."""


class StringCheck(Definition):
    type: Literal["string_check"]
    input: Template
    reference: Template
    operation: Literal["eq", "ne", "like", "ilike"]
    """eq: the same; ne: not the same; like: the input contains the reference; ilike: whatever the case."""


class TextSimilarity(Definition):
    type: Literal["text_similarity"]
    input: Template
    reference: Template
    evaluation_metric: Metric


class TextPart(BaseModel):
    """No model here sees or hears."""

    model_config = Definition.model_config

    type: Literal["input_text", "output_text", "text"]
    text: Template


class JudgeMessage(BaseModel):
    model_config = Definition.model_config

    role: Literal["user", "assistant", "system", "developer"]
    content: list[TextPart]
    """A text or a single part may stand for the list."""

    type: Literal["message"] | None = None

    @field_validator("content", mode="before")
    @classmethod
    def _list_parts(cls, value: Any) -> Any:
        parts = value if isinstance(value, list) else [value]
        return [{"type": "input_text", "text": part} if isinstance(part, str) else part for part in parts]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.content)


class JudgeSampling(BaseModel):
    """`max_completions_tokens` is spelt as OpenAI spells it; `reasoning_effort` means nothing to models here."""

    model_config = Definition.model_config

    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_completions_tokens: int | None = Field(default=None, ge=1, le=MOST_JUDGE_TOKENS)
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None


class ScoreModel(Definition):
    type: Literal["score_model"]
    model: str
    input: list[JudgeMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    range: list[float] | None = Field(default=None, min_length=2, max_length=2)
    sampling_params: JudgeSampling | None = None

    @field_validator("range")
    @classmethod
    def _check_range(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and value[0] >= value[1]:
            raise ValueError("the first number must be less than the second")
        return value


class LabelModel(Definition):
    type: Literal["label_model"]
    model: str
    input: list[JudgeMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    labels: list[str] = Field(min_length=1, max_length=MOST_LABELS)
    passing_labels: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        for label in self.passing_labels:
            if label not in self.labels:
                raise ValueError(f"passing_labels: {label!r} is not one of the labels")
        return self


class PythonCode(Definition):
    type: Literal["python"]
    source: str
    """Defines `grade(sample, item)`, which returns a number."""

    image_tag: str | None = None
    """Names OpenAI's container; here the code finds the packages that are installed."""

    @field_validator("source")
    @classmethod
    def _check_size(cls, value: str) -> str:
        if len(value.encode("utf-8", "surrogatepass")) >= LARGEST_SOURCE:
            raise ValueError(f"must be smaller than {LARGEST_SOURCE // 1024} kB")
        return value


Single = Annotated[StringCheck | TextSimilarity | ScoreModel | LabelModel | PythonCode, Field(discriminator="type")]


class Multi(Definition):
    type: Literal["multi"]
    graders: dict[str, Single] = Field(min_length=1, max_length=MOST_GRADERS)
    """By the names that they have in the formula. A list, or one grader, is taken by the graders' own names."""

    calculate_output: str

    @field_validator("graders", mode="before")
    @classmethod
    def _name_graders(cls, value: Any) -> Any:
        if isinstance(value, dict) and not isinstance(value.get("type"), str):
            return value
        listed = value if isinstance(value, list) else [value]
        named = {_name_of(grader): grader for grader in listed}
        if len(named) < len(listed):
            raise ValueError("two of them have the same name")
        return named

    @model_validator(mode="after")
    def _check_formula(self) -> Self:
        check_formula(self.calculate_output, self.graders)
        return self


SingleGrader = StringCheck | TextSimilarity | ScoreModel | LabelModel | PythonCode
Grader = SingleGrader | Multi
TAGS = ("string_check", "text_similarity", "score_model", "label_model", "python", "multi")
KINDS: dict[str, type[Definition]] = dict(
    zip(TAGS, (StringCheck, TextSimilarity, ScoreModel, LabelModel, PythonCode, Multi), strict=True)
)
ALL_TAGS = ", ".join(map(repr, TAGS))
READER: TypeAdapter[Grader] = TypeAdapter(Annotated[Grader, Field(discriminator="type")])


def read_grader(value: object) -> Grader:
    """Raises InvalidConfig that names the place, such as `graders.style.reference`."""
    if not isinstance(value, dict):
        raise InvalidConfig("a grader is a JSON object with a type", hint=f"the types are {ALL_TAGS}")
    try:
        return READER.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = _name_place(first["loc"], value)
        if first["type"] == "extra_forbidden":
            raise InvalidConfig(
                f"{place}: a grader of this type has no such field", hint=_hint_at(first["loc"])
            ) from error
        if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
            place, said = f"{place}.type".lstrip("."), f"must be one of {first['ctx'].get('expected_tags', ALL_TAGS)}"
        else:
            said = str(first["msg"]).removeprefix("Value error, ")
        said = said[:1].lower() + said[1:]
        raise InvalidConfig(f"{place}: {said}" if place else said) from error


def _name_of(grader: Any) -> str:
    if isinstance(grader, dict) and isinstance(name := grader.get("name"), str) and name:
        return name
    raise ValueError("each of them needs a name of its own")


def _hint_at(steps: tuple[int | str, ...]) -> str:
    """The near fields where the field is the grader's own; what stands deeper is left to OpenAI's reference."""
    tag = steps[-2] if len(steps) > 1 else ""
    kind = KINDS.get(str(tag))
    return did_you_mean(str(steps[-1]), kind.model_fields) if kind else ""


def _name_place(steps: tuple[int | str, ...], value: Any) -> str:
    """What pydantic adds to say which kind of grader it tried is left out."""
    named = ""
    for step in steps:
        if isinstance(step, int):
            named += f"[{step}]"
            value = value[step] if isinstance(value, list) and step < len(value) else None
        elif step not in TAGS or (isinstance(value, dict) and step in value):
            named += f".{step}" if named else step
            value = value.get(step) if isinstance(value, dict) else None
    return named
