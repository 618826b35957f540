"""Who may take part, and what pages are told: the real server, with its processes not started."""

import asyncio
import contextlib
import json
import struct
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from avatar_kit.errors import UserError
from avatar_kit.live.address import Address
from avatar_kit.live.audience import WINDOW, Viewer
from avatar_kit.live.hub import Hub
from avatar_kit.live.messages import Face, Received, Seen, Shown
from avatar_kit.live.receiving import ReceiveSettings
from avatar_kit.live.server import LARGEST_MESSAGE, Server, bind, is_local
from avatar_kit.live.showing import ShowSettings
from avatar_kit.live.watching import WatchSettings


def run(test):
    """Run an asynchronous test beside a server."""

    async def whole():
        hub = Hub(WatchSettings("browser", "mediapipe", "anny"), ShowSettings(Path("run")))
        server = Server(hub, "127.0.0.1", 0, lambda: "film.mp4")
        await server.start()
        try:
            async with aiohttp.ClientSession() as http:
                await asyncio.wait_for(test(hub, server, http), 30)
        finally:
            await server.stop()

    asyncio.run(whole())


def base(server) -> str:
    return f"http://127.0.0.1:{server.port}"


def join(server, http, *, token=None, origin=None, alone=False):
    address = f"{base(server)}/socket?token={server.token if token is None else token}"
    headers = {"Origin": base(server) if origin is None else origin}
    return http.ws_connect(address + ("&alone=1" if alone else ""), headers=headers)


async def told(page, key: str):
    """The next message with a key."""
    while True:
        message = await page.receive(timeout=10)
        if message.type == aiohttp.WSMsgType.TEXT and key in (found := json.loads(message.data)):
            return found
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message


def shown(number: int) -> Shown:
    return Shown(number, float(number), b"jpeg%d" % number, False, 1.0, 1.0)


@pytest.mark.parametrize("path", ["/", "/view"])
def test_a_page_needs_the_token(path):
    async def test(hub, server, http):
        for token, status in ((server.token, 200), ("", 403), (server.token[:-1], 403), ("é", 403)):
            async with http.get(base(server) + path, params={"token": token}) as answer:
                assert answer.status == status
        assert len(server.token) >= 22, "128 bits"

    run(test)


