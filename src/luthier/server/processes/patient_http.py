"""uvicorn's HTTP/1.1, for clients that may never send or read what they should: their connections are closed.

uvicorn itself waits for them without end, and reads a request's head however long it is.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from luthier.server.problems import Problem

if TYPE_CHECKING:
    import asyncio

LARGEST_HEAD_BYTES = 64 << 10
"""Address and headers together; about what is read from a socket at once may come on top."""

LOOKS_PER_PATIENCE = 4


class PatientHttp(HttpToolsProtocol):
    """A connection is closed when the client, whose turn it is, has not moved for `patience_seconds`, or up to a
    quarter longer: it has to send all of a head within that time, and some of a body or take some of an answer.

    Looks are counted, and not seconds: while this process was frozen, it has not read what the client has sent."""

    patience_seconds: ClassVar[float] = 60.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))  # of a stream, as HTTP is
        self._is_reading_head = True
        self._head_bytes = 0
        self._still_looks = 0
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_reading_head:
            self._head_bytes += len(data)
        elif self.cycle.response_complete and not self.cycle.more_body:
            self._begin_head()  # even if it turns out to be empty lines
        elif not self.cycle.response_complete:  # an answer that came before the body's end lets no body go on for ever
            self._still_looks = 0
        super().data_received(data)
        if self._is_reading_head and self._head_bytes > LARGEST_HEAD_BYTES and not self.transport.is_closing():
            message = f"the address and the headers of a request may have {LARGEST_HEAD_BYTES:,} bytes together"
            self._refuse(Problem(431, message, code="headers_too_large"))

    def on_message_begin(self) -> None:
        if not self._is_reading_head:
            self._begin_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_reading_head = False
        self._still_looks = 0
        super().on_headers_complete()

    def resume_writing(self) -> None:
        self._still_looks = 0
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem(400, msg))

    def _begin_head(self) -> None:
        self._is_reading_head, self._head_bytes, self._still_looks = True, 0, 0

    def _look(self) -> None:
        self._still_looks = self._still_looks + 1 if self._is_clients_turn() else 0
        if self._still_looks > LOOKS_PER_PATIENCE:
            self.transport.abort()  # to close it would wait for what the client does not read
            return
        self._next_look = self.loop.call_later(self.patience_seconds / LOOKS_PER_PATIENCE, self._look)

    def _is_clients_turn(self) -> bool:
        """Also to take what is left of an answer when the connection is to be closed."""
        if self._is_reading_head or self.flow.write_paused or self.transport.is_closing():
            return True
        return self.cycle.more_body and (self.cycle.response_complete or not self.flow.read_paused)

    def _refuse(self, problem: Problem) -> None:
        """What no application sees is answered in OpenAI's form too."""
        body = json.dumps(problem.body).encode()
        self.transport.write(
            STATUS_LINE[problem.status_code] + b"content-type: application/json\r\n"
            b"content-length: %d\r\n"
            b"x-request-id: req_%s\r\n"
            b"connection: close\r\n\r\n" % (len(body), secrets.token_hex(16).encode()) + body
        )
        self.transport.close()


def build_protocol(patience_seconds: float) -> type[PatientHttp]:
    return type("PatientHttp", (PatientHttp,), {"patience_seconds": patience_seconds})
