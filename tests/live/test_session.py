"""Whole sessions: the command, its processes, and a real browser whose camera plays a clip."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from avatar_kit.engine.loaded import load_avatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.io.video import read_video
from avatar_kit.live import Performer, Placer, vmc
from avatar_kit.live.address import Address
from avatar_kit.live.packets import PacketSource
from avatar_kit.live.starting import avatar_as_performer
from avatar_kit.live.vmc_reader import VmcReader
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_JOINTS
from tests.browsing import Browser, fake_camera
from tests.live.test_live_link import packet as face_packet
from tests.live.test_receiving import free_port

pytestmark = pytest.mark.slow

CLIP = Path(__file__).parents[3] / "shared/data/video/jumping_jacks.mp4"

#: Of the page: its line of figures, as numbers.
PICTURES = "Number(document.body.dataset.pictures || 0)"


@pytest.fixture(scope="module")
def clip() -> Path:
    if not CLIP.exists():
        pytest.skip("../shared is absent: no clip to play")
    pytest.importorskip("mediapipe", reason="the extra track is not installed")
    return CLIP


@pytest.fixture(scope="module")
def avatar(tmp_path_factory) -> Path:
    """A small splat avatar of the embedded capture."""
    out = tmp_path_factory.mktemp("live") / "run"
    small = ["steps=60", "size=128", "encoders.cloud.points=4000", "encoders.cloud.hull=500"]
    command = [sys.executable, "-m", "avatar_kit.cli.main", "train", "--method", "splat"]
    subprocess.run([*command, "--out", str(out), *small], check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def performer(clip, avatar, tmp_path_factory) -> Path:
    """A calibration, made by a check of the clip."""
    out = tmp_path_factory.mktemp("performer") / "me.json"
    done = command("live", avatar, "--camera", clip, "--performer", out, "--check")
    assert done.returncode == 0, done.stderr
    for stage in ("tracking", "solving", "rendering", "camera to picture", "pictures"):
        assert re.search(rf"{stage}\W+\d", done.stdout), done.stdout
    assert 1.5 < json.loads(out.read_text())["height"] < 1.95
    return out


@pytest.fixture(scope="module")
def camera(clip, tmp_path_factory) -> Path:
    frames = itertools.islice(read_video(clip), 0, 75)
    small = [np.asarray(Image.fromarray(frame).resize((640, 360))) for frame in frames]
    return fake_camera(small, tmp_path_factory.mktemp("camera") / "camera.mjpeg")


def command(*words) -> subprocess.CompletedProcess:
    line = [sys.executable, "-m", "avatar_kit.cli.main", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, timeout=400)


@asynccontextmanager
async def session(*words):
    """``avatar-kit live``, and the address of its page; ended with Ctrl-C."""
    line = [sys.executable, "-m", "avatar_kit.cli.main", "live", *map(str, words)]
    process = await asyncio.create_subprocess_exec(
        *line, "--no-browser", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    said = []
    try:
        while not (found := re.search(r"page +(\S+)", said[-1] if said else "")):
            said.append((await asyncio.wait_for(process.stdout.readline(), 120)).decode())
            assert said[-1], "it ended"
        yield process, found[1]
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()


def part(process, name: str) -> int:
    """Number of the process of a session that has loaded a package."""
    if not Path("/proc").exists():
        pytest.skip("this system does not tell which process uses what")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        if name in Path(f"/proc/{child}/maps").read_text():
            return int(child)
    raise AssertionError(f"no process of the session uses {name}")


async def grows(browser: Browser, by: int = 5) -> None:
    """More pictures arrive."""
    now = await browser.value(PICTURES)
    await browser.until(f"{PICTURES} > {now + by}", 120)


def test_a_page_drives_an_avatar_with_its_camera(avatar, performer, camera, tmp_path):
    async def test():
        words = (avatar, "--performer", performer, "--record", tmp_path / "film.mp4")
        async with session(*words) as (_, address), Browser(address, camera) as page:
            await page.until(f"{PICTURES} > 10", 240)
            figures = "document.getElementById('figures').innerText"
            await page.until(f"/latency \\d+ ms/.test({figures})", 120)
            # a second page watches, and vanishes without a word
            async with Browser(address) as other:
                await other.until(f"{PICTURES} > 3")
                assert "you are watching" in await other.value("document.body.innerText")
                other.process.kill()
            await grows(page)
            # the camera is pulled out, and is there again
            tracks = "stream.getVideoTracks()"
            gone = "track.stop(); track.dispatchEvent(new Event('ended'))"
            await page.value(f"{tracks}.forEach((track) => {{ {gone} }})")
            assert "camera is gone" in await page.value("document.getElementById('said').innerText")
            await page.until(f"{tracks}[0].readyState === 'live'", 30)
            await grows(page)
            # the avatar alone, on nothing
            await page.value("document.getElementById('background').value = 'transparent'")
            await page.value("document.getElementById('background').onchange()")
            view = address.replace("/?", "/view?")
            async with Browser(view) as alone:
                await alone.until(f"{PICTURES} > 5")
                corner = "document.getElementById('avatar').getContext('2d')"
                corner += ".getImageData(1, 1, 1, 1).data[3]"
                await alone.until(f"{corner} === 0", 30)
                assert not alone.said
            assert not page.said, "the console is quiet"

    asyncio.run(test())
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert film.streams.video[0].average_rate == 25
        assert sum(1 for _ in film.decode(video=0)) > 25


def test_a_tracker_that_is_killed_starts_again(avatar, performer, camera):
    async def test():
        words = (avatar, "--performer", performer)
        async with session(*words) as (process, address), Browser(address, camera) as page:
            await page.until(f"{PICTURES} > 5", 240)
            os.kill(part(process, "mediapipe"), signal.SIGKILL)
            said = "document.getElementById('said').innerText.includes('starts again')"
            await page.until(said, 30)
            await grows(page, 10)

    asyncio.run(test())


def test_a_page_that_stops_taking_pictures_holds_nobody_up(avatar, performer, clip):
    async def test():
        words = (avatar, "--performer", performer, "--camera", clip)
        async with session(*words) as (_, address), Browser(address) as slow:
            await slow.until(f"{PICTURES} > 5", 240)
            async with Browser(address) as quick:
                await quick.until(f"{PICTURES} > 3")
                # for five seconds the first page does nothing at all
                busy = "{const end = Date.now() + 5000; while (Date.now() < end);}"
                held = asyncio.ensure_future(slow.value(busy))
                await grows(quick, 10)
                await held
                behind = await slow.value(PICTURES)
                await asyncio.sleep(1)
                assert await slow.value(PICTURES) < behind + 60, "no heap of old pictures"

    asyncio.run(test())


def test_a_camera_that_is_refused_is_explained(avatar, performer):
    async def test():
        words = (avatar, "--performer", performer)
        async with session(*words) as (_, address), Browser(address, allowed=False) as page:
            await page.until("document.body.innerText.includes('The camera was refused')", 60)

    asyncio.run(test())


def test_an_avatar_that_cannot_be_drawn_ends_the_session_with_its_reason(avatar, tmp_path, clip):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(avatar, broken)
    for weights in broken.rglob("weights.safetensors"):
        os.truncate(weights, 100)
    done = command("live", broken, "--camera", clip, "--check")
    assert done.returncode == 2 and "weights.safetensors" in done.stderr, done.stderr


@contextmanager
def sending(port: int, packets: Callable[[], list[bytes]]):
    """Another program that sends to a port, over and over."""
    stop = threading.Event()

    def work():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not stop.wait(1 / 40):
                for one in packets():
                    out.sendto(one, ("127.0.0.1", port))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def no_tracker(tmp_path, monkeypatch):
    """Every process finds MediaPipe missing, as where the extra track is not installed."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['mediapipe'] = None\n")
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def test_another_program_drives_an_avatar_and_the_pose_goes_on(
    avatar, no_tracker, tmp_path, monkeypatch
):
    """What comes in by --receive goes out by --send: the same bones, and nonsense changes none."""
    pose = Motion.rest(1, transl=torch.tensor([[0.0, 0.9, 0.0]]))
    pose.body_pose[0, 3 * BODY_JOINTS.index("left_shoulder") + 2] = 0.8
    pose.expression[0, 0] = 0.5
    port, out = free_port(), free_port()
    reader = VmcReader()
    monkeypatch.setenv("AVATAR_KIT_CONFIG", str(tmp_path))

    async def test():
        words = (avatar, "--receive", f"vmc://127.0.0.1:{port}", "--send", f"vmc://127.0.0.1:{out}")
        words += ("--record", tmp_path / "film.mp4", "--sign")
        async with session(*words) as (_, address), Browser(address) as page:
            await page.until("document.body.innerText.includes('Waiting for packets')", 120)
            with sending(port, lambda: [*vmc.packets(pose, 0.0), b"nonsense"]):
                await page.until("/[1-9]\\d* packets refused/.test(document.body.innerText)", 120)
                await page.until("document.body.innerText.includes('packet refused: no OSC')", 30)
                await grows(page, 20)
                source = PacketSource(Address("vmc", "127.0.0.1", out))
                for packet in await asyncio.to_thread(lambda: sum_of(source, 3.0)):
                    reader.take(packet)
                source.close()
            assert not page.said
            assert not await page.value("document.getElementById('calibrate').offsetParent")

    asyncio.run(test())
    c2pa = pytest.importorskip("c2pa", reason="the extra provenance is not installed")
    with c2pa.Reader(str(tmp_path / "film.mp4")) as film:
        codes = [status["code"] for status in json.loads(film.json())["validation_status"]]
    assert codes == ["signingCredential.untrusted"], "the recording is signed"
    found = reader.motion()
    torch.testing.assert_close(found.rotvec(), pose.rotvec(), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.expression, pose.expression, atol=1e-4, rtol=0)


