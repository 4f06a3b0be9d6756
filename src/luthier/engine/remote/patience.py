"""One request is tried until it is answered, refused for good, or out of time: how often, and how long in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from luthier.engine.remote.failure import ExchangeFailed
from luthier.engine.remote.waiting import LONGEST_OBEYED_SECONDS, back_off
from luthier.errors import DeadlineExceeded, EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from luthier.engine.remote.account import Account
    from luthier.engine.remote.options import Circumstances

Result = TypeVar("Result")


class Patience:
    """`give_up_at` is a time of the clock; an account's other requests wait along when its server asks for time."""

    def __init__(
        self,
        tries: int,
        circumstances: Circumstances,
        *,
        give_up_at: float | None = None,
        account: Account | None = None,
    ) -> None:
        self._tries = tries
        self._circumstances = circumstances
        self._give_up_at = give_up_at
        self._account = account

    async def try_until_done(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Raises ExchangeFailed for what lasts or took too long, DeadlineExceeded when the next try comes too late."""
        failures = 0
        while True:
            try:
                return await attempt()
            except ExchangeFailed as failure:
                failures += 1
                wait = self._find_wait(failure, failures)
            if self._account is not None:
                self._account.purse.add_retry()
            await self._circumstances.sleep(wait)

    def _find_wait(self, failure: ExchangeFailed, failures: int) -> float:
        """Raises what ends the tries."""
        if not failure.is_passing:
            raise failure
        error, asked_for = failure.error, failure.wait_seconds or 0.0
        if failures >= self._tries:
            counted = f"{error.message} (tried {failures} times)" if failures > 1 else error.message
            raise ExchangeFailed(EngineUnavailable(counted, hint=error.hint), status=failure.status) from failure
        if asked_for > LONGEST_OBEYED_SECONDS:
            message = f"{error.message}; it asks to wait {asked_for:.0f} seconds"
            hint = "its limit is used up; try again then, or raise it with the service"
            raise ExchangeFailed(EngineUnavailable(message, hint=hint), status=failure.status) from failure
        wait = max(asked_for, back_off(failures, self._circumstances.random))
        if self._give_up_at is not None and self._circumstances.clock() + wait >= self._give_up_at:
            raise DeadlineExceeded(f"{error.message}; the next try would come after the deadline") from failure
        if asked_for and self._account is not None:
            self._account.pace.hold(asked_for)
        return wait
