"""Models are loaded when they are asked for, share what they can, and leave again when others need the room."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import pairwise
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING
from weakref import ref

import pytest
import torch
from peft import PeftModel

from luthier.engine.residence.footprint import count_bytes
from luthier.engine.residence.pool import Pool
from luthier.engine.runners.sequence import Admission, Chunk, Sequence
from luthier.engine.runners.solo import SoloRunner
from luthier.errors import LuthierError, OutOfMemory, RequestCancelled, StoreDamaged, UnknownModel
from luthier.models.catalog import Base
from luthier.models.digest import digest_weights
from luthier.models.loading import load_base, load_template
from luthier.models.registry import TunedModel, resolve_model
from luthier.models.settings import LoraSettings
from tests.support.adapters import AdapterMaker
from tests.support.tiny import CONTEXT_LENGTH, save_base

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from luthier.engine.adapters.adapter import Adapter
    from luthier.engine.residence.pool import Lease
    from luthier.models.loading import LoadedBase
    from luthier.store.home import Home

PROMPT = [5, 8, 13, 21, 34, 55, 89]
PATIENCE_SECONDS = 300

needs_bitsandbytes = pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")


class Serving:
    """The simplest that can answer: what follows `PROMPT`."""

    def __init__(self, base: LoadedBase, kv_bytes: int) -> None:
        self.kv_bytes = kv_bytes
        self.ends: list[str] = []
        self._runner = SoloRunner(base.model, capacity=100)

    def answer(self, adapter: Adapter | None) -> torch.Tensor:
        sequence = Sequence(list(PROMPT), 100, adapter)
        assert self._runner.admit(sequence, []) is Admission.ADMITTED
        logits = self._runner.step([Chunk(sequence, len(PROMPT))])[0]
        self._runner.release(sequence)
        return logits

    def get_weight(self, path: str) -> torch.Tensor:
        return self._runner.get_weight(path)

    def forget(self, adapter: Adapter) -> None:
        self.ends.append(adapter.name)
        self._runner.forget(adapter)

    def close(self) -> None:
        self.ends.append("closed")


class Builder:
    """Remembers for what it was called."""

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self.built: list[str] = []
        self._before = before

    def __call__(self, base: LoadedBase, kv_bytes: int) -> Serving:
        self._before()
        self.built.append(base.name)
        return Serving(base, kv_bytes)


def open_pool(home: Home, builder: Builder | None = None, *, budget_bytes: int = 10**9) -> Pool[Serving]:
    def resolve(name: str) -> TunedModel | Base:
        return resolve_model(home, name)

    return Pool(resolve, builder or Builder(), precision="float32", budget_bytes=budget_bytes)


def answer(lease: Lease[Serving]) -> torch.Tensor:
    return lease.served.answer(lease.adapter)


def ask(pool: Pool[Serving], name: str) -> torch.Tensor:
    with pool.lease(name) as lease:
        return answer(lease)


def answer_by_peft(base: Base, tuned: TunedModel | None, *, is_quantised: bool = False) -> torch.Tensor:
    model = load_base(base, precision="float32", is_quantised=is_quantised).model
    adapted = model if tuned is None else PeftModel.from_pretrained(model, str(tuned.folder))
    with torch.inference_mode():
        return adapted(input_ids=torch.tensor([PROMPT])).logits[0, -1]


def start(do: Callable[[], object]) -> Thread:
    thread = Thread(target=do, daemon=True)
    thread.start()
    return thread


def finish(thread: Thread) -> None:
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def has_in_memory(pool: Pool[Serving], name: str) -> bool:
    lease = pool.find(name)
    if lease is not None:
        lease.release()
    return lease is not None


def measure(base: Base) -> int:
    """Bytes of the weights."""
    return count_bytes(load_base(base, precision="float32").model)


def measure_least(base: Base) -> int:
    """With keys and values of one full context: 2 layers, 2 heads of 8 numbers, twice."""
    return measure(base) + CONTEXT_LENGTH * 2 * 2 * 2 * 8 * 4


def save_other(folder: Path, *, seed: int = 1) -> str:
    """Another base of the same size; its name."""
    return str(save_base(folder, seed=seed))


@pytest.fixture
def maker(home: Home, tiny_base: Base) -> AdapterMaker:
    return AdapterMaker(home, tiny_base)


def test_each_of_two_hundred_adapters_is_answered_for_one_load_of_a_small_file(
    home: Home, tiny_base: Base, maker: AdapterMaker
) -> None:
    kept = [maker.keep(f"model-{number}") for number in range(200)]
    builder = Builder()
    pool = open_pool(home, builder)
    before = ask(pool, tiny_base.name)
    sizes = [pool.held_bytes]
    answers = []
    for tuned in kept:
        answers.append(ask(pool, tuned.name))
        sizes.append(pool.held_bytes)
    assert builder.built == [tiny_base.name]
    stored = (kept[0].folder / "adapter_model.safetensors").stat().st_size
    steps = {after - before for before, after in pairwise(sizes)}
    assert len(steps) == 1
    assert 0.5 * stored < steps.pop() <= stored
    assert len({tuple(each.tolist()) for each in [before, *answers]}) == 201
    for place in (0, 77, 199):
        torch.testing.assert_close(answers[place], answer_by_peft(tiny_base, kept[place]), rtol=1e-4, atol=1e-4)
    assert all(has_in_memory(pool, tuned.name) for tuned in kept)
    torch.testing.assert_close(ask(pool, tiny_base.name), before)


def test_under_a_budget_the_adapters_that_were_asked_for_least_recently_leave(
    home: Home, tiny_base: Base, maker: AdapterMaker
) -> None:
    builder = Builder()
    pool = open_pool(home, builder, budget_bytes=2 * measure_least(tiny_base))
    with pool.lease(tiny_base.name) as lease:
        ends, names = lease.served.ends, ["model-0"]
        maker.keep("model-0")
        while len(ends) < 3:
            names.append(maker.keep(f"model-{len(names)}").name)
            ask(pool, names[-1])
            ask(pool, "model-0")
            assert pool.held_bytes <= pool.budget_bytes
        assert len(names) > 6
        assert ends == names[1:4]
        assert [has_in_memory(pool, name) for name in names] == [name not in ends for name in names]
    assert builder.built == [tiny_base.name]


def test_an_adapter_in_use_stays_and_one_that_has_left_is_gone_from_memory(
    home: Home, tiny_base: Base, maker: AdapterMaker
) -> None:
    maker.keep("used")
    maker.keep("idle")
    pool = open_pool(home, budget_bytes=2 * measure_least(tiny_base))
    used = pool.lease("used")
    expected = answer(used)
    with pool.lease("idle") as idle:
        answer(idle)
        assert idle.adapter is not None
        gone = ref(idle.adapter)
    more = (maker.keep(f"more-{number}").name for number in range(200))
    while gone() is not None:
        ask(pool, next(more))
    torch.testing.assert_close(answer(used), expected)
    assert has_in_memory(pool, "used")
    assert not has_in_memory(pool, "idle")


def test_a_base_that_has_left_is_gone_from_memory_with_its_adapters(
    home: Home, tiny_base: Base, maker: AdapterMaker, tmp_path: Path
) -> None:
    maker.keep("tuned")
    pool = open_pool(home, budget_bytes=measure_least(tiny_base) * 3 // 2)
    with pool.lease("tuned") as lease:
        answer(lease)
        assert lease.adapter is not None
        ends = lease.served.ends
        gone = [ref(lease.base.model), ref(lease.base.model.model.layers[0]), ref(lease.adapter), ref(lease.served)]
    ask(pool, save_other(tmp_path / "other"))
    assert ends == ["tuned", "closed"]
    assert [each() for each in gone] == [None] * 4
    assert not has_in_memory(pool, "tuned")
    assert ask(pool, "tuned").isfinite().all()


def test_a_base_waits_until_the_one_in_use_is_released(home: Home, tiny_base: Base, tmp_path: Path) -> None:
    builder = Builder()
    pool = open_pool(home, builder, budget_bytes=measure_least(tiny_base) * 3 // 2)
    other = save_other(tmp_path / "other")
    lease = pool.lease(tiny_base.name)
    waiting = start(lambda: ask(pool, other))
    waiting.join(0.3)
    assert waiting.is_alive()
    assert builder.built == [tiny_base.name]
    lease.release()
    finish(waiting)
    assert builder.built == [tiny_base.name, other]


def test_a_base_that_does_not_fit_alone_is_refused_with_a_hint(home: Home, tiny_base: Base) -> None:
    builder = Builder()
    pool = open_pool(home, builder, budget_bytes=measure(tiny_base))
    with pytest.raises(OutOfMemory, match=r"needs 0\.\d\d MB of memory, of which the engine may take") as refused:
        pool.lease(tiny_base.name)
    assert refused.value.hint
    assert builder.built == []


def test_keys_and_values_get_half_of_what_the_weights_leave(home: Home, tiny_base: Base) -> None:
    weights, least = measure(tiny_base), measure_least(tiny_base)
    with open_pool(home, budget_bytes=least + 10**6).lease(tiny_base.name) as lease:
        assert lease.served.kv_bytes == pytest.approx(least - weights + 10**6 // 2, abs=100)
    pool = open_pool(home, budget_bytes=10**12)
    with pool.lease(tiny_base.name) as lease:
        assert lease.served.kv_bytes == pytest.approx(64 * (least - weights), abs=100)
        assert pool.held_bytes == weights + lease.served.kv_bytes


def test_one_adapter_that_many_ask_for_at_once_is_loaded_once(home: Home, maker: AdapterMaker) -> None:
    maker.keep("tuned")
    builder, together = Builder(), Barrier(6)
    pool = open_pool(home, builder)

    def lease() -> Lease[Serving]:
        together.wait(PATIENCE_SECONDS)
        return pool.lease("tuned")

    with ThreadPoolExecutor(6) as threads:
        leases = [each.result(PATIENCE_SECONDS) for each in [threads.submit(lease) for _ in range(6)]]
    assert len(builder.built) == 1
    assert len({id(lease.adapter) for lease in leases}) == 1


def test_a_model_in_memory_is_found_while_another_loads(home: Home, tiny_base: Base, tmp_path: Path) -> None:
    go, is_loading = Event(), Event()

    def dawdle() -> None:
        if builder.built:
            is_loading.set()
            assert go.wait(PATIENCE_SECONDS)

    builder = Builder(dawdle)
    pool = open_pool(home, builder)
    ask(pool, tiny_base.name)
    other = save_other(tmp_path / "other")
    loading = start(lambda: ask(pool, other))
    assert is_loading.wait(PATIENCE_SECONDS)
    assert has_in_memory(pool, tiny_base.name)
    assert not has_in_memory(pool, other)
    go.set()
    finish(loading)
    assert has_in_memory(pool, other)


def test_what_cannot_be_read_is_refused_and_tried_again(home: Home, tiny_base: Base, maker: AdapterMaker) -> None:
    file = maker.keep("tuned").folder / "adapter_model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-40])
    builder = Builder()
    pool = open_pool(home, builder)
    for _ in range(2):
        with pytest.raises(StoreDamaged, match=str(file)):
            pool.lease("tuned")
    file.write_bytes(whole)
    assert ask(pool, "tuned").isfinite().all()
    assert builder.built == [tiny_base.name]


def test_a_model_that_is_tuned_anew_is_another(home: Home, tiny_base: Base, maker: AdapterMaker) -> None:
    tuned = maker.keep("tuned")
    builder = Builder()
    pool = open_pool(home, builder)
    former = pool.lease("tuned")
    expected = answer(former)
    assert former.adapter is not None
    gone = ref(former.adapter)
    replaced = maker.replace(tuned)
    assert pool.find("tuned") is None
    with pool.lease("tuned") as lease:
        assert lease.identity != former.identity
        torch.testing.assert_close(answer(lease), answer_by_peft(tiny_base, replaced), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(answer(former), expected)
    former.release()
    assert gone() is None
    assert builder.built == [tiny_base.name]


def test_a_model_that_is_removed_is_unknown_and_leaves_memory(home: Home, maker: AdapterMaker) -> None:
    tuned = maker.keep("tuned")
    pool = open_pool(home)
    with pool.lease("tuned") as lease:
        assert lease.adapter is not None
        gone = ref(lease.adapter)
    shutil.rmtree(tuned.folder)
    assert pool.find("tuned") is None
    with pytest.raises(StoreDamaged, match="has no readable card"):
        pool.lease("tuned")
    assert gone() is None


def test_a_base_whose_files_change_is_loaded_anew(home: Home, tmp_path: Path) -> None:
    name = save_other(tmp_path / "base", seed=3)
    pool = open_pool(home)
    with pool.lease(name) as lease:
        former, gone = lease.identity, ref(lease.base.model)
    save_other(tmp_path / "base", seed=4)
    assert pool.find(name) is None
    with pool.lease(name) as lease:
        assert lease.identity.weights_hash != former.weights_hash
        torch.testing.assert_close(answer(lease), answer_by_peft(Base(name, tmp_path / "base"), None))
    assert gone() is None


def test_names_of_the_same_files_share_one_copy(home: Home, tiny_base: Base, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tiny_base.folder)
    builder = Builder()
    pool = open_pool(home, builder)
    with pool.lease(tiny_base.name) as one, pool.lease(str(link)) as other:
        assert one.served is other.served
        assert (one.identity.name, other.identity.name) == (tiny_base.name, str(link))
    assert len(builder.built) == 1


def test_an_identity_is_known_without_loading_and_is_that_of_what_is_loaded(
    home: Home, tiny_base: Base, maker: AdapterMaker
) -> None:
    tuned = maker.keep("tuned")
    builder = Builder()
    pool = open_pool(home, builder)
    known = [pool.identify(name) for name in (tiny_base.name, "tuned")]
    assert (builder.built, pool.held_bytes) == ([], 0)
    leased = [pool.lease(name).identity for name in (tiny_base.name, "tuned")]
    assert known == leased
    assert known[0].weights_hash == digest_weights(tiny_base.folder) != known[1].weights_hash
    assert {each.template_hash for each in known} == {load_template(tiny_base).hash}
    assert known[1].base == tuned.card.base


def test_an_adapter_of_a_base_that_has_changed_is_refused(home: Home, tiny_base: Base, maker: AdapterMaker) -> None:
    card = maker.keep("tuned").folder / "card.json"
    pool = open_pool(home)
    ask(pool, "tuned")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"base_weights_hash": "another"}))
    for call in (pool.identify, pool.lease):
        with pytest.raises(StoreDamaged, match=f"{tiny_base.name} has changed since tuned was tuned on it"):
            call("tuned")


def test_an_adapter_that_is_not_the_one_of_the_card_is_refused(home: Home, maker: AdapterMaker) -> None:
    one, other = maker.keep("one"), maker.keep("other")
    shutil.copy(other.folder / "adapter_model.safetensors", one.folder)
    with pytest.raises(StoreDamaged, match="does not hold the weights that the card of one tells of"):
        open_pool(home).lease("one")


def test_an_unknown_model_is_refused_with_near_names(home: Home, maker: AdapterMaker) -> None:
    maker.keep("support-bot")
    pool = open_pool(home)
    assert pool.find("support-bit") is None
    for call in (pool.identify, pool.lease):
        with pytest.raises(UnknownModel) as refused:
            call("support-bit")
        assert "support-bot" in refused.value.hint


def test_closing_lets_everything_go(home: Home, tiny_base: Base, maker: AdapterMaker) -> None:
    maker.keep("tuned")
    pool = open_pool(home)
    lease = pool.lease("tuned")
    expected, gone = answer(lease), ref(lease.base.model)
    pool.close()
    torch.testing.assert_close(answer(lease), expected)
    assert pool.find(tiny_base.name) is None
    with pytest.raises(RequestCancelled):
        pool.lease(tiny_base.name)
    ends = lease.served.ends
    for _ in range(2):
        lease.release()
    assert ends == ["tuned", "closed"]
    assert gone() is None
    assert pool.held_bytes == 0


def test_an_error_that_is_kept_keeps_no_base_in_memory(
    home: Home, tiny_base: Base, maker: AdapterMaker, tmp_path: Path
) -> None:
    """Answers that have failed are kept with their errors, for as long as those who asked like."""
    (maker.keep("tuned").folder / "adapter_model.safetensors").write_bytes(b"")
    pool = open_pool(home, budget_bytes=measure_least(tiny_base) * 3 // 2)
    kept: list[LuthierError] = []
    with pool.lease(tiny_base.name) as lease:
        gone = ref(lease.base.model)
        try:
            pool.lease("tuned")
        except StoreDamaged as error:
            kept.append(error)
    del lease
    ask(pool, save_other(tmp_path / "other"))
    assert kept
    assert gone() is None


@needs_bitsandbytes
@pytest.mark.parametrize("use_dora", [False, True])
def test_an_adapter_of_a_four_bit_base_stands_on_a_copy_of_its_own(home: Home, wide_base: Base, use_dora: bool) -> None:
    """PEFT computes on the same four-bit weights, of whose dense form DoRA takes the norm."""
    settings = LoraSettings(tuning="qlora", r=4, lora_alpha=8, use_dora=use_dora)
    maker = AdapterMaker(home, wide_base, settings=settings, hidden_size=64)
    tuned = maker.keep("tuned")
    builder = Builder()
    pool = open_pool(home, builder)
    dense = ask(pool, wide_base.name)
    dense_bytes = pool.held_bytes
    found = ask(pool, "tuned")
    assert builder.built == [wide_base.name] * 2
    assert pool.held_bytes - dense_bytes < dense_bytes
    torch.testing.assert_close(found, answer_by_peft(wide_base, tuned, is_quantised=True), rtol=1e-3, atol=1e-3)
    assert (found - answer_by_peft(wide_base, tuned)).abs().max() > 0.01
    assert (found - dense).abs().max() > 0.01
    assert pool.identify("tuned").weights_hash != pool.identify(wide_base.name).weights_hash
