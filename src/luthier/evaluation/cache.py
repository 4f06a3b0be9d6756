"""Answers that were given once are kept, so that the same question to the same model costs nothing twice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from luthier.conversation import fingerprint_json
from luthier.engine.protocol import Response
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.engine.protocol import ModelIdentity, Sampling
    from luthier.evaluation.task import Sample

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


def cache_key(identity: ModelIdentity, engine_name: str, sampling: Sampling, sample: Sample) -> str:
    """Changes with whatever can change an answer, and with nothing else: a renamed model keeps its answers."""
    return fingerprint_json(
        {
            "weights": identity.weights_hash,
            "template": identity.template_hash,
            "engine": engine_name,
            "sampling": sampling.model_dump(mode="json"),
            "prompt": sample.fingerprint,
        }
    )
