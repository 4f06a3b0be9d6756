"""What is in use stays, what is idle leaves in order of its last use, and nobody waits for ever."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.engine.residence.holding import Loaded, Wish
from luthier.engine.residence.holdings import Holdings
from luthier.engine.residence.turns import PASSES
from luthier.errors import LuthierError, OutOfMemory, RequestCancelled, StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.engine.residence.holding import Holding

PATIENCE_SECONDS = 20
"""Of a test that would fail: nothing here takes longer than milliseconds."""


class Thing:
    """Some value of a certain size; what was loaded before it in its chain is its parent."""

    def __init__(self, name: str, granted: int, parent: Thing | None) -> None:
        self.name, self.granted, self.parent = name, granted, parent
        self.is_gone = False

    def go(self) -> None:
        assert not self.is_gone, "it left twice"
        self.is_gone = True


def wish(name: str, size: int, *, most: int = 0, liked: int = 0, load: Callable[[], object] = lambda: None) -> Wish:
    def make(granted: int, parent: Any) -> Loaded:
        load()
        thing = Thing(name, granted, parent)
        return Loaded(thing, granted, thing.go)

    return Wish(name, name, make, size, max(size, liked), max(size, most))


def use(holdings: Holdings, *chain: Wish) -> list[Thing]:
    """Taken, and given back at once."""
    held = holdings.take(chain)
    holdings.give_back(held)
    return [each.loaded.value for each in held]


def start(do: Callable[[], object]) -> Thread:
    thread = Thread(target=do, daemon=True)
    thread.start()
    return thread


def finish(thread: Thread) -> None:
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def await_that(holds: Callable[[], bool]) -> None:
    pause = Event()
    for _ in range(PATIENCE_SECONDS * 200):
        if holds():
            return
        pause.wait(0.005)
    raise AssertionError("it never came to hold")


def test_the_least_recently_used_leaves_first() -> None:
    holdings = Holdings(3)
    for name in "abc":
        use(holdings, wish(name, 1))
    use(holdings, wish("a", 1))
    use(holdings, wish("d", 1))
    assert set(holdings.keys) == {"a", "c", "d"}
    use(holdings, wish("e", 2))
    assert set(holdings.keys) == {"d", "e"}


def test_small_things_stay_when_one_large_thing_that_leaves_is_enough() -> None:
    holdings = Holdings(10)
    for name in "ab":
        use(holdings, wish(name, 1))
    use(holdings, wish("large", 8))
    use(holdings, wish("other", 8))
    assert set(holdings.keys) == {"a", "b", "other"}


def test_what_is_in_use_never_leaves() -> None:
    holdings = Holdings(3)
    kept = holdings.take([wish("kept", 1)])
    for name in "abcdef":
        use(holdings, wish(name, 2))
    assert not kept[0].loaded.value.is_gone
    assert set(holdings.keys) == {"kept", "f"}


def test_what_stands_on_another_leaves_with_it_and_keeps_it_in_use() -> None:
    holdings = Holdings(10)
    base, leaf = holdings.take([wish("base", 6), wish("leaf", 1)])
    assert leaf.loaded.value.parent is base.loaded.value
    with pytest.raises(OutOfMemory):
        holdings.take([wish("huge", 11)])
    assert set(holdings.keys) == {"base", "leaf"}
    things = [base.loaded.value, leaf.loaded.value]
    holdings.give_back([base, leaf])
    use(holdings, wish("other", 8))
    assert holdings.keys == ["other"]
    assert [thing.is_gone for thing in things] == [True, True]


def test_a_leaf_leaves_before_its_base_and_the_base_stays_for_the_next() -> None:
    holdings = Holdings(8)
    for name in "abcd":
        use(holdings, wish("base", 6), wish(name, 1))
    assert set(holdings.keys) == {"base", "c", "d"}


def test_what_would_not_fit_alone_is_refused_with_a_hint() -> None:
    with pytest.raises(OutOfMemory, match=r"^leaf needs 12\.00 MB of memory, .* may take 11\.00 MB$") as refused:
        Holdings(11_000_000).take([wish("base", 8_000_000), wish("leaf", 4_000_000)])
    assert "smaller base" in refused.value.hint


def test_what_can_use_more_gets_half_of_what_is_left() -> None:
    holdings = Holdings(100)
    assert use(holdings, wish("base", 20, most=1000), wish("leaf", 10))[0].granted == 20 + 70 // 2
    assert use(holdings, wish("modest", 10, most=12))[0].granted == 12
    assert holdings.held_bytes == 55 + 10 + 12


def test_idle_things_leave_before_something_gets_less_than_it_likes() -> None:
    holdings = Holdings(100)
    use(holdings, wish("idle", 60))
    use(holdings, wish("new", 20, liked=50, most=50))
    assert holdings.keys == ["new"]
    used = holdings.take([wish("used", 60)])
    assert use(holdings, wish("small", 20, liked=50, most=50))[0].granted == 20 + 20 // 2
    holdings.give_back(used)


def test_who_finds_no_room_waits_until_others_have_ended() -> None:
    holdings = Holdings(2)
    held = holdings.take([wish("a", 2)])
    waiting = start(lambda: use(holdings, wish("b", 2)))
    await_that(lambda: holdings.find(["a"]) is not None)
    assert holdings.keys == ["a"]
    for _ in range(2):
        holdings.give_back(held)
    finish(waiting)
    assert holdings.keys == ["b"]


def test_who_waits_for_room_is_not_passed_for_ever() -> None:
    """Each of the busy ones hands over to the next, so that there never is a moment without a user."""
    holdings = Holdings(2)
    held = holdings.take([wish("busy", 2)])
    waiting = start(lambda: use(holdings, wish("patient", 2)))
    await_that(lambda: bool(holdings._turns._passes))
    passed = 0
    while (following := holdings.find(["busy"])) is not None:
        holdings.give_back(held)
        held = following
        passed += 1
        assert passed <= PASSES
    assert passed == PASSES
    late = start(lambda: use(holdings, wish("busy", 2)))
    assert waiting.is_alive()
    holdings.give_back(held)
    finish(waiting)
    finish(late)


def test_the_same_is_loaded_once_for_all_who_want_it() -> None:
    holdings, loads, go = Holdings(9), [], Event()

    def load() -> None:
        loads.append(1)
        assert go.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(8) as threads:
        takes = [threads.submit(holdings.take, [wish("a", 1, load=load)]) for _ in range(8)]
        await_that(lambda: bool(loads))
        go.set()
        values = {take.result(PATIENCE_SECONDS)[0].loaded.value for take in takes}
    assert len(loads) == len(values) == 1


def test_others_are_found_and_loaded_while_one_loads() -> None:
    holdings, is_loading, go = Holdings(9), Event(), Event()
    use(holdings, wish("there", 1))

    def load() -> None:
        is_loading.set()
        assert go.wait(PATIENCE_SECONDS)

    slow = start(lambda: use(holdings, wish("slow", 1, load=load)))
    assert is_loading.wait(PATIENCE_SECONDS)
    assert holdings.find(["there"]) is not None
    assert use(holdings, wish("quick", 1))[0].name == "quick"
    assert holdings.find(["slow"]) is None
    go.set()
    finish(slow)


def test_a_load_that_fails_fails_all_who_wait_for_it_and_the_next_tries_again() -> None:
    holdings, is_loading, go = Holdings(9), Event(), Event()

    def fail() -> None:
        is_loading.set()
        assert go.wait(PATIENCE_SECONDS)
        raise StoreDamaged("broken")

    outcomes: list[LuthierError] = []

    def take() -> None:
        with pytest.raises(StoreDamaged, match="broken") as failed:
            holdings.take([wish("base", 1), wish("leaf", 2, load=fail)])
        outcomes.append(failed.value)

    first = start(take)
    assert is_loading.wait(PATIENCE_SECONDS)
    others = [start(take) for _ in range(3)]
    Event().wait(0.05)  # else one of them may come late, and try again itself
    go.set()
    for thread in (first, *others):
        finish(thread)
    assert len(outcomes) == 4
    assert (holdings.keys, holdings.held_bytes) == (["base"], 1)
    assert [thing.name for thing in use(holdings, wish("base", 1), wish("leaf", 2))] == ["base", "leaf"]


def test_an_error_that_somebody_keeps_keeps_nothing_in_memory() -> None:
    holdings, loaded = Holdings(9), []

    def fail() -> None:
        thing = Thing("half loaded", 1, None)
        loaded.append(ref(thing))
        raise StoreDamaged("broken")

    with pytest.raises(StoreDamaged) as kept:
        holdings.take([wish("a", 1, load=fail)])
    assert kept.value.__traceback__ is not None
    assert loaded[0]() is None


def test_a_failure_of_the_code_itself_leaves_nothing_behind() -> None:
    holdings = Holdings(9)
    with pytest.raises(ZeroDivisionError):
        holdings.take([wish("base", 1), wish("leaf", 2, load=lambda: 1 // 0)])
    assert (holdings.keys, holdings.held_bytes) == (["base"], 1)
    use(holdings, wish("other", 9))
    assert holdings.keys == ["other"]


def test_where_memory_is_short_of_the_budget_idle_things_leave_and_it_is_tried_again() -> None:
    holdings = Holdings(9)
    idle = use(holdings, wish("idle", 1))[0]

    def load() -> None:
        if not idle.is_gone:
            raise OutOfMemory("out of memory while loading")

    assert use(holdings, wish("a", 1, load=load))[0].name == "a"
    with pytest.raises(OutOfMemory):
        use(holdings, wish("b", 1, load=lambda: use(holdings, wish("huge", 10))))


def test_what_is_retired_leaves_at_once_or_when_its_last_user_has_ended() -> None:
    holdings = Holdings(9)
    idle = use(holdings, wish("idle", 1), wish("leaf", 1))
    held = holdings.take([wish("used", 1)])
    for name in ("idle", "used", "unknown"):
        holdings.retire(name)
    assert [thing.is_gone for thing in idle] == [True, True]
    assert not held[0].loaded.value.is_gone
    holdings.give_back(held)
    assert holdings.keys == []


def test_closing_ends_those_who_wait_and_lets_everything_go() -> None:
    holdings = Holdings(2)
    held = holdings.take([wish("a", 2)])
    outcomes: list[LuthierError] = []

    def take() -> None:
        with pytest.raises(RequestCancelled) as ended:
            holdings.take([wish("b", 2)])
        outcomes.append(ended.value)

    waiting = start(take)
    await_that(lambda: bool(holdings._turns._passes))
    holdings.close()
    finish(waiting)
    assert len(outcomes) == 1
    assert holdings.find(["a"]) is None
    assert not held[0].loaded.value.is_gone
    holdings.give_back(held)
    assert holdings.keys == []


@given(st.randoms(use_true_random=False), st.integers(4, 30))
def test_the_budget_and_the_users_are_respected_in_any_order(chance: random.Random, budget: int) -> None:
    """Against a plain model: what was used when, and by whom."""
    holdings = Holdings(budget)
    leased: list[list[Holding]] = []
    for _ in range(40):
        if leased and chance.random() < 0.5:
            holdings.give_back(leased.pop(chance.randrange(len(leased))))
            continue
        base = chance.randrange(3)
        chain = [wish(f"base {base}", 2), wish(f"leaf {base} {chance.randrange(3)}", 1)][: chance.randint(1, 2)]
        if sum(each.loaded.byte_count for each in {h for held in leased for h in held}) + 3 <= budget:
            leased.append(holdings.take(chain))
        assert holdings.held_bytes <= budget
        for held in leased:
            assert all(each.key in holdings.keys and not each.loaded.value.is_gone for each in held)
        keys = set(holdings.keys)
        assert all(f"base {key.split()[1]}" in keys for key in map(str, keys))


def test_many_threads_leave_the_books_balanced() -> None:
    holdings = Holdings(12)

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(150):
            base = chance.randrange(3)
            held = holdings.take([wish(f"base {base}", 4), wish(f"leaf {base} {chance.randrange(4)}", 1)])
            assert not any(each.loaded.value.is_gone for each in held)
            holdings.give_back(held)

    with ThreadPoolExecutor(6) as threads:
        works = [threads.submit(work, seed) for seed in range(6)]
        assert not wait(works, PATIENCE_SECONDS).not_done
        for each in works:
            each.result()
    assert holdings.held_bytes <= 12
    holdings.close()
    assert (holdings.keys, holdings.held_bytes) == ([], 0)
