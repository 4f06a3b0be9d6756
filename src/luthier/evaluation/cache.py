"""Answers that were given once are kept, so that the same question to the same model costs nothing twice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from luthier.conversation import Conversation, fingerprint_json
from luthier.engine.protocol import Response
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.engine.protocol import ModelIdentity, Request, Sampling

RESPONSE = TypeAdapter(Response)


@dataclass(frozen=True, slots=True)
class OutputCache:
    """One JSON file per answer under `folder`; a damaged one counts as absent and is written anew."""

    folder: Path

    def find(self, key: str) -> Response | None:
        try:
            kept = json.loads(self.path_of(key).read_text("utf-8"))
            return RESPONSE.validate_python(kept)
        except (OSError, ValueError, ValidationError, RecursionError):
            return None

    def keep(self, key: str, response: Response) -> None:
        write_atomic(self.path_of(key), json.dumps(asdict(response)))

    def path_of(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def is_repeatable(sampling: Sampling) -> bool:
    """Only an answer that would come out the same again may be kept."""
    return sampling.temperature == 0 or sampling.seed is not None


def cache_key(identity: ModelIdentity, engine_name: str, request: Request, *, prompt_hash: str = "") -> str:
    """Changes with whatever can change an answer, and with nothing else: a renamed model keeps its answers.

    `prompt_hash` tells apart what a template makes of the same messages at different times, such as today's date.
    """
    structure = request.structure
    return fingerprint_json(
        {
            "weights": identity.weights_hash,
            "template": identity.template_hash,
            "engine": engine_name,
            "sampling": request.sampling.model_dump(mode="json"),
            "prompt": Conversation(request.messages, request.tools).fingerprint(),
            "prompt_hash": prompt_hash,
            "tool_choice": request.tool_choice,
            "parallel_tool_calls": request.parallel_tool_calls,
            "structure": [structure.kind, structure.value] if structure else None,
        }
    )
