"""A trained model, beside a record of its start, becomes gates: what must hold before the model may bear its name.

None of them says that the model is good, which is the evaluation's affair; each says that the training has happened,
has reached the output, and is what is saved and served.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors import SafetensorError
from torch.distributed.tensor import DTensor

from luthier.errors import ProofFailed, StoreDamaged
from luthier.models.tuning import can_show_start, get_trained_state, list_trained, read_saved
from luthier.tokens.packing import pack_rows
from luthier.training.objectives.likelihood import score_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from luthier.conversation import Message
    from luthier.data.dataset import Example
    from luthier.models.tuning import NamedTensor, TrainedModel
    from luthier.tokens.chat_template import ChatTemplate
    from luthier.tokens.encode import EncodedExample
    from luthier.training.plan import Plan

COMPARED_ROWS = 8
"""Held-out rows that are read before training as well: they cost time before the first step."""

READ_ROWS = 32
"""Held-out rows that are read after training. Of a run without any, training rows take their place."""

LEAST_CHANGE = 1e-5
"""Nats per token; float32 alone moves a log-probability by about a tenth of it when sums are taken in another order."""

ENDING_FRACTION = 0.5
"""Of held-out answers. Models that learnt to stop are near 1 on short forms and above a half on free text, many a
sentence of which could go on; those that did not are near 0."""


@dataclass(frozen=True, slots=True)
class Gate:
    """`value` decided; `detail` says it as a sentence. A gate that is not required warns and lets the model pass."""

    name: str
    holds: bool
    is_required: bool
    value: float
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    gates: tuple[Gate, ...]

    def find_flaw(self) -> Gate | None:
        """The first required gate that does not hold."""
        return next((gate for gate in self.gates if gate.is_required and not gate.holds), None)

    def require(self) -> None:
        """Raises ProofFailed with the first required gate that does not hold."""
        if flaw := self.find_flaw():
            raise ProofFailed(f"the model is not registered: {flaw.detail}", hint=flaw.hint)

    def to_json(self) -> dict[str, dict[str, Any]]:
        rows = [asdict(gate) for gate in self.gates]
        return {row.pop("name"): row for row in rows}


class Start(NamedTuple):
    """What is trained before it is trained, as digests, and the log-probabilities that the model then gives."""

    digests: tuple[str, ...]
    log_probs: tuple[torch.Tensor, ...]


class Reading(NamedTuple):
    """What a model makes of a row's targets; `ends` says whether it would end the last answer where the row does."""

    log_probs: torch.Tensor  # (N,), on the CPU
    ends: bool


def record_start(model: TrainedModel, plan: Plan, *, template: ChatTemplate) -> Start:
    """Of a model that no step or checkpoint has touched, which answers as its base or the adapter it goes on from."""
    readings = read_rows(model, choose_read_rows(plan)[:COMPARED_ROWS], template.stop_ids)
    return Start(digest_tensors(model), tuple(reading.log_probs for reading in readings))


def prove_learning(model: TrainedModel, plan: Plan, start: Start, *, template: ChatTemplate, folder: Path) -> Proof:
    """`folder` holds the weights as they were saved, and `template` is what serving loads."""
    readings = read_rows(model, choose_read_rows(plan), template.stop_ids)
    what = "held-out answers" if plan.validation else "training answers"
    return Proof(
        (
            compare_weights(start.digests, digest_tensors(model)),
            compare_outputs(start.log_probs, [reading.log_probs for reading in readings], what=what),
            count_endings(readings, what=what),
            compare_served_tokens(template, plan),
            compare_saved(get_trained_state(model), read_saved(folder), dtype=find_saved_dtype(model)),
        )
    )


def choose_read_rows(plan: Plan) -> list[EncodedExample]:
    """Validation rows where there are any; of a preference pair the preferred one."""
    return [item.rows[0] for item in (plan.validation or plan.train)[:READ_ROWS]]


def read_rows(model: TrainedModel, rows: Sequence[EncodedExample], stop_ids: frozenset[int]) -> list[Reading]:
    """Each by itself: in other company, or with more of it, the same row would be rounded otherwise."""
    model.eval()
    readings = []
    for row in rows:
        batch = pack_rows([row])
        scores = score_targets(model, batch.to(model.device))
        is_last_stop = int(batch.labels[-1]) in stop_ids
        readings.append(Reading(scores.log_probs.cpu(), is_last_stop and bool(scores.is_argmax[-1])))
    return readings


def digest_tensors(model: TrainedModel) -> tuple[str, ...]:
    """SHA-256 of each trained tensor: copies of all would take as much memory as a full model. Of a tensor that is
    spread over processes, the part that is here."""
    return tuple(sha256(_view_bytes(parameter.detach()).numpy().data).hexdigest() for parameter in list_trained(model))


