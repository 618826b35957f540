"""The viewer of a trained avatar: followed while it trains, and seen in a real browser."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from avatar_kit.engine.loaded import load_avatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.testing.capture import small_capture
from avatar_kit.viewer import Viewer
from avatar_kit.viewer import viewer as loop
from avatar_kit.viewer.page import BODY, GAUSSIANS
from avatar_kit.viewer.subject import of_run
from tests.browsing import Browser

pytestmark = pytest.mark.slow

SMALL = ("steps=40", "size=64", "checkpoint.every=20", "report_every=20", "checkpoint.keep=5")
FEW = ("encoders.cloud.points=2000", "encoders.cloud.hull=0")


def command(*words) -> list[str]:
    return [sys.executable, "-u", "-m", "avatar_kit.cli.main", *map(str, words)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("viewer")
    capture = small_capture(folder / "capture").root
    words = ("train", "--method", "splat", "--preset", "demo", "--data", capture)
    subprocess.run(
        command(*words, "--out", folder / "run", *SMALL, *FEW), check=True, capture_output=True
    )
    return folder / "run"


def test_a_newer_checkpoint_takes_the_place_of_the_avatar(run, monkeypatch):
    monkeypatch.setattr(loop, "_FOLLOW_SECONDS", 0.0)
    monkeypatch.setattr(
        "avatar_kit.viewer.subject.load_avatar",
        lambda folder, device: load_avatar(folder, step=20, device=device),
    )
    viewer = Viewer(of_run(RunFolder(run)), port=0, follow=True)
    try:
        assert "step 20" in viewer.subject.title
        before = viewer.subject.avatar
        viewer.step()
        assert "step 40" in viewer.subject.title and "step 40" in viewer.page.title.content
        assert viewer.subject.avatar is not before
    finally:
        viewer.server.stop()


def test_every_way_to_show_it_is_drawn(run):
    viewer = Viewer(of_run(RunFolder(run)), port=0)
    try:
        panels = viewer._known_panels
        assert {"recording", "avatar, its own camera", "error, four times", "shadow"} <= set(panels)
        for show in (GAUSSIANS, BODY):
            for panel in panels:
                viewer.page._note(show=show, panel=panel, frame=2)
                viewer.step()
                assert np.asarray(viewer.page._panel.image).ndim == 3
    finally:
        viewer.server.stop()


def test_a_page_shows_what_the_avatar_paints_for_its_camera(run, tmp_path):
    async def test():
        line = command("view", run, "--no-browser", "--port", "0")
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        try:
            said = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+", said)[0]
            assert "step 40" in said
            async with Browser(address) as page:
                for _ in range(60):
                    picture = Image.open(await page.screenshot(tmp_path / "page.png"))
                    scene = np.asarray(picture.convert("RGB"))[200:700, 50:800].astype(float)
                    if scene.std() > 10:
                        break
                    await asyncio.sleep(1)
                assert scene.std() > 10, "nothing is painted"
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0

    asyncio.run(test())


def test_train_watch_prints_the_address_and_ends_with_the_training(run, tmp_path):
    capture = run.parent / "capture"
    words = ("train", "--method", "splat", "--preset", "demo", "--data", capture)
    out = ("--out", tmp_path / "run", "--watch", *SMALL, *FEW, "steps=400")
    done = subprocess.run(
        command(*words, *out), capture_output=True, text=True, timeout=400, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"step \d+: http://127\.0\.0\.1:\d+", done.stdout), done.stdout
    time.sleep(1)
    left = subprocess.run(["pgrep", "-f", str(tmp_path / "run")], capture_output=True, text=True)
    assert not left.stdout, "the viewer ended with the training"
