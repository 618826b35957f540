"""A page opened from disk in Chromium, spoken to by the DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from pathlib import Path

from tests.exporters.viewing import FLAGS, chromium, picture_of

#: Events that say something went wrong on a page.
_COMPLAINTS = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}


class OpenPage:
    """One page; a context manager.

    Attributes:
        complaints: What the page wrote on the console or threw, so far.
        requests: Addresses that it asked for, so far.
    """

    def __init__(self, file: Path, profile: Path, width: int, height: int, *, touch: bool = False):
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        words = [chromium(), *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{commands} 4>&{answers}', "bash", *words],
            pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(answers)
        self._number, self._rest, self._session = 0, b"", None
        self.complaints: list[dict] = []
        self.requests: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        given = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = given["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=touch,
        )  # fmt: skip
        self.send("Page.navigate", url=file.resolve().as_uri())

    def __enter__(self) -> OpenPage:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._read)
        os.close(self._write)

    def send(self, method: str, **parameters) -> dict:
        """What a command answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            got = self._next()
            if got.get("id") == self._number:
                assert "error" not in got, got
                return got["result"]

    def _next(self) -> dict:
        while b"\0" not in self._rest:
            data = os.read(self._read, 1 << 20)
            assert data, "the browser has ended"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        got = json.loads(line)
        if got.get("method") in _COMPLAINTS:
            self.complaints.append(got["params"])
        if got.get("method") == "Network.requestWillBeSent":
            self.requests.append(got["params"]["request"]["url"])
        return got

    def value(self, expression: str):
        """What an expression is on the page."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"{expression} is not true after {seconds} s"
            time.sleep(0.1)

    def key(self, name: str, code: int = 0, text: str = "") -> None:
        """Press a key."""
        given = {"key": name, "windowsVirtualKeyCode": code, "text": text}
        self.send("Input.dispatchKeyEvent", type="keyDown", **given)
        self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    def picture(self, keep: Path | None = None):
        """[3, H, W] in [0, 1] what is seen."""
        data = base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])
        if keep is not None:
            keep.write_bytes(data)
        return picture_of(data)
