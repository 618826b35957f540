"""Whole sessions: the command, its processes, and a real browser whose camera plays a clip."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from avatar_kit.io.video import read_video
from tests.browsing import Browser, fake_camera

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
    for stage in ("tracking", "solving", "rendering", "glass to glass", "pictures"):
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
