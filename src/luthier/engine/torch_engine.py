"""The embedded engine: a base and any of its adapters answer from one copy of the base's weights.

An adapter that was trained on four-bit weights answers from four-bit weights, a second copy: on any others it would be
another model than the one that was validated.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import torch

from luthier.engine.generation import complete_prompts
from luthier.engine.protocol import Likelihood, ModelIdentity, Response
from luthier.engine.scoring import score_row
from luthier.errors import ExampleTooLong, StoreDamaged, UnknownBase
from luthier.models.catalog import Base
from luthier.models.loading import load_base, translate_memory_errors
from luthier.models.lora import load_adapter
from luthier.models.precision import choose_device, choose_dtype
from luthier.models.registry import TunedModel
from luthier.tokens.pairs import encode_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from peft import PeftModel

    from luthier.engine.protocol import Answered, Request, Sampling
    from luthier.models.loading import LoadedBase
    from luthier.models.settings import Precision
    from luthier.tokens.encode import EncodedExample


class _Prompt(NamedTuple):
    place: int
    ids: list[int]


@dataclass
class _Weights:
    """One copy of a base's weights, and all adapters that stand on it."""

    base: LoadedBase
    adapted: PeftModel | None = None


class _Model(NamedTuple):
    """`adapter` is None for what answers from its weights as they are: a base, or a model tuned as a whole."""

    weights: _Weights
    identity: ModelIdentity
    adapter: TunedModel | None = None

    @property
    def base(self) -> LoadedBase:
        return self.weights.base


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
        self._weights: dict[tuple[str, bool], _Weights] = {}  # by name, and whether they are quantised
        self._models: dict[str, _Model] = {}

    @property
    def name(self) -> str:
        device = choose_device()
        dtype = choose_dtype(self._precision, device)
        return f"torch-{torch.__version__}/{device.type}/{str(dtype).removeprefix('torch.')}"

    def identify(self, model: str) -> ModelIdentity:
        return self._load(model).identity

    def generate(
        self, requests: Sequence[Request], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Response]:
        """Raises ExampleTooLong before anything is generated when a prompt fills the context."""
        groups: dict[tuple[str, Sampling], list[_Prompt]] = defaultdict(list)
        for place, request in enumerate(requests):
            base = self._load(request.model).base
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
            for batch in self._split(prompts, sampling, context_length=self._load(model).base.context_length):
                responses.update(self._answer(model, sampling, batch))
                if on_progress is not None:
                    on_progress(len(batch))
        return [responses[place] for place in range(len(requests))]

    def score(
        self, answers: Sequence[Answered], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Likelihood]:
        """Raises ExampleTooLong before anything is computed when a conversation exceeds the context."""
        rows = [self._encode(answered, place) for place, answered in enumerate(answers, start=1)]
        likelihoods = []
        for answered, row in zip(answers, rows, strict=True):
            loaded = self._load(answered.model)
            with _activate(loaded), translate_memory_errors(f"scoring with {answered.model}"):
                log_prob = score_row(loaded.base, row)
            prompt = list(row.ids[: row.is_target.index(True)])
            likelihoods.append(Likelihood(log_prob, row.target_count, _hash_prompt(prompt)))
            if on_progress is not None:
                on_progress(1)
        return likelihoods

    def _encode(self, answered: Answered, place: int) -> EncodedExample:
        base = self._load(answered.model).base
        row = encode_answer(base.template, answered.conversation)
        if row.token_count > base.context_length:
            raise ExampleTooLong(
                f"answer {place} and its prompt have {row.token_count} tokens, the context of {base.name} "
                f"{base.context_length}",
                hint="shorten the row, or leave it out of the test",
            )
        return row

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
        loaded = self._load(model)
        with _activate(loaded), translate_memory_errors(f"answering with {model}"):
            completions = complete_prompts(loaded.base, [prompt.ids for prompt in batch], sampling)
        return {
            prompt.place: Response(
                text=completion.text,
                finish_reason=completion.finish_reason,
                prompt_tokens=len(prompt.ids),
                completion_tokens=completion.token_count,
                prompt_hash=_hash_prompt(prompt.ids),
            )
            for prompt, completion in zip(batch, completions, strict=True)
        }

    def _load(self, model: str) -> _Model:
        if model not in self._models:
            found = self._resolve(model)
            self._models[model] = self._open_tuned(found) if isinstance(found, TunedModel) else self._open_base(found)
        return self._models[model]

    def _open_base(self, base: Base) -> _Model:
        weights = self._share(base, is_quantised=False)
        loaded = weights.base
        return _Model(weights, ModelIdentity(base.name, base.name, loaded.weights_hash, loaded.template.hash))

    def _open_tuned(self, tuned: TunedModel) -> _Model:
        card = tuned.card
        if card.tuning == "full":
            weights, adapter = self._share_full(tuned), None
            weights_hash = weights.base.weights_hash
        else:
            is_quantised = card.tuning == "qlora"
            weights, adapter = self._share(self._find_base(card.base), is_quantised=is_quantised), tuned
            _attach(weights, tuned)
            weights_hash = _hash(weights.base.weights_hash, "nf4" if is_quantised else "", card.weights_hash)
        template_hash = weights.base.template.hash
        return _Model(
            weights, ModelIdentity(tuned.name, card.base, weights_hash, template_hash, card.trained_on), adapter
        )

    def _find_base(self, name: str) -> Base:
        """A base, or a model tuned as a whole, which others may be tuned on."""
        found = self._resolve(name)
        return Base(found.name, found.folder) if isinstance(found, TunedModel) else found

    def _share(self, base: Base, *, is_quantised: bool) -> _Weights:
        key = base.name, is_quantised
        if key not in self._weights:
            loaded = load_base(base, precision=self._precision, is_quantised=is_quantised)
            self._weights[key] = _Weights(loaded)
        return self._weights[key]

    def _share_full(self, tuned: TunedModel) -> _Weights:
        """Raises StoreDamaged where its files are not what training has left."""
        try:
            weights = self._share(Base(tuned.name, tuned.folder), is_quantised=False)
        except UnknownBase as error:
            raise StoreDamaged(f"the weights of {error.message}", hint="tune the model again") from error
        if weights.base.template.hash != tuned.card.template_hash:
            raise StoreDamaged(
                f"the chat template of {tuned.name} has changed since it was tuned", hint="tune the model again"
            )
        return weights


@contextmanager
def _activate(model: _Model) -> Iterator[None]:
    adapted = model.weights.adapted
    if adapted is None:
        yield
    elif model.adapter is None:
        with adapted.disable_adapter():
            yield
    else:
        adapted.set_adapter(_slot(model.adapter))
        yield


def _attach(weights: _Weights, tuned: TunedModel) -> None:
    """Refuses an adapter whose base or chat template is not the one it was trained on."""
    base, card = weights.base, tuned.card
    if (card.base_weights_hash, card.template_hash) != (base.weights_hash, base.template.hash):
        raise StoreDamaged(
            f"{base.name} has changed since {tuned.name} was tuned on it",
            hint="tune the model again, or bring back the base's old weights and chat template",
        )
    weights.adapted = load_adapter(weights.adapted or base.model, tuned.folder, slot=_slot(tuned))


def _hash(*parts: str) -> str:
    return sha256("+".join(part for part in parts if part).encode()).hexdigest()


def _hash_prompt(ids: list[int]) -> str:
    return sha256(repr(ids).encode()).hexdigest()


def _slot(tuned: TunedModel) -> str:
    """PEFT's name for the adapter; dots, which a model's name may hold, are separators to it."""
    return "adapter_" + sha256(tuned.name.encode()).hexdigest()[:16]