def test_the_avatar_performs_for_itself_in_its_own_size(avatar):
    folder = RunFolder.open_person(avatar)
    text, leg = avatar_as_performer(folder)
    loaded = load_avatar(folder, device="cpu")
    placer = Placer(
        loaded.avatar.body,
        loaded.avatar.shape,
        loaded.training_motion,
        Performer.model_validate_json(text),
    )
    assert placer.scale == pytest.approx(1.0, abs=1e-6) and 0.6 < leg < 0.95


def sum_of(source: PacketSource, seconds: float) -> list[bytes]:
    """All packets of some seconds."""
    ends, found = time.monotonic() + seconds, []
    while time.monotonic() < ends:
        found += source.burst(0.2)
    return found


def test_a_check_by_packets_needs_no_clip(avatar, no_tracker):
    port = free_port()
    with sending(port, lambda: [face_packet({"JawOpen": 0.5, "HeadYaw": 0.4})]):
        done = command("live", avatar, "--receive", f"livelink://127.0.0.1:{port}", "--check")
    assert done.returncode == 0, done.stderr
    for stage in ("reading packets", "rendering", "packet to picture", "pictures"):
        assert re.search(rf"{stage}\W+\d", done.stdout), done.stdout
    assert "tracking" not in done.stdout and re.search(r"packets refused\W+0", done.stdout)


