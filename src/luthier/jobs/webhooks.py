"""What waits in the outbox is told to the webhook, signed, until it is heard or too old."""

from __future__ import annotations

import json
import logging
from random import Random
from typing import TYPE_CHECKING

import httpx2

from luthier import __version__
from luthier.errors import InvalidConfig, MachineError
from luthier.jobs.outbox import claim_delivery, note_delivered, put_off
from luthier.jobs.webhook_secret import load_secret, sign_event
from luthier.settings import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from threading import Event

    from luthier.jobs.outbox import Delivery
    from luthier.store.home import Home

LOG = logging.getLogger(__name__)

POST_SECONDS = 10.0
HOLD_SECONDS = 60.0  # longer than any POST with its connection takes, and short for a worker that was killed
LOOK_SECONDS = 1.0
SHORTEST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 3600.0


class Courier:
    """Any number of them, in any processes, share the work; an event is told at least once."""

    def __init__(self, home: Home, *, random: Random | None = None) -> None:
        """Raises InvalidConfig for an address or a secret that cannot be used."""
        self._db = home.database
        self._url = _check_url(home.settings.webhook_url)
        self._is_here = httpx2.URL(self._url).host in LOOPBACK_HOSTS  # what no proxy could reach
        self._secret = load_secret(home) if self._url else ""
        self._random = random or Random()

    def run_until(self, stop: Event) -> None:
        """Returns at once when no address is set; else at the latest when one more event is told after `stop`."""
        is_waiting = False
        while self._url and not stop.is_set():
            try:
                is_told = self.deliver_next()
            except MachineError as error:
                if not is_waiting:  # once, not each second that the database is away
                    LOG.warning("webhooks wait: %s", error.message)
                is_waiting, is_told = True, False
            else:
                is_waiting = False
            if not is_told:
                stop.wait(LOOK_SECONDS)

    def deliver_next(self) -> bool:
        """Whether one was due, heard or not."""
        delivery = claim_delivery(self._db, hold_seconds=HOLD_SECONDS)
        if delivery is None:
            return False
        problem = self._post(delivery)
        if problem is None:
            note_delivered(self._db, delivery.id)
        else:
            LOG.warning("webhook event %s was not heard: %s", delivery.id, problem)
            put_off(self._db, delivery.id, error=problem, seconds=self._choose_delay(delivery.tries))
        return True

    def _post(self, delivery: Delivery) -> str | None:
        """What went wrong, or None. Redirects are not followed: only the address in the settings is ever asked."""
        body = json.dumps(delivery.event, separators=(",", ":")).encode()
        timestamp = int(self._db.clock().timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": f"luthier/{__version__}",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign_event(self._secret, id=delivery.id, timestamp=timestamp, body=body),
        }
        try:
            with (
                httpx2.Client(timeout=POST_SECONDS, trust_env=not self._is_here) as client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                return None if response.is_success else f"answered with status {response.status_code}"
        except httpx2.HTTPError as error:
            return f"{type(error).__name__}: {error}"

    def _choose_delay(self, tries: int) -> float:
        """Twice as long after each try, spread so that a receiver that was away is not asked by all at once."""
        longest = min(LONGEST_DELAY_SECONDS, SHORTEST_DELAY_SECONDS * 2.0 ** min(tries - 1, 30))
        return longest * self._random.uniform(0.5, 1.0)


def _check_url(url: str) -> str:
    """Raises InvalidConfig, without the address in its text: what makes it wrong may be a password in it."""
    try:
        parts = httpx2.URL(url)
        is_sound = not url or (parts.scheme in ("http", "https") and bool(parts.host) and parts.port != 0)
    except httpx2.InvalidURL:
        is_sound = False
    if not is_sound:
        raise InvalidConfig("webhook_url is no address", hint="write it such as https://example.com/luthier")
    return url
