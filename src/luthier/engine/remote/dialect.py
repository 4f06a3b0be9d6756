"""What one kind of server understands beyond the OpenAI API, or does not: known before a request is sent to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luthier.engine.protocol import StructureKind


class ServedModel(NamedTuple):
    """A line of the server's own list. `created` is None where the server reports the time of the question."""

    id: str
    created: int | None = None
    owned_by: str = ""
    context_length: int | None = None


@dataclass(frozen=True)
class Dialect:
    """`limit_field` is what the server calls the longest answer; `own_fields` go into every request as they are.

    A server's defaults may come from the model's generation_config.json, so what is not told may not be off: with
    `tells_all` the request says also what is left at its default.
    """

    name: str
    structures: frozenset[StructureKind] = frozenset({"json_object", "json_schema"})
    has_top_k: bool = False
    top_k_off: int = 0
    limit_field: str = "max_tokens"
    tells_all: bool = True
    own_fields: dict[str, float] = field(default_factory=dict)


OPENAI = Dialect("OpenAI", limit_field="max_completion_tokens", tells_all=False)
"""Its newer models know no `max_tokens`, and some of them refuse whatever else they cannot change."""

PLAIN = Dialect("an OpenAI-compatible server")

VLLM = Dialect(
    "vLLM",
    structures=frozenset({"json_object", "json_schema", "regex", "choice"}),
    has_top_k=True,
    top_k_off=-1,
    own_fields={"min_p": 0.0, "repetition_penalty": 1.0},
)
LLAMA_CPP = Dialect("llama.cpp", has_top_k=True, own_fields={"min_p": 0.0, "repeat_penalty": 1.0})
OPENAI_HOST = "api.openai.com"
OWNERS = {"vllm": VLLM, "llamacpp": LLAMA_CPP}
"""What a server writes as `owned_by` into its list of models."""


def recognise_dialect(models: Iterable[ServedModel]) -> Dialect:
    """A server of an unknown kind is only asked for what the OpenAI API has."""
    return next((OWNERS[model.owned_by] for model in models if model.owned_by in OWNERS), PLAIN)
