"""The embedded engine: a base and any of its adapters answer from one copy of the base's weights."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import torch
from peft import PeftModel

from luthier.engine.generation import complete_prompts
from luthier.engine.protocol import ModelIdentity, Response
from luthier.errors import ExampleTooLong, StoreDamaged
from luthier.models.loading import load_base, translate_memory_errors
from luthier.models.precision import choose_device, choose_dtype
from luthier.models.registry import TunedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from luthier.engine.protocol import Request, Sampling
    from luthier.models.catalog import Base
    from luthier.models.loading import LoadedBase
    from luthier.models.settings import Precision


class _Prompt(NamedTuple):
    place: int
    ids: list[int]


class TorchEngine:
    """Static batches of at most `batch_size` prompts of one model and one sampling.

    A request with a seed and a temperature is answered alone, so that its neighbours cannot change it.
    """

    def __init__(
        self,
        resolve: Callable[[str], TunedModel | Base],
        *,
        precision: Precision = "auto",
        batch_size: int = 32,
    ) -> None:
        """`resolve` finds what a name stands for, or raises UnknownModel."""
        self._resolve = resolve
        self._precision = precision
        self._batch_size = batch_size
        self._adapted: dict[str, PeftModel] = {}
        self._models: dict[str, tuple[LoadedBase, TunedModel | None]] = {}

    @property
    def name(self) -> str:
        device = choose_device()
        dtype = choose_dtype(self._precision, device)
        return f"torch-{torch.__version__}/{device.type}/{str(dtype).removeprefix('torch.')}"

    def identify(self, model: str) -> ModelIdentity:
        base, tuned = self._load(model)
        weights_hash = base.weights_hash
        trained_on: frozenset[str] = frozenset()
        if tuned is not None:
            weights_hash = sha256(f"{weights_hash}+{tuned.card.weights_hash}".encode()).hexdigest()
            trained_on = tuned.card.trained_on
        return ModelIdentity(model, base.name, weights_hash, base.template.hash, trained_on)

    def generate(
        self, requests: Sequence[Request], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Response]:
        """Raises ExampleTooLong before anything is generated when a prompt fills the context."""
        groups: dict[tuple[str, Sampling], list[_Prompt]] = defaultdict(list)
        for place, request in enumerate(requests):
            base, _ = self._load(request.model)
            ids = base.template.encode_prompt(request.messages)
            if len(ids) >= base.context_length:
                raise ExampleTooLong(
                    f"request {place + 1}: the prompt has {len(ids)} tokens, the context of {base.name} "
                    f"{base.context_length}",
                    hint="shorten the prompt; at least one token must be left for the answer",
                )
            groups[request.model, request.sampling].append(_Prompt(place, ids))
        responses: dict[int, Response] = {}
        for (model, sampling), prompts in groups.items():
            for batch in self._split(prompts, sampling, context_length=self._load(model)[0].context_length):
                responses.update(self._answer(model, sampling, batch))
                if on_progress is not None:
                    on_progress(len(batch))
        return [responses[place] for place in range(len(requests))]

    def _split(self, prompts: list[_Prompt], sampling: Sampling, *, context_length: int) -> Iterator[list[_Prompt]]:
        """Prompts of like length share a batch, which keeps padding small.

        One whose answer may meet the end of the context stands alone: in a batch it would end its neighbours' too.
        """
        size = 1 if sampling.temperature > 0 and sampling.seed is not None else self._batch_size
        ordered = sorted(prompts, key=lambda prompt: len(prompt.ids))
        roomy = [prompt for prompt in ordered if len(prompt.ids) + sampling.max_tokens <= context_length]
        for start in range(0, len(roomy), size):
            yield roomy[start : start + size]
        for prompt in ordered[len(roomy) :]:
            yield [prompt]

    def _answer(self, model: str, sampling: Sampling, batch: list[_Prompt]) -> dict[int, Response]:
        base, tuned = self._load(model)
        with self._activate(base, tuned), translate_memory_errors(f"answering with {model}"):
            completions = complete_prompts(base, [prompt.ids for prompt in batch], sampling)
        return {
            prompt.place: Response(
                text=completion.text,
                finish_reason=completion.finish_reason,
                prompt_tokens=len(prompt.ids),
                completion_tokens=completion.token_count,
                prompt_hash=sha256(repr(prompt.ids).encode()).hexdigest(),
            )
            for prompt, completion in zip(batch, completions, strict=True)
        }

    @contextmanager
    def _activate(self, base: LoadedBase, tuned: TunedModel | None) -> Iterator[None]:
        adapted = self._adapted.get(base.name)
        if adapted is None:
            yield
        elif tuned is None:
            with adapted.disable_adapter():
                yield
        else:
            adapted.set_adapter(_slot(tuned))
            yield

    def _load(self, model: str) -> tuple[LoadedBase, TunedModel | None]:
        if model not in self._models:
            found = self._resolve(model)
            if isinstance(found, TunedModel):
                base, _ = self._load(found.card.base)
                self._attach(base, found)
                self._models[model] = base, found
            else:
                self._models[model] = load_base(found, precision=self._precision), None
        return self._models[model]

    def _attach(self, base: LoadedBase, tuned: TunedModel) -> None:
        """Refuses an adapter whose base or chat template is not the one it was trained on."""
        card = tuned.card
        if (card.base_weights_hash, card.template_hash) != (base.weights_hash, base.template.hash):
            raise StoreDamaged(
                f"{base.name} has changed since {tuned.name} was tuned on it",
                hint="tune the model again, or bring back the base's old weights and chat template",
            )
        if base.name in self._adapted:
            self._adapted[base.name].load_adapter(str(tuned.folder), adapter_name=_slot(tuned))
        else:
            self._adapted[base.name] = PeftModel.from_pretrained(
                base.model, str(tuned.folder), adapter_name=_slot(tuned)
            )


def _slot(tuned: TunedModel) -> str:
    """PEFT's name for the adapter; dots, which a model's name may hold, are separators to it."""
    return "adapter_" + sha256(tuned.name.encode()).hexdigest()[:16]
