"""All chunks of a step as one packed row through the model, whatever adapter each is for; the fast way.

Keys and values lie in memory of our own, so that rows come and go at every step, and what they begin with is shared.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch

from luthier.engine.runners.attention import ChunkRows, Layout, SharedRows, ShelfRows
from luthier.engine.runners.memory import STRIDE, Budget, Run, Shelf, allocate_run, list_bounds, shift_run
from luthier.engine.runners.prefixes import NEAR_ENOUGH, Prefixes, choose_shared_length
from luthier.engine.runners.sequence import Admission
from luthier.errors import OutOfMemory
from luthier.models.loading import translate_memory_errors
from luthier.tokens.tree import count_common

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence as Many

    from transformers import PreTrainedModel

    from luthier.engine.adapters.adapter import Adapter
    from luthier.engine.runners.linears import Routing
    from luthier.engine.runners.memory import Shape
    from luthier.engine.runners.passage import Stretch
    from luthier.engine.runners.prefixes import Shared
    from luthier.engine.runners.sequence import Chunk, Sequence
    from luthier.tokens.encode import EncodedExample

PEERS_LOOKED_AT = 64
"""Of those that wait: so many are compared to find what is worth sharing."""

FEWEST_TOGETHER = 3
"""Rows of a shelf: fewer are quicker one by one."""


class _Token(NamedTuple):
    id: int
    position: int
    adapter: Adapter | None


@dataclass(eq=False)
class _Row:
    """Where a sequence's keys and values are: behind those of `shared`, in a run of its own while its prompt is
    computed, then at `place` of a shelf."""

    sequence: Sequence
    shared: Shared | None = None
    run: Run | None = None
    shelf: Shelf | None = None
    place: int = 0

    @property
    def skipped(self) -> int:
        return self.shared.length if self.shared else 0

    @property
    def own(self) -> int:
        """Computed tokens that are not shared."""
        return self.sequence.computed - self.skipped


class PackedRunner:
    """See `Runner`. `kv_tokens` of keys and values may be held in all."""

    def __init__(self, model: PreTrainedModel, routing: Routing, shape: Shape, *, kv_tokens: int) -> None:
        """A model whose attention is `attend_packed` or what `install_layers` makes of it."""
        self._model = cast("Any", model)  # what a causal model is called with is not part of its type
        self._routing = routing
        self._shape = shape
        self._budget = Budget(kv_tokens)
        self._prefixes = Prefixes(shape, self._budget)
        self._shelves = [Shelf(shape, self._budget, longest=bound) for bound in list_bounds(kv_tokens)]
        self._rows: dict[Sequence, _Row] = {}
        self._on_shelf: dict[Shelf, list[_Row]] = {shelf: [] for shelf in self._shelves}
        self._joining: dict[_Row, Shelf] = {}

    @property
    def vocabulary_size(self) -> int:
        return int(self._model.config.get_text_config().vocab_size)

    @property
    def capacity(self) -> int:
        """A prompt stands twice for a moment, when it has been computed and goes to its shelf."""
        return max(0, (self._budget.limit - STRIDE) // 2)

    def admit(self, sequence: Sequence, waiting: Many[Sequence]) -> Admission:
        wanted = self._choose_shared_length(sequence, waiting)
        shared = self._prefixes.find_shared(sequence.ids, sequence.adapter)
        if wanted and (shared is None or shared.length < NEAR_ENOUGH * wanted):
            builder = self._find_builder(sequence, wanted)
            if builder is not None and builder.sequence.computed < wanted:
                return Admission.LATER
            shared = self._share(sequence, wanted, builder)
            # The one that was found may have left for it.
            shared = shared or self._prefixes.find_shared(sequence.ids, sequence.adapter)
        return self._seat(sequence, shared)

    def reserve(self, chunk: Chunk) -> bool:
        row = self._rows[chunk.sequence]
        if row.run is not None and chunk.count < chunk.sequence.pending:
            return True
        shelf = self._choose_shelf(row.own + chunk.count)
        if shelf is row.shelf:
            return self._fit(shelf, 0, row.own + chunk.count)
        self._joining.pop(row, None)
        if not self._fit(shelf, 1, row.own + chunk.count):
            return False
        self._joining[row] = shelf
        return True

    @torch.inference_mode()
    def step(self, chunks: Many[Chunk]) -> torch.Tensor:
        """(len(chunks), V), float32"""
        for row in [row for row in self._joining if row.shelf is not None]:
            self._put_on_shelf(row)
        layout, order = self._lay_out(chunks)
        ends, end = {}, 0
        for chunk in order:
            end += chunk.count
            ends[chunk.sequence] = end - 1
        tokens = [_Token(id_, place, chunk.sequence.adapter) for chunk in order for id_, place in _list_next(chunk)]
        with self._translate_memory_errors("answering"):
            logits = self._compute(tokens, [ends[chunk.sequence] for chunk in chunks], layout)
        for chunk in chunks:
            chunk.sequence.computed += chunk.count
        for row in [row for row in self._joining if not row.sequence.pending]:
            self._put_on_shelf(row)
        self._joining.clear()
        return logits

    @torch.inference_mode()
    def score(self, row: EncodedExample, adapter: Adapter | None) -> float:
        targets = [place for place, is_target in enumerate(row.is_target) if is_target]
        chunk = ChunkRows(0, len(row.ids), allocate_run(self._shape, len(row.ids)), 0, None)
        tokens = [_Token(token, place, adapter) for place, token in enumerate(row.ids)]
        logits = self._compute(tokens, [place - 1 for place in targets], Layout([], None, [chunk]))
        expected = torch.tensor([row.ids[place] for place in targets], device=logits.device)
        return float(logits.log_softmax(-1).gather(1, expected[:, None]).double().sum())

    @torch.inference_mode()
    def read(self, stretches: Many[Stretch], adapter: Adapter | None) -> torch.Tensor:
        """(n, V), float32"""
        chunks: list[ChunkRows] = []
        tokens: list[_Token] = []
        heads: list[int] = []
        for stretch in stretches:
            passage, start = stretch.passage, len(tokens)
            if passage.memory is None:
                passage.memory = allocate_run(self._shape, len(passage.ids) - 1)
            chunks.append(ChunkRows(start, stretch.count, passage.memory, passage.computed, None))
            tokens += [_Token(passage.ids[place], place, adapter) for place in stretch.places]
            heads += [start + place - passage.computed for place in stretch.heads]
        # A model cannot be asked for no logits at all.
        logits = self._compute(tokens, heads or [0], Layout([], None, chunks))[: len(heads)]
        for stretch in stretches:
            stretch.finish()
        return logits

    def release(self, sequence: Sequence) -> None:
        row = self._rows.pop(sequence)
        self._joining.pop(row, None)
        if row.own > 0:
            runs = [] if row.shared is None else [self._prefixes.view(row.shared)]
            self._prefixes.keep(sequence.ids[: sequence.computed], sequence.adapter, [*runs, _find_run(row)])
        self._drop(row)
        sequence.computed = 0

    def forget(self, adapter: Adapter) -> None:
        """The adapter leaves the memory: no row uses it any more."""
        self._prefixes.forget(adapter)
        self._routing.forget(adapter)

    def _compute(self, tokens: list[_Token], heads: list[int], layout: Layout) -> torch.Tensor:
        """(len(heads), V), float32: the logits after the tokens at the places `heads` of the packed row."""
        ids, positions, adapters = zip(*tokens, strict=True)
        self._routing.direct(adapters, heads=heads)
        device = self._shape.device
        logits: torch.Tensor = self._model(
            input_ids=torch.tensor([ids], device=device),
            position_ids=torch.tensor([positions], device=device),
            logits_to_keep=torch.tensor(heads, device=device),
            use_cache=False,
            layout=layout,
        ).logits[0]
        return logits.float()

    def _choose_shared_length(self, sequence: Sequence, waiting: Many[Sequence]) -> int:
        peers = [*self._rows, *(other for other in waiting[: PEERS_LOOKED_AT + 1] if other is not sequence)]
        return choose_shared_length(
            sequence.ids, (peer.ids for peer in peers if peer.adapter is sequence.adapter and peer is not sequence)
        )

    def _find_builder(self, sequence: Sequence, wanted: int) -> _Row | None:
        """A row that has computed the beginning, or else one that will."""
        rows = [
            row
            for row in self._rows.values()
            if row.sequence.adapter is sequence.adapter and count_common(row.sequence.ids, sequence.ids) >= wanted
        ]
        return max(rows, key=lambda row: row.sequence.computed, default=None)

    def _share(self, sequence: Sequence, wanted: int, builder: _Row | None) -> Shared | None:
        ids, adapter = sequence.ids[:wanted], sequence.adapter
        if builder is not None:
            runs = [] if builder.shared is None else [self._prefixes.view(builder.shared)]
            shared = self._prefixes.share(ids, adapter, _take(wanted, [*runs, _find_run(builder)]))
            if shared is not None and builder.shared is None:
                self._stand_on(builder, shared)
            return shared
        match = self._prefixes.find_kept(sequence.ids, adapter)
        if match is None or match.length < wanted:
            return None
        return self._prefixes.share(ids, adapter, [match.kept.run.cut(0, wanted)])

    def _stand_on(self, row: _Row, shared: Shared) -> None:
        """The row that has computed what others share uses it like them: attention need not treat it apart."""
        shift_run(_find_run(row), shared.length)
        row.shared = shared
        self._prefixes.use(shared)

    def _seat(self, sequence: Sequence, shared: Shared | None) -> Admission:
        """Room for the prompt, and to stand on a shelf later, with some to grow for all that run."""
        row = _Row(sequence, shared)
        own = len(sequence.ids) - row.skipped
        slack = STRIDE * sum(shelf.rows for shelf in self._shelves)
        if shared is not None:
            self._prefixes.use(shared)
        if not self._make_room(2 * own + STRIDE + (slack if self._rows else 0)):
            self._drop(row)
            return Admission.FULL
        try:
            with self._translate_memory_errors("admitting"):
                row.run = allocate_run(self._shape, own)
        except OutOfMemory:
            self._drop(row)
            raise
        self._budget.used += own
        match = self._prefixes.find_kept(sequence.ids, sequence.adapter)
        sequence.computed = row.skipped
        if match is not None and match.length > row.skipped:
            row.run.write(0, match.kept.run.cut(row.skipped, match.length))
            sequence.computed = match.length
        self._rows[sequence] = row
        return Admission.ADMITTED

    @contextmanager
    def _translate_memory_errors(self, doing: str) -> Iterator[None]:
        """Raises OutOfMemory, and what nobody uses now is given up, so that the next attempt has more room."""
        try:
            with translate_memory_errors(doing):
                yield
        except OutOfMemory:
            self._prefixes.evict(self._budget.limit)
            raise

    def _choose_shelf(self, length: int) -> Shelf:
        return next(shelf for shelf in self._shelves if length <= shelf.longest)

    def _fit(self, shelf: Shelf, more_rows: int, length: int) -> bool:
        rows = shelf.count + more_rows + sum(other is shelf for other in self._joining.values())
        return shelf.fit(rows, length) or (
            self._make_room(shelf.count_tokens_to_fit(rows, length)) and shelf.fit(rows, length)
        )

    def _make_room(self, tokens: int) -> bool:
        if self._budget.free >= tokens:
            return True
        if not self._joining:
            for shelf in self._shelves:
                shelf.trim()
        return self._prefixes.evict(tokens)

    def _put_on_shelf(self, row: _Row) -> None:
        shelf, source = self._joining.pop(row), _find_run(row)
        place = shelf.take_row()
        shelf.fill_row(place, [source])
        self._leave_place(row)
        row.run, row.shelf, row.place = None, shelf, place
        self._on_shelf[shelf].append(row)

    def _leave_place(self, row: _Row) -> None:
        """Gives back the run or the place on the shelf, where the last row moves up."""
        if row.run is not None:
            self._budget.used -= row.run.length
        if row.shelf is None:
            return
        rows = self._on_shelf[row.shelf]
        last = rows.pop()
        row.shelf.drop_row(row.place)
        if last is not row:
            rows[row.place] = last
            last.place = row.place
        if not rows and row.shelf not in self._joining.values():
            row.shelf.trim()

    def _drop(self, row: _Row) -> None:
        self._leave_place(row)
        if row.shared is not None:
            row.shared.users -= 1

    def _lay_out(self, chunks: Many[Chunk]) -> tuple[Layout, list[Chunk]]:
        """The chunks in the order of the packed row, and what attention has to know of them."""
        singles = {self._rows[chunk.sequence]: chunk for chunk in chunks if chunk.count == 1}
        counts = Counter(row.shelf for row in singles if row.shelf is not None)
        full = [shelf for shelf, rows in self._on_shelf.items() if FEWEST_TOGETHER <= len(rows) == counts[shelf]]
        decoding = [row for shelf in full for row in self._on_shelf[shelf]]
        shelves, start = [], 0
        for shelf, group in groupby(decoding, key=lambda row: row.shelf):
            rows = list(group)
            assert shelf is not None
            shelves.append(self._describe_shelf(shelf, rows, start))
            start += len(rows)
        order = [singles[row] for row in decoding]
        seated = set(decoding)
        rest = []
        for chunk in chunks:
            row = self._rows[chunk.sequence]
            if row not in seated:
                prefix = None if row.shared is None else self._prefixes.view(row.shared)
                run = row.run or cast("Shelf", row.shelf).view(row.place, row.own + chunk.count)
                rest.append(ChunkRows(start, chunk.count, run, row.own, prefix))
                order.append(chunk)
                start += chunk.count
        return Layout(shelves, self._describe_shared(decoding), rest), order

    def _describe_shelf(self, shelf: Shelf, rows: list[_Row], start: int) -> ShelfRows:
        device, heads = self._shape.device, self._shape.heads
        own = torch.tensor([row.own for row in rows], device=device)
        rows_and_heads = torch.arange(len(rows) * heads, device=device) * shelf.length
        return ShelfRows(shelf, start, own + 1, rows_and_heads + own.repeat_interleave(heads))

    def _describe_shared(self, rows: list[_Row]) -> SharedRows | None:
        if not any(row.shared for row in rows):
            return None
        device, shelf = self._shape.device, self._prefixes.shelf
        groups: list[list[int]] = [[] for _ in range(shelf.count)]
        for number, row in enumerate(rows):
            if row.shared is not None:
                groups[row.shared.place].append(number)
        for number, row in enumerate(rows):
            if row.shared is None:  # it sees nothing of a prefix, and has a slot of its own where that costs least
                min(groups, key=len).append(number)
        width = max(map(len, groups))
        slots = order = None
        if len(groups) > 1 or width < len(rows):
            slots = torch.zeros(len(groups), width, dtype=torch.long, device=device)
            order = torch.zeros(len(rows), dtype=torch.long, device=device)
            for place, numbers in enumerate(groups):
                members = torch.tensor(numbers, dtype=torch.long, device=device)
                slots[place, : len(numbers)] = members
                order[members] = place * width + torch.arange(len(numbers), device=device)
            slots = slots.flatten()
        lengths = torch.tensor([row.skipped for row in rows], device=device)
        positions = torch.tensor([row.sequence.computed for row in rows], device=device)
        return SharedRows(shelf, lengths, positions, slots, order)


def _find_run(row: _Row) -> Run:
    """A view of the row's own tokens."""
    if row.run is not None:
        return row.run.cut(0, row.own)
    assert row.shelf is not None
    return row.shelf.view(row.place, row.own)


def _take(length: int, runs: list[Run]) -> list[Run]:
    taken = []
    for run in runs:
        taken.append(run.cut(0, min(length, run.length)))
        length -= taken[-1].length
    return taken


def _list_next(chunk: Chunk) -> Iterator[tuple[int, int]]:
    """Token ids and positions."""
    start, ids = chunk.sequence.computed, chunk.sequence.ids
    return ((ids[place], place) for place in range(start, start + chunk.count))
