"""A real Chromium, without a window, whose camera plays a file."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--use-fake-device-for-media-stream",
    "--window-size=1200,900",
)


def chromium() -> str:
    """The program; the test is skipped where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no chromium on this machine")


def fake_camera(frames: list[np.ndarray], out: Path) -> Path:
    """A file that Chromium's camera plays: frames [H, W, 3] uint8 RGB as Motion JPEG."""
    import io

    from PIL import Image

    with out.open("wb") as file:
        for frame in frames:
            held = io.BytesIO()
            Image.fromarray(frame).save(held, "JPEG", quality=90)
            file.write(held.getvalue())
    return out


class Browser:
    """Chromium with one page; an asynchronous context manager.

    Args:
        address: To open.
        camera: What the camera plays, see :func:`fake_camera`; None: Chromium's own test picture.
        allowed: Whether the page gets the camera that it asks for.
        size: Width and height of the window.

    Attributes:
        said: What the page wrote on the console or threw.
        errors: What of it was an error, and what the browser itself complained about.
        requests: Addresses that the page asked for.
    """

    def __init__(
        self,
        address: str,
        camera: Path | None = None,
        *,
        allowed: bool = True,
        size: tuple[int, int] = (1200, 900),
    ):
        self.address, self.camera, self.allowed, self.size = address, camera, allowed, size
        self._numbers = itertools.count(1)
        self.said: list[str] = []
        self.errors: list[str] = []
        self.requests: list[str] = []

    async def __aenter__(self) -> Browser:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        flags = [*_FLAGS, f"--user-data-dir={self._folder.name}"]
        flags.append(f"--window-size={self.size[0]},{self.size[1]}")
        if self.allowed:
            flags.append("--use-fake-ui-for-media-stream")
        else:
            flags.append("--deny-permission-prompts")
        if self.camera is not None:
            flags.append(f"--use-file-for-fake-video-capture={self.camera}")
        self.process = subprocess.Popen(
            [chromium(), *flags, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port = await self._port()
        self.http = aiohttp.ClientSession()
        async with self.http.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = await answer.json(content_type=None)
        page = next(p for p in pages if p["type"] == "page")
        self.socket = await self.http.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
        await self.call("Page.enable")
        for domain in ("Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=self.address)
        await self._arrive()
        return self

    async def _arrive(self) -> None:
        """Wait for the page; while it changes there is none to ask."""
        for _ in range(300):
            with contextlib.suppress(AssertionError):
                if await self.value("location.href !== 'about:blank' && document.readyState") == (
                    "complete"
                ):
                    return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{self.address} did not load")

    async def __aexit__(self, *error: object) -> None:
        await self.socket.close()
        await self.http.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._folder.cleanup()

    async def _port(self) -> int:
        file = Path(self._folder.name) / "DevToolsActivePort"
        for _ in range(600):
            if file.exists() and file.read_text().strip():
                return int(file.read_text().split()[0])
            await asyncio.sleep(0.1)
        raise AssertionError("chromium did not start")

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol."""
        number = next(self._numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = json.loads((await self.socket.receive(timeout=60)).data)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._keep(message.get("method"), message.get("params", {}))

    def _keep(self, method: str | None, told: dict[str, Any]) -> None:
        """What an event of the page says."""
        if method == "Runtime.exceptionThrown":
            self.said.append(json.dumps(told))
            self.errors.append(json.dumps(told))
        elif method == "Runtime.consoleAPICalled":
            self.said.append(json.dumps(told.get("args")))
            if told.get("type") == "error":
                self.errors.append(self.said[-1])
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(json.dumps(told))
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    async def value(self, expression: str) -> Any:
        """What an expression of the page comes to."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str, seconds: float = 60) -> Any:
        """Wait for an expression to be true."""
        for _ in range(int(seconds / 0.1)):
            if found := await self.value(expression):
                return found
            await asyncio.sleep(0.1)
        shown = await self.value("document.body.innerText")
        raise AssertionError(f"{expression} did not come true in {seconds:g} s; the page: {shown}")

    async def screenshot(self, out: Path) -> Path:
        """The page as PNG."""
        found = await self.call("Page.captureScreenshot", format="png")
        out.write_bytes(base64.b64decode(found["data"]))
        return out
