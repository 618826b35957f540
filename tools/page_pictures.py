"""Record the pages of `avatar-kit live` and `avatar-kit view` as animated pictures.

python -m tools.page_pictures live RUN --camera slow.mp4 --performer ben.json --speed 6.25
python -m tools.page_pictures view RUN

Starts the command, opens its page in Chromium, uses the page as a person would, and takes
screenshots. RUN is a training of the embedded capture with the method splat; the camera's video is
one of `python tools/studio_film.py`: no picture of a real person belongs into the documentation.
Session, browser and recorder share the machine. On two cores, record a video that is slowed down
(`studio_film.py ben --fps 4 --out slow.mp4`) and say with --speed how much faster to show it; make
the performer's file with a first session on the video at its own rate.
"""

import argparse
import asyncio
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from avatar_kit.io import AnimationWriter
from avatar_kit.io.synthetic import Synthetic
from tests.browsing import Browser
from tools.page_hands import Hands

IMAGES = Path(__file__).parent.parent / "docs" / "images"
LIVE_SIZE, VIEW_SIZE = (1200, 800), (1100, 700)
#: Width of the animated pictures in pixels, and their quality.
WIDTH, QUALITY = 920, 86
#: Seconds of the live page, as shown.
SECONDS = 7.0
#: Pictures per second of the pages, as shown: of the live one about as many.
LIVE_FPS, VIEW_FPS = 15, 8


@asynccontextmanager
async def page_of(words: list[str], size: tuple[int, int]) -> AsyncIterator[Browser]:
    """The page of a command that prints its address, and goes on until it is interrupted."""
    line = [sys.executable, "-u", "-m", "avatar_kit.cli.main", *words, "--no-browser", "--port=0"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        address = None
        while address is None:
            said = process.stdout.readline()
            if not said:
                raise SystemExit(f"{' '.join(words)}: ended without a page")
            address = re.search(r"http://127\.0\.0\.1:\d+\S*", said)
        async with Browser(address[0], size=size) as page:
            await page.call(
                "Emulation.setDeviceMetricsOverride",
                width=size[0], height=size[1], deviceScaleFactor=1, mobile=False,
            )  # fmt: skip
            yield page
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


async def shot(page: Browser, folder: Path) -> Image.Image:
    """The page now."""
    return Image.open(await page.screenshot(folder / "page.png")).convert("RGB")


async def live(given: argparse.Namespace, folder: Path) -> tuple[list, float]:
    """Screenshots of a live session as fast as they can be had, and the rate to show them at."""
    words = ["live", str(given.run), "--camera", str(given.camera)]
    words += ["--performer", str(given.performer)]
    async with page_of(words, LIVE_SIZE) as page:
        await page.until("calibrated && Number(document.body.dataset.pictures) > 60", 300)
        await page.until("document.getElementById('figures').innerText.includes('latency')")
        await page.value("say('')")
        below = await page.value("document.querySelector('footer').getBoundingClientRect().bottom")
        pictures, began = [], time.monotonic()
        while time.monotonic() - began < SECONDS * given.speed:
            pictures.append(await shot(page, folder))
        rate = given.speed * len(pictures) / (time.monotonic() - began)
    every = max(1, round(rate / LIVE_FPS))
    box = (0, 0, LIVE_SIZE[0], min(int(below) + 12, LIVE_SIZE[1]))
    return [picture.crop(box) for picture in pictures[::every]], rate / every


async def view(run: Path, folder: Path) -> tuple[list, float]:
    """Screenshots of the viewer, one after every move: around, an expression, the error."""
    async with page_of(["view", str(run)], VIEW_SIZE) as page:
        hands, pictures = Hands(page), []

        async def keep() -> None:
            pictures.append(await shot(page, folder))

        await hands.painted()
        await hands.dismiss_notices()
        await hands.choose("beside", "recording")
        await hands.painted()
        await hands.orbit(24, VIEW_SIZE[1] / 24, keep)
        await hands.choose("pixels", "512")
        await hands.approach(keep)
        await hands.unfold("expression")
        await hands.slide("jawOpen", [0.3, 0.6, 0.9, 0.9, 0.5, 0.0], keep)
        await hands.slide("mouthSmileLeft", [0.5, 1.0], keep)
        await hands.slide("mouthSmileRight", [0.5, 1.0, 1.0], keep)
        await hands.slide("mouthSmileLeft", [0.0], keep)
        await hands.slide("mouthSmileRight", [0.0], keep)
        await hands.unfold("expression")
        await hands.leave(keep)
        await hands.choose("pixels", "256")
        await hands.choose("beside", "error, four times")
        await hands.slide("frame", [frame / 239 for frame in range(0, 60, 4)], keep)
    return pictures, VIEW_FPS


def write(out: Path, pictures: list[Image.Image], fps: float, run: Path) -> None:
    """An animated picture of screenshots."""
    height = round(pictures[0].height * WIDTH / pictures[0].width)
    said = Synthetic("studio", run.name, "splat", composite=True)
    size = (WIDTH, height)
    with AnimationWriter(out, fps, size, quality=QUALITY, synthetic=said) as film:
        for picture in pictures:
            film.write(np.asarray(picture.resize(size, Image.Resampling.LANCZOS)))
    print(out, f"{out.stat().st_size / 1e6:.2f} MB, {len(pictures)} pictures, {fps:.1f} per second")


def main() -> None:
    """Read the command line, record, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tasks = parser.add_subparsers(dest="task", required=True)
    for name in ("live", "view"):
        task = tasks.add_parser(name)
        task.add_argument("run", type=Path)
        task.add_argument("--out", type=Path, default=IMAGES / f"{name}.webp")
        if name == "live":
            task.add_argument("--camera", type=Path, required=True)
            task.add_argument("--performer", type=Path, required=True)
            task.add_argument("--speed", type=float, default=1.0, help="how many times as fast")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.task == "live":
            recording = live(given, Path(folder))
        else:
            recording = view(given.run, Path(folder))
        pictures, fps = asyncio.run(recording)
    write(given.out, pictures, fps, given.run)


if __name__ == "__main__":
    main()