def find_saved_dtype(model: TrainedModel) -> torch.dtype:
    """An adapter is stored as it was trained, a full model in the precision that it computes in."""
    return torch.float32 if can_show_start(model) else model.dtype


def compare_weights(start: Sequence[str], end: Sequence[str]) -> Gate:
    changed = sum(before != after for before, after in zip(start, end, strict=False))
    return Gate(
        "weights_changed",
        holds=changed > 0,
        is_required=True,
        value=changed,
        detail=f"{changed} of {len(start)} trained tensors differ from their start",
        hint="no step has reached the weights: raise the learning rate",
    )


def compare_outputs(
    start: Sequence[torch.Tensor], end: Sequence[torch.Tensor], *, what: str = "held-out answers"
) -> Gate:
    """The mean absolute difference of the log-probabilities that both give to the tokens of the same answers."""
    changes = torch.cat([(after - before).abs() for before, after in zip(start, end, strict=False)])
    change = float(changes.mean())
    return Gate(
        "output_changed",
        holds=change > LEAST_CHANGE,
        is_required=True,
        value=change,
        detail=f"the log-probabilities of the tokens of {len(start)} {what} differ from those before training by "
        f"{change:.2g} nats in the mean",
        hint="the model answers as it did before: raise the learning rate or train for more steps",
    )


def count_endings(readings: Sequence[Reading], *, what: str = "held-out answers") -> Gate:
    """Only a warning: where an answer may as well go on, not to end it is no fault."""
    ended = sum(reading.ends for reading in readings)
    return Gate(
        "answers_end",
        holds=ended >= ENDING_FRACTION * len(readings),
        is_required=False,
        value=ended / len(readings),
        detail=f"{ended} of {len(readings)} {what} would be ended by the model where they end",
        hint="its answers may run on: train for more epochs, or serve it with a stop text",
    )


def compare_served_tokens(template: ChatTemplate, plan: Plan) -> Gate:
    """The tokens that a prompt has in use against those that it had in training, for every trained answer."""
    examples, total, strays = plan.train_rows.examples, 0, []
    for example, item in zip(examples, plan.train, strict=True):
        for prompt in _list_prompts(example):
            served = template.encode_prompt(prompt, tools=example.conversation.tools)
            total += 1
            if not all(_begins_with(row, served) for row in item.rows):
                strays.append(example.line)
    first = f", first in line {strays[0]} of {plan.train_rows.path.name}" if strays else ""
    return Gate(
        "served_as_trained",
        holds=not strays,
        is_required=True,
        value=total - len(strays),
        detail=f"{total - len(strays)} of {total} prompts have the tokens in use that they had in training{first}",
        hint="the base's tokenizer or chat template has changed since the rows were encoded: train again",
    )


def compare_saved(trained: Mapping[str, torch.Tensor], saved: Iterable[NamedTensor], *, dtype: torch.dtype) -> Gate:
    """Bit by bit, with names and shapes; `dtype` is that of the file."""
    alike: set[str] = set()
    problem = ""
    try:
        for name, tensor in saved:
            if name in trained and _is_same(tensor, trained[name].to(dtype)):
                alike.add(name)
    except (SafetensorError, OSError, StoreDamaged) as error:
        problem = f"; the rest cannot be read: {error}"
    return Gate(
        "saved_as_trained",
        holds=alike == set(trained) and not problem,
        is_required=True,
        value=len(alike),
        detail=f"{len(alike)} of {len(trained)} saved tensors are those in memory{problem}",
        hint="run the same command again, which saves them anew; should this come back, check the disk",
    )


def _list_prompts(example: Example) -> Iterator[Sequence[Message]]:
    """What stands before each answer that is trained; in a preference pair only the last one is."""
    messages = example.conversation.messages
    for place, message in enumerate(messages):
        is_asked = example.rejected is None or place == len(messages) - 1
        if message.role == "assistant" and message.is_trained and is_asked:
            yield messages[:place]


def _begins_with(row: EncodedExample, prompt: Sequence[int]) -> bool:
    """And what is trained begins where it ends."""
    length = len(prompt)
    return row.ids[:length] == tuple(prompt) and row.is_target[length - 1 : length + 1] == (False, True)


def _is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(_view_bytes(one), _view_bytes(other))


def _view_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """On the CPU, with bits that are the number's own: 0 and -0 differ, and a NaN is what it is."""
    local = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    return local.cpu().contiguous().reshape(-1).view(torch.uint8)