def test_pages_of_other_sites_and_other_names_of_this_machine_are_refused():
    async def test(hub, server, http):
        query = {"token": server.token}
        for headers in (
            {"Host": f"evil.example:{server.port}"},  # a name that an attacker points here
            {"Host": "127.0.0.1:1"},
            {"Origin": "http://evil.example"},
            {"Origin": f"http://127.0.0.1:{server.port + 1}"},
        ):
            async with http.get(f"{base(server)}/", params=query, headers=headers) as answer:
                assert answer.status == 403, headers
        for origin in ("http://evil.example", "null"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await join(server, http, origin=origin)
            assert refused.value.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{base(server)}/socket?token={server.token}")  # no Origin
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await join(server, http, token="guess")

    run(test)


def test_one_page_drives_and_others_watch():
    async def test(hub, server, http):
        first = await join(server, http)
        assert (await told(first, "drives"))["drives"]
        second = await join(server, http)
        assert not (await told(second, "drives"))["drives"]
        await second.send_json({"order": "mirror", "value": True})
        assert "another page drives" in (await told(second, "said"))["said"]
        await second.send_bytes(struct.pack("<Id", 1, 0.5) + b"picture")
        assert "the page that drives" in (await told(second, "said"))["said"]
        assert hub._frame is None, "only the driver's camera counts"
        await first.send_bytes(struct.pack("<Id", 7, 0.5) + b"picture")
        await asyncio.sleep(0.1)
        assert (hub._frame.number, hub._frame.picture) == (7, b"picture")
        await first.close()
        await asyncio.sleep(0.1)
        third = await join(server, http)
        assert (await told(third, "drives"))["drives"], "the place is free again"

    run(test)


def test_a_view_of_the_avatar_alone_never_drives():
    async def test(hub, server, http):
        view = await join(server, http, alone=True)
        assert not (await told(view, "drives"))["drives"]
        page = await join(server, http)
        assert (await told(page, "drives"))["drives"]

    run(test)


def test_newer_frames_replace_one_that_waits():
    async def test(hub, server, http):
        page = await join(server, http)
        for number in range(1, 5):
            await page.send_bytes(struct.pack("<Id", number, 0.1 * number) + b"x")
        assert [(await told(page, "ack"))["ack"] for _ in range(3)] == [1, 2, 3], "replaced"
        assert hub._frame.number == 4 and hub.figures.dropped == 3
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(told(page, "ack"), 0.3)
        hub._wants_frame = True  # as the process that tracks says
        hub._feed()
        assert (await told(page, "ack"))["ack"] == 4, "a new picture is wanted"

    run(test)


def test_a_slow_page_has_two_pictures_on_their_way_and_then_gets_the_newest():
    async def test(hub, server, http):
        page = await join(server, http)
        await told(page, "drives")
        for number in range(1, 11):
            hub._shown(shown(number))
            await asyncio.sleep(0.01)

        async def picture():
            while True:
                message = await page.receive(timeout=5)
                if message.type == aiohttp.WSMsgType.BINARY:
                    return struct.unpack_from("<Id", message.data, 1)

        assert await picture() == (1, 1.0) and await picture() == (2, 2.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(picture(), 0.7)
        assert WINDOW == 2
        await page.send_json({"ack": 1, "latency": 0.2})
        assert await picture() == (10, 10.0), "what lay between is out of date"
        assert hub.figures.latency.median == 0.2

    run(test)


def test_a_page_that_takes_nothing_is_not_sent_what_is_soon_out_of_date():
    """Skeletons and figures do not pile up before a page that is frozen."""

    async def test(hub, server, http):
        sent = []
        free = asyncio.Event()

        async def frozen(message):
            sent.append(message)
            await free.wait()

        viewer = Viewer(frozen)
        hub.audience.viewers.add(viewer)
        for number in range(200):
            points = np.zeros((65, 3), np.float32)
            hub._seen(Seen(number, 0.1 * number, None, False, points, 1.0, 1.0, preview=b"jpeg"))
            await asyncio.sleep(0)
        assert len(sent) < 12, "no heap"
        free.set()
        await asyncio.sleep(0.05)
        hub._seen(Seen(200, 20.0, None, False, points, 1.0, 1.0, preview=b"jpeg"))
        await asyncio.sleep(0.05)
        assert any(m.get("number") == 200 for m in sent), "once it is free it gets the newest"

    run(test)


def test_without_a_camera_a_page_learns_who_drives_and_what_was_refused():
    async def test(hub, server, http):
        sent = []

        async def take(message):
            sent.append(message)

        settings = ReceiveSettings(Address("vmc", "127.0.0.1", 39539), performer="{}")
        alone = Hub(None, ShowSettings(Path("run")), receiving=settings)
        assert [child.name for child in alone.children] == [
            "the process that receives packets",
            "the process that draws the avatar",
        ]
        state = alone.state()
        assert state["camera"] is None and state["receives"] == "vmc://127.0.0.1:39539"
        assert alone.performer == "{}", "the avatar performs itself"
        alone.audience.viewers.add(Viewer(take))
        alone.order("calibrate")
        alone._received(Received(None, refused=3))
        alone._received(Received(Face(0.0, np.zeros(52), None), 1.5, dropped=2))
        await asyncio.sleep(0.05)
        assert "this session has none" in sent[0]["said"] and sent[0]["wrong"]
        figures = alone.figures.summary()
        assert (figures["refused"], figures["dropped"], figures["read"]) == (3, 2, 1.5)

    run(test)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ('{"order": "mirro"}', "unknown order 'mirro'"),
        ("{", "Expecting"),
        ("[]", "expected an object"),
        ("[" * 100_000, "nested too deep"),
        ('{"order": "strength", "value": 2}', "between 0 and 1"),
        ('{"order": "strength", "value": NaN}', "between 0 and 1"),
        ('{"order": "background", "value": "/etc/passwd"}', "a colour"),
        ('{"ack": 1, "latency": "soon"}', "a number"),
        (b"short", "begins with its number"),
        (struct.pack("<Id", 1, float("nan")) + b"x", "number of seconds"),
    ],
)
def test_what_makes_no_sense_is_said(sent, answer):
    async def test(hub, server, http):
        page = await join(server, http)
        await (page.send_bytes if isinstance(sent, bytes) else page.send_str)(sent)
        message = await told(page, "said")
        assert answer in message["said"] and message["wrong"]

    run(test)


def test_a_message_that_is_too_large_ends_the_connection():
    async def test(hub, server, http):
        page = await join(server, http)
        await told(page, "drives")
        with contextlib.suppress(ConnectionError):  # it may end before all is sent
            await page.send_bytes(b"x" * (LARGEST_MESSAGE + 1))
        while not page.closed:
            await page.receive(timeout=10)
        for _ in range(50):
            await asyncio.sleep(0.02)
        assert not hub.audience.viewers and hub._frame is None

    run(test)


def test_a_port_that_is_taken_is_said():
    taken = bind("127.0.0.1", 0)
    taken.listen()
    port = taken.getsockname()[1]
    with pytest.raises(UserError, match=rf"--port {port}: cannot listen .* another --port"):
        bind("127.0.0.1", port)
    taken.close()


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("me", False)],
)
def test_which_addresses_only_this_machine_reaches(host, local):
    assert is_local(host) is local
