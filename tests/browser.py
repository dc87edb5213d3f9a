"""A headless Chromium, driven through its own protocol over two pipes: no driver and no package is needed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
KEYS = {"Enter": 13, "Tab": 9, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Browser:
    """One Chromium with one page; a context manager.

    Attributes:
        problems: errors of the console, uncaught exceptions and refused resources since the page was opened.
        requests: addresses that the page asked for, without the page itself.
    """

    def __init__(self, profile: Path, *flags: str) -> None:
        assert CHROMIUM is not None
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        # The protocol wants its pipes at 3 and 4; a shell puts them there.
        script = f'exec "$@" 3<&{to_child} 4>&{from_child}'
        command = ["bash", "-c", script, "bash", CHROMIUM, *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(to_child, from_child), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_child)
        os.close(from_child)
        self._buffer, self._number = b"", 0
        self._session: str | None = None
        self._loaded = False
        self.problems: list[str] = []
        self.requests: list[str] = []
        target = next(t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._session = None
            self.send("Browser.close")
        except (OSError, EOFError):
            pass
        finally:
            os.close(self._write)
            os.close(self._read)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for what it returns."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write_all(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(60)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])

    def open(self, path: Path, width: int = 1400, height: int = 900, dark: bool = False, still: bool = True) -> None:
        """Open a file and wait until it is loaded."""
        self.resize(width, height)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        features += [{"name": "prefers-reduced-motion", "value": "reduce"}] if still else []
        self.send("Emulation.setEmulatedMedia", features=features)
        self.problems, self.requests, self._loaded = [], [], False
        self.send("Page.navigate", url=path.as_uri())
        end = time.monotonic() + 60
        while not self._loaded:
            self._next(end - time.monotonic())
        self.requests = [url for url in self.requests if url != path.as_uri()]
        self.settle()

    def resize(self, width: int, height: int) -> None:
        """Of the window, in CSS pixels; narrower than 600 is a phone."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def js(self, expression: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"]["exception"].get("description", expression))
        return result["result"].get("value")

    def settle(self) -> None:
        """Wait until the page has drawn twice."""
        self.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def click(self, selector: str) -> None:
        """Scroll the first match into view and click into its middle, as a mouse does."""
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.settle()

    def middle(self, selector: str) -> tuple[float, float]:
        """Where the middle of the first match is in the window, after scrolling it into view."""
        place = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;"
            "e.scrollIntoView({block: 'center', behavior: 'instant'}); const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2] })()"
        )
        assert place, f"nothing matches {selector}"
        self.settle()
        return place[0], place[1]

    def drag(self, selector: str, right: float, down: float) -> None:
        """Press in the middle of the first match and move by so many pixels in five steps."""
        x, y = self.middle(selector)
        self.send("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        for step in range(1, 6):
            at = {"x": x + right * step / 5, "y": y + down * step / 5}
            self.send("Input.dispatchMouseEvent", type="mouseMoved", button="left", buttons=1, **at)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=x + right, y=y + down, button="left")
        self.settle()

    def press(self, key: str, times: int = 1) -> None:
        """Press a key, where the focus is."""
        code = KEYS.get(key, ord(key[0].upper()))
        text: Mapping[str, str] = {"text": "\r" if key == "Enter" else key} if key == "Enter" or len(key) == 1 else {}
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                extra = text if kind == "keyDown" else {}
                self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **extra)
        self.settle()

    def screenshot(self, path: Path | None = None, selector: str | None = None, whole: bool = False) -> bytes:
        """PNG bytes of the window, of the first match, or of the whole page; written where `path` says."""
        options: dict[str, Any] = {}
        if selector:
            box = self.js(
                f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
                "return [b.x + scrollX, b.y + scrollY, b.width, b.height] })()"
            )
            options["clip"] = dict(zip(("x", "y", "width", "height"), box, strict=True), scale=1)
            options["captureBeyondViewport"] = True
        elif whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            options["captureBeyondViewport"] = True
        data = base64.b64decode(self.send("Page.captureScreenshot", format="png", **options)["data"])
        if path:
            path.write_bytes(data)
        return data

    def _write_all(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._write, data[:65_536]) :]

    def _next(self, seconds: float) -> dict[str, Any]:
        """The next message; events are noted on the way."""
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(seconds, 0))[0]:
                raise AssertionError("Chromium does not answer")
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise EOFError("Chromium has ended")
            self._buffer += chunk
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, details: Mapping[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.problems.append(str(details["exceptionDetails"].get("exception", {}).get("description", details)))
        elif event == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(part.get("value", "")) for part in details["args"]))
        elif event == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.problems.append(details["entry"]["text"])