def test_a_face_of_a_phone_beside_a_camera(avatar, performer, clip, tmp_path):
    port, out = free_port(), free_port()
    reader = VmcReader()
    with sending(port, lambda: [face_packet({"TongueOut": 1.0, "HeadYaw": 1.5})]):

        async def test():
            words = (avatar, "--camera", clip, "--performer", performer)
            words += ("--receive", f"livelink://127.0.0.1:{port}")
            words += ("--send", f"vmc://127.0.0.1:{out}")
            async with session(*words) as (_, address), Browser(address) as page:
                await page.until(f"{PICTURES} > 20", 240)
                source = PacketSource(Address("vmc", "127.0.0.1", out))
                for packet in await asyncio.to_thread(lambda: sum_of(source, 3.0)):
                    reader.take(packet)
                source.close()

        asyncio.run(test())
    found = reader.motion()
    tongue = float(found.expression[0, ARKIT_CHANNELS.index("tongueOut")])
    assert tongue == pytest.approx(1.0, abs=1e-3), "the phone's face"
    neck, head = (3 * BODY_JOINTS.index(joint) + 1 for joint in ("neck", "head"))
    assert float(found.body_pose[0, [neck, head]].abs().sum()) < 1.2, "the camera's head"


def test_a_port_for_packets_that_is_taken_ends_the_session_with_its_reason(avatar):
    with contextlib.closing(PacketSource(Address("vmc", "127.0.0.1", free_port()))) as taken:
        address = "vmc://{}:{}".format(*taken._socket.getsockname())
        done = command("live", avatar, "--receive", address, "--check")
    assert done.returncode == 2 and "cannot listen there" in done.stderr, done.stderr
