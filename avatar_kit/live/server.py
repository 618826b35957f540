"""The pages of a live session, for this machine alone unless a person wants it otherwise.

Whoever knows the token may look on. One page at a time drives; the others watch.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import json
import math
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from avatar_kit.errors import UserError
from avatar_kit.live.audience import Viewer
from avatar_kit.live.hub import Hub
from avatar_kit.live.messages import Frame, Shown

#: Largest message a page may send, bytes.
LARGEST_MESSAGE = 4 * 2**20
#: Number and time before a picture, both ways.
_HEADER = struct.Struct("<Id")
#: First byte of a binary message to a page: what follows.
_JPEG, _WEBP, _PREVIEW = 0, 1, 2

#: What a page may ask for, and what its value must be.
_ORDERS: dict[str, Callable[[Any], Any]] = {
    "calibrate": lambda value: None,
    "neutral": lambda value: None,
    "reset": lambda value: None,
    "mirror": bool,
    "strength": lambda value: _number(value, 0, 1),
    "background": lambda value: _short(value),
}


class Server:
    """Pages and their sockets.

    Args:
        hub: The session.
        host: Address to listen on.
        port: To listen on; 0: any that is free.
        recordings: Gives a new file for a recording that is begun from the page.
    """

    def __init__(self, hub: Hub, host: str, port: int, recordings: Callable[[], str]):
        self.hub, self.host, self.recordings = hub, host, recordings
        self.token = secrets.token_urlsafe(16)
        self.socket = bind(host, port)
        self.port = self.socket.getsockname()[1]
        self.driver: Viewer | None = None
        self._sockets: set[web.WebSocketResponse] = set()
        self._tasks: set[asyncio.Task] = set()

    @property
    def address(self) -> str:
        """What to open."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host
        return f"http://{host}:{self.port}/?token={self.token}"

    @property
    def view_address(self) -> str:
        """What to open for the avatar alone."""
        return self.address.replace("/?", "/view?")

    async def start(self) -> None:
        """Serve."""
        app = web.Application(middlewares=[self._admit])
        app.router.add_get("/", _page("index.html"))
        app.router.add_get("/view", _page("view.html"))
        app.router.add_get("/socket", self._socket)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.SockSite(self._runner, self.socket).start()

    async def stop(self) -> None:
        """Close all pages."""
        for page in list(self._sockets):
            await page.close(code=WSCloseCode.GOING_AWAY, message=b"the session ended")
        await self._runner.cleanup()

    @web.middleware
    async def _admit(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Only who knows the token, and no page of another site that a browser also shows."""
        if not self._is_here(request.headers.get("Host", "")):
            raise web.HTTPForbidden(text="this address does not belong to the session")
        origin = request.headers.get("Origin")
        foreign = origin is not None and origin != f"http://{request.headers['Host']}"
        if foreign or (request.path == "/socket" and origin is None):
            raise web.HTTPForbidden(text="pages of other sites are refused")
        given = request.query.get("token", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self.token.encode()):
            raise web.HTTPForbidden(text="open the address that  avatar-kit live  printed")
        return await handler(request)

    def _is_here(self, host: str) -> bool:
        name, _, port = host.rpartition(":")
        if port != str(self.port):
            return False
        if is_local(self.host):
            return name in ("127.0.0.1", "localhost", "[::1]")
        return _is_address(name) or name in (self.host, socket.gethostname(), "localhost")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        page = web.WebSocketResponse(max_msg_size=LARGEST_MESSAGE, heartbeat=20)
        await page.prepare(request)
        self._sockets.add(page)
        alone = request.query.get("alone") == "1"
        viewer = Viewer(lambda message: _send(page, message), preview=not alone)
        drives = not alone and self.driver is None
        if drives:
            self.driver = viewer
            if self.hub.camera == "browser":
                self.hub.order("reset")  # another camera, another clock
        await page.send_json({"drives": drives, "state": self.hub.state()})
        self.hub.join(viewer)
        try:
            async for message in page:
                if message.type == WSMsgType.TEXT:
                    await self._text(page, viewer, message.data)
                elif message.type == WSMsgType.BINARY:
                    await self._picture(page, viewer, message.data)
        finally:
            self._sockets.discard(page)
            self.hub.leave(viewer)
            if self.driver is viewer:
                self.driver = None
        return page

    async def _picture(self, page: web.WebSocketResponse, viewer: Viewer, data: bytes) -> None:
        if len(data) <= _HEADER.size:
            await _refuse(page, "a picture begins with its number and time")
            return
        number, at = _HEADER.unpack_from(data)
        if not math.isfinite(at):
            await _refuse(page, "the time of a picture is a number of seconds")
            return
        if viewer is not self.driver or self.hub.camera != "browser":
            await _refuse(page, "pictures are taken from the page that drives, with its camera")
            return

        def acknowledge() -> None:
            task = asyncio.get_running_loop().create_task(_acknowledge(page, number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self.hub.frame(Frame(number, at, data[_HEADER.size :]), acknowledge)

    async def _text(self, page: web.WebSocketResponse, viewer: Viewer, text: str) -> None:
        try:
            message = json.loads(text)
            if not isinstance(message, dict):
                raise ValueError("expected an object")
            if "ack" in message:
                latency = message.get("latency")
                value = None if latency is None else _number(latency, -1, 600)
                self.hub.acknowledge(viewer, value if viewer is self.driver else None)
                return
            name, value = str(message.get("order")), message.get("value")
            if viewer is not self.driver:
                raise ValueError("another page drives; close it, then reload this one")
            if name == "record":
                self.hub.order("record", self.recordings() if value else None)
            elif name in _ORDERS:
                self.hub.order(name, _ORDERS[name](value))
            else:
                raise ValueError(f"unknown order {name!r}; known: {', '.join(_ORDERS)}")
        except (ValueError, TypeError) as error:
            await _refuse(page, str(error))
        except RecursionError:
            await _refuse(page, "a message that is nested too deep")


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        UserError: The port is taken, or the address is not one of this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.socket(family)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError as error:
        raise UserError(
            f"--port {port}: cannot listen on {host} ({error.strerror or error}); another "
            "session may use the port: choose another --port, or 0 for any free port"
        ) from None
    return made


def is_local(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _page(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    text = resources.files("avatar_kit.live").joinpath("page", name).read_text("utf-8")
    headers = {
        "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' blob: data:;"
        " connect-src 'self'; media-src 'self' blob:; frame-ancestors 'self'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="text/html", headers=headers)

    return handler


async def _send(page: web.WebSocketResponse, message: dict[str, Any] | Shown) -> None:
    if isinstance(message, Shown):
        at = float("nan") if message.time is None else message.time
        head = bytes([_WEBP if message.alpha else _JPEG]) + _HEADER.pack(message.number, at)
        await page.send_bytes(head + message.picture)
    elif "preview" in message:
        await page.send_bytes(bytes([_PREVIEW]) + message["preview"])
    else:
        await page.send_json(message)


async def _acknowledge(page: web.WebSocketResponse, number: int) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):  # the page went meanwhile
        await page.send_json({"ack": number})


async def _refuse(page: web.WebSocketResponse, text: str) -> None:
    await page.send_json({"said": text, "wrong": True})


def _number(value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number between {low} and {high}, got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"expected a number between {low} and {high}, got {value}")
    return float(value)


def _short(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError("expected plate, transparent, or a colour")
    if value not in ("plate", "transparent") and not value.startswith("#"):
        raise ValueError("expected plate, transparent, or a colour: # and six digits")
    return value
