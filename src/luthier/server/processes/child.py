"""What every process of the server does alike: it says when it is ready, and ends when it is told to or left alone."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from threading import Event, Thread
from threading import enumerate as enumerate_threads
from typing import TYPE_CHECKING, NoReturn

from luthier.errors import LuthierError
from luthier.pipeline.home import open_home
from luthier.server.logs import configure_logging

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.store.home import Home

FAILED = 3
"""The exit code of a process that could not do what it was started for."""

WORD = b"1"
SECONDS_BETWEEN_WORDS = 5.0

logger = logging.getLogger(__name__)


def run_child(part: str, work: Callable[[Home], None]) -> int:
    """The exit code; what went wrong stands in the log. Once whoever started this process has ended, it ends too."""
    Thread(target=_follow_owner, name="owner", daemon=True).start()
    configure_logging(part)
    try:
        home = open_home()
        configure_logging(part, shows_content=home.settings.logs_content)
        work(home)
    except LuthierError as error:
        logger.error("%s%s", error.message, f" ({error.hint})" if error.hint else "")
        return FAILED
    return 0


def leave(code: int) -> NoReturn:
    """Ends the process at once, for one whose threads may be in the middle of torch's code: taking Python down under
    them would abort it."""
    logging.shutdown()
    os._exit(code)


def tell_ready(
    ready_fd: int, *, is_well: Callable[[], bool] = lambda: True, pause_seconds: float = SECONDS_BETWEEN_WORDS
) -> None:
    """And from now on, again and again, that this process is well, as long as it is: `is_well` says whether what the
    process is there for gets on, for this is told by a thread of its own, which does so in any case."""
    os.write(ready_fd, WORD)
    arguments = ready_fd, is_well, pause_seconds
    Thread(target=_tell_well, args=arguments, name="heartbeat", daemon=True).start()


def catch_stop() -> Event:
    """Is set by SIGTERM and by Ctrl-C; for the main thread."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stop.set())
    return stop


def _tell_well(ready_fd: int, is_well: Callable[[], bool], pause_seconds: float) -> None:
    gets_on = True
    with suppress(OSError):  # nobody listens any more
        while True:
            time.sleep(pause_seconds)
            was_well, gets_on = gets_on, is_well()
            if gets_on:
                os.write(ready_fd, WORD)
            elif was_well:
                logger.error("nothing gets on in this process", extra={"stacks": _describe_threads()})


def _describe_threads() -> dict[str, str]:
    """Where each of them is, by which somebody may find out why it hangs; lines of code alone, and no values."""
    names = {thread.ident: thread.name for thread in enumerate_threads()}
    frames = sys._current_frames()
    return {names.get(ident, str(ident)): "".join(traceback.format_stack(frame)) for ident, frame in frames.items()}


def _follow_owner() -> None:
    """Our standard input is a pipe that the owner holds open, and that ends with it, however that comes."""
    while os.read(sys.stdin.fileno(), 1):  # not through Python's buffer, whose lock would be in the way at the end
        pass
    os.kill(os.getpid(), signal.SIGTERM)
