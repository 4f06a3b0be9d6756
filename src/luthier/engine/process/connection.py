"""A connected socket becomes lines that go out in the order in which they were put, and lines that came in.

Both ends are alike, and neither knows what the lines say.
"""

from __future__ import annotations

import select
import socket
import time
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RECEIVED_BYTES = 2**18
SENT_BYTES = 2**20
"""Of several lines that wait, about so much goes out at once."""


class Connection:
    """`put` is for any thread, and never waits; `read` is for one."""

    def __init__(self, ends: socket.socket) -> None:
        self._socket = ends
        self._heard = time.monotonic()
        self._outgoing: SimpleQueue[Callable[[], bytes] | None] = SimpleQueue()
        self._is_closed = False
        self._writer = Thread(target=self._write, name="luthier-line-writer", daemon=True)
        self._writer.start()

    @property
    def quiet_seconds(self) -> float:
        """Since the other side was last heard of."""
        return time.monotonic() - self._heard

    def put(self, write_line: Callable[[], bytes]) -> None:
        """`write_line` is called when its turn has come, in another thread, and gives a line with its end or nothing.

        After `close` it is forgotten.
        """
        if not self._is_closed:
            self._outgoing.put(write_line)

    def read(
        self,
        receive: Callable[[bytes], None],
        *,
        ask: Callable[[], None] | None = None,
        quiet_seconds: float = 10.0,
        patience_seconds: float = 60.0,
    ) -> None:
        """Hands each line to `receive`, without its end, until the connection ends, which it then closes.

        With `ask`, which is called after each `quiet_seconds` without a word and should bring one about, it ends too
        when nothing has come for `patience_seconds`: the other side then hangs. However long this side did not run
        itself counts as one `quiet_seconds`, for the other one may have been frozen with it, and not asked.
        """
        try:
            self._read(receive, ask, quiet_seconds=quiet_seconds, patience_seconds=patience_seconds)
        except OSError:
            return  # how a connection ends whose other side was killed
        finally:
            self.close()
            self._writer.join()
            self._socket.close()

    def close(self) -> None:
        """From any thread; `read` then returns."""
        if self._is_closed:
            return
        self._is_closed = True
        self._outgoing.put(None)
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes whoever reads or writes
        except OSError:
            return  # the other side has gone before

    def _read(
        self,
        receive: Callable[[bytes], None],
        ask: Callable[[], None] | None,
        *,
        quiet_seconds: float,
        patience_seconds: float,
    ) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        buffer, searched, silences = bytearray(), 0, 0
        while not self._is_closed:
            if not poll.poll(None if ask is None else 1000 * quiet_seconds):
                silences += 1
                if silences * quiet_seconds >= patience_seconds:
                    return
                if ask is not None:
                    ask()
                continue
            received = self._socket.recv(RECEIVED_BYTES)
            if not received:
                return
            self._heard, silences = time.monotonic(), 0
            buffer += received
            if (end := buffer.rfind(b"\n", searched)) < 0:
                searched = len(buffer)
                continue
            for line in bytes(buffer[:end]).split(b"\n"):
                receive(line)
            del buffer[: end + 1]
            searched = 0

    def _write(self) -> None:
        try:
            while (lines := self._gather()) is not None:
                self._socket.sendall(lines)
        except OSError:
            self.close()  # whoever reads learns of it so

    def _gather(self) -> bytes | None:
        """What waits, or the first that comes; None after `close`."""
        gathered = bytearray()
        write_line = self._outgoing.get()
        while write_line is not None:
            gathered += write_line()
            if len(gathered) >= SENT_BYTES:
                return bytes(gathered)
            try:
                write_line = self._outgoing.get_nowait()
            except Empty:
                return bytes(gathered)
        return None
