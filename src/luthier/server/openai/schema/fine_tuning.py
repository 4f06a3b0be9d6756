"""What clients may ask of fine-tuning jobs and of checkpoints' permissions."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from luthier.server.openai.schema.body import Body, JsonObject, Text, invalid_value, unsupported_value

LARGEST_SEED = 2**31 - 1

Auto = Literal["auto"]
Metadata = Annotated[
    dict[Annotated[Text, Field(max_length=64)], Annotated[Text, Field(max_length=512)]], Field(max_length=16)
]


class Hyperparameters(Body):
    batch_size: Annotated[int, Field(ge=1, le=256)] | Auto | None = None
    """Examples of a step; the machine's memory decides how many are computed at once."""

    learning_rate_multiplier: Annotated[float, Field(gt=0)] | Auto | None = None
    """Of the rate that Luthier would choose by itself."""

    n_epochs: Annotated[int, Field(ge=1, le=50)] | Auto | None = None

    def settle(self) -> dict[str, Any]:
        """What is left out or null is `auto`."""
        return {name: "auto" if value is None else value for name, value in self.model_dump().items()}


class PreferenceHyperparameters(Hyperparameters):
    beta: Annotated[float, Field(gt=0, le=2)] | Auto | None = None
    """How much a departure from the model that training starts from costs."""


class Supervised(Body):
    hyperparameters: Hyperparameters | None = None


class Preference(Body):
    hyperparameters: PreferenceHyperparameters | None = None


class Method(Body):
    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: Supervised | None = None
    dpo: Preference | None = None
    reinforcement: JsonObject | None = None

    @field_validator("type")
    @classmethod
    def _refuse_reinforcement(cls, type: str) -> str:
        if type == "reinforcement":
            raise unsupported_value("type", "jobs here are supervised or dpo")
        return type

    @model_validator(mode="after")
    def _require_own(self) -> Self:
        for name in ("supervised", "dpo", "reinforcement"):
            if name != self.type and getattr(self, name) is not None:
                raise invalid_value(f"method.{name} does not go with a method of type {self.type}", param=name)
        return self


class WandbIntegration(Body):
    project: Annotated[Text, Field(min_length=1)]
    name: Text | None = None
    entity: Text | None = None
    tags: Annotated[list[Annotated[Text, Field(max_length=64)]], Field(max_length=50)] | None = None


class Integration(Body):
    type: Literal["wandb"]
    wandb: WandbIntegration


class JobRequest(Body):
    model: Text
    """A base, an alias, or a tuned model or checkpoint, from which training goes on."""

    training_file: Text
    validation_file: Text | None = None
    suffix: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = None
    metadata: Metadata | None = None
    integrations: Annotated[list[Integration], Field(max_length=5)] | None = None
    method: Method | None = None
    hyperparameters: Hyperparameters | None = None
    """The older place for those of the method `supervised`."""

    @model_validator(mode="after")
    def _require_one_place(self) -> Self:
        if self.hyperparameters is None or self.method is None:
            return self
        newer = self.method.supervised and self.method.supervised.hyperparameters
        if self.method.type != "supervised" or (newer and newer != self.hyperparameters):
            raise invalid_value(
                "hyperparameters contradicts method: give them in method alone", param="hyperparameters"
            )
        return self

    @property
    def files(self) -> dict[str, str]:
        """Their ids by the names of their parameters."""
        files = {"training_file": self.training_file, "validation_file": self.validation_file}
        return {name: file_id for name, file_id in files.items() if file_id is not None}

    @property
    def method_name(self) -> Literal["supervised", "dpo"]:
        return "dpo" if self.method is not None and self.method.type == "dpo" else "supervised"

    @property
    def chosen_hyperparameters(self) -> dict[str, Any]:
        """All that the method has, each a number or `auto`."""
        if self.method_name == "dpo":
            preference = self.method and self.method.dpo and self.method.dpo.hyperparameters
            return (preference or PreferenceHyperparameters()).settle()
        supervised = self.method and self.method.supervised and self.method.supervised.hyperparameters
        return (supervised or self.hyperparameters or Hyperparameters()).settle()


class PermissionRequest(Body):
    project_ids: Annotated[
        list[Annotated[Text, Field(min_length=1, max_length=256)]], Field(min_length=1, max_length=1000)
    ]
