"""Models that somebody else serves answer through the same protocol as those of this machine, and say what that costs.

Whatever speaks the OpenAI API will do: the service itself, or a vLLM, llama.cpp or Ollama down the hall.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from luthier.conversation import fingerprint_json
from luthier.engine.answer import Answer
from luthier.engine.protocol import ModelIdentity
from luthier.engine.remote.access import find_access
from luthier.engine.remote.address import parse_address
from luthier.engine.remote.endpoint import Endpoint
from luthier.engine.remote.options import Circumstances, EndpointOptions
from luthier.engine.remote.payload import hash_request
from luthier.engine.remote.prices import load_prices
from luthier.errors import LuthierError, RequestCancelled

if TYPE_CHECKING:
    from luthier.engine.protocol import Request
    from luthier.engine.remote.address import Address
    from luthier.engine.remote.spending import Spending
    from luthier.settings import Settings


class RemoteEngine:
    """One endpoint for each server that is named; `is_streaming` is for those who read an answer while it comes.

    Without it a whole answer is asked for, and asked for again when the connection breaks: for an evaluation.
    """

    name = "remote/chat-completions"

    def __init__(
        self, settings: Settings, *, is_streaming: bool = True, circumstances: Circumstances | None = None
    ) -> None:
        """Raises FileMissing or InvalidConfig for a table of prices that cannot be read."""
        self._settings = settings
        self._prices = load_prices(settings.endpoint_prices)
        self._circumstances = circumstances or Circumstances()
        self._options = EndpointOptions(
            requests_in_flight=settings.endpoint_requests_in_flight,
            requests_per_minute=settings.endpoint_requests_per_minute,
            tokens_per_minute=settings.endpoint_tokens_per_minute,
            timeout_seconds=settings.endpoint_timeout_seconds,
            tries=settings.endpoint_tries,
            is_streaming=is_streaming,
        )
        self._lock = Lock()
        self._endpoints: dict[str, Endpoint] = {}
        self._is_closed = False

    def __enter__(self) -> RemoteEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def identify(self, model: str) -> ModelIdentity:
        """Nobody outside knows the weights: their hash stands for the name, where it is served, and when it was made.

        The template's hash is made of other things than a local one, so the two are never equal.
        """
        address = parse_address(model, self._settings)
        served = self._open(address).find_model(address.model)
        return ModelIdentity(
            name=model,
            base=f"{address.url}#{address.model}",
            weights_hash=fingerprint_json({"url": address.url, "model": served.id, "created": served.created}),
            template_hash=fingerprint_json({"rendered_by": address.url, "model": served.id}),
        )

    def submit(self, request: Request) -> Answer:
        answer = Answer()
        try:
            address = parse_address(request.model, self._settings)
            self._open(address).submit(replace(request, model=address.model), answer)
        except LuthierError as error:
            answer.fail(error)
        return answer

    def hash_prompt(self, request: Request) -> str:
        return hash_request(request)

    def find_spending(self, model: str) -> Spending:
        """What this engine has used of a model since it was opened."""
        address = parse_address(model, self._settings)
        return self._open(address).find_spending(address.model)

    def list_notes(self, model: str) -> list[str]:
        """What a reader of these answers and their cost has to know, a sentence each."""
        today = datetime.fromtimestamp(self._circumstances.now(), UTC).date()
        return self.find_spending(model).list_notes(model, today)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            endpoints = list(self._endpoints.values())
        for endpoint in endpoints:
            endpoint.close()

    def _open(self, address: Address) -> Endpoint:
        with self._lock:
            if self._is_closed:
                raise RequestCancelled("the engine is closed")
            if address.url not in self._endpoints:
                self._endpoints[address.url] = Endpoint(
                    address.url,
                    access=find_access(address.url, self._settings),
                    options=self._options,
                    prices=self._prices,
                    circumstances=self._circumstances,
                )
            return self._endpoints[address.url]
