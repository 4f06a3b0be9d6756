"""A headless Chromium with one open page, driven through the pipe of its DevTools: no driver, no port, no network."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PATIENCE_SECONDS = 120.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",  # the pages are ours, and a container or root has no sandbox to give
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
TABS = ("Page", "Runtime", "Log", "Network", "Audits")
FIRST_HIGH = 10  # the browser reads from 3 and writes to 4, so what is given to it has to lie above

KEYS = {"Enter": (13, "\r"), " ": (32, " "), "Tab": (9, ""), "Escape": (27, ""), "Home": (36, ""), "End": (35, "")}
ARROWS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
SHIFT = 8


class View(NamedTuple):
    """How the page is looked at; `media` is `print` for what the printer gets."""

    width: int = 1280
    height: int = 900
    scheme: str = "light"
    media: str = "screen"


DESK = View()


class Browser:
    """`complaints` is what the console, the content security policy or a script's error said since the page opened;
    `requests` are the addresses that the page asked for, its own first."""

    def __init__(self, program: str, folder: Path) -> None:
        self._folder = folder
        self._unread = b""
        self._last = 0
        self._session = ""
        self._seen: list[dict[str, Any]] = []
        self._process = self._start(program)
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for tab in TABS:
            self.tell(f"{tab}.enable")

    def open(self, html: str, view: View = DESK, *, has_scripts: bool = True) -> None:
        """From a file, as a reader does."""
        path = self._folder / "page.html"
        path.write_text(html, encoding="utf-8")
        self.tell("Emulation.setScriptExecutionDisabled", value=not has_scripts)
        self.look(view)
        self._seen.clear()
        self.tell("Page.navigate", url=path.as_uri())
        self._await(lambda event: event["method"] == "Page.loadEventFired")

    def reload(self) -> None:
        self._seen.clear()
        self.tell("Page.reload")
        self._await(lambda event: event["method"] == "Page.loadEventFired")

    def look(self, view: View) -> None:
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=view.width,
            height=view.height,
            deviceScaleFactor=1,
            mobile=False,
        )
        schemes = [{"name": "prefers-color-scheme", "value": view.scheme}]
        still = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        self.tell("Emulation.setEmulatedMedia", media=view.media, features=schemes + still)

    def ask(self, expression: str) -> Any:
        """The value of an expression of the page's own world, as JSON gives it."""
        answer = self.tell("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key by its name or its letter, as a keyboard sends it."""
        code, text = KEYS.get(key) or (ARROWS[key], "") if key in KEYS or key in ARROWS else (ord(key.upper()), key)
        words = {"key": key, "windowsVirtualKeyCode": code, "modifiers": SHIFT if shift else 0}
        self.tell("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **words)
        self.tell("Input.dispatchKeyEvent", type="keyUp", **words)

    def type(self, text: str) -> None:
        for letter in text:
            self.press(letter)

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of what the selector finds first, which is brought into sight."""
        x, y = self.ask(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " found.scrollIntoView({ block: 'center', behavior: 'instant' });"
            " const box = found.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        mouse = {"x": x, "y": y, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.tell("Input.dispatchMouseEvent", type=kind, **mouse)

    def picture(self) -> bytes:
        """The whole page as PNG."""
        shot = self.tell("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    @property
    def requests(self) -> list[str]:
        sent = (event["params"] for event in self._seen if event["method"] == "Network.requestWillBeSent")
        return [each["request"]["url"] for each in sent]

    @property
    def complaints(self) -> list[str]:
        self.ask("1")  # whatever was said before this was answered has been read
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Audits.issueAdded")
        return [json.dumps(event) for event in self._seen if event["method"] in kinds]

    def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """Any command of the DevTools protocol."""
        self._last += 1
        order = {"id": self._last, "method": method, "params": params}
        if self._session:
            order["sessionId"] = self._session
        self._write(json.dumps(order).encode() + b"\0")
        number = self._last
        answer = self._await(lambda message: message.get("id") == number)
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def close(self) -> None:
        """Without its pipe the browser ends."""
        os.close(self._writing)
        self._process.wait(PATIENCE_SECONDS)
        os.close(self._reading)

    def _start(self, program: str) -> subprocess.Popen[bytes]:
        (their_in, self._writing), (self._reading, their_out) = _open_pipe(), _open_pipe()
        command: Sequence[str] = (program, *OPTIONS, f"--user-data-dir={self._folder / 'profile'}", "about:blank")
        with (self._folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ("bash", "-c", f'exec "$@" 3<&{their_in} 4>&{their_out}', "bash", *command),
                pass_fds=(their_in, their_out),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.close(their_in)
        os.close(their_out)
        return process

    def _write(self, order: bytes) -> None:
        while order:
            order = order[os.write(self._writing, order) :]

    def _await(self, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            message = self._read()
            if "method" in message:
                self._seen.append(message)
            if "id" not in message and "method" not in message:
                raise AssertionError(message)
            if is_wanted(message | {"method": message.get("method", "")}):
                return message

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._reading], [], [], PATIENCE_SECONDS)
            piece = os.read(self._reading, 1 << 20) if ready else b""
            assert piece, f"the browser says nothing more: {(self._folder / 'log').read_text(errors='replace')}"
            self._unread += piece
        first, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        return message


@contextmanager
def run_browser(folder: Path) -> Iterator[Browser]:
    """Skips the test, and says so, where no Chromium is installed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    browser = Browser(program, folder)
    try:
        yield browser
    finally:
        browser.close()


def _open_pipe() -> tuple[int, int]:
    """Both ends above the numbers that the browser wants."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, FIRST_HIGH) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
