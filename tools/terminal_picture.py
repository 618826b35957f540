"""Record a command in a terminal and draw the recording as an animated picture.

python tools/terminal_picture.py record train.cast -- avatar-kit train --method splat
python tools/terminal_picture.py draw train.cast --seconds 14 --out docs/images/train.webp

`record` runs the command in a pseudo-terminal and writes what it prints as an asciicast, version 2.
`draw` replays an asciicast on a terminal of the size that it was recorded on, as fast as
--seconds asks, and prints how much faster that is: say it below the picture. --longest 1 cuts
every wait to a second. Needs pyte (extra `docs`) and the font DejaVu Sans Mono.
"""

import argparse
import fcntl
import json
import os
import pty
import shlex
import struct
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
from PIL import Image, ImageDraw, ImageFont

from avatar_kit.io import atomic_path

COLUMNS, ROWS = 96, 30
#: Size of the letters, of the cell of one, and of the border, in pixels.
LETTERS, CELL, BORDER = 15, (9, 19), 14
#: Pictures per second, at most.
FPS = 10
#: Seconds for which the command stands before it runs, and for which the end stands.
BEFORE, AFTER = 1.0, 5.0
PAPER, INK = "#16191f", "#d6dae0"
COLOURS = {
    "black": "#3b4048", "red": "#f07178", "green": "#8fc97a", "brown": "#e6c07b",
    "blue": "#6cb0f5", "magenta": "#c891e8", "cyan": "#5cc5cf", "white": "#d6dae0",
    "brightblack": "#7d8590", "brightred": "#ff8b92", "brightgreen": "#a9e08f",
    "brightbrown": "#ffd68a", "brightblue": "#8cc4ff", "brightmagenta": "#dca8ff",
    "brightcyan": "#7fe0e8", "brightwhite": "#ffffff",
}  # fmt: skip

Event = tuple[float, str]


def record(out: Path, words: list[str]) -> int:
    """Run a command in a pseudo-terminal and keep what it prints, with the times."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES=str(ROWS))
        os.environ.pop("NO_COLOR", None)
        time.sleep(0.2)  # until the terminal has its size
        os.execvp(words[0], words)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    start = time.monotonic()
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "command": shlex.join(words)}
    with atomic_path(out) as path, path.open("w", encoding="utf-8") as file:
        print(json.dumps(header), file=file)
        for data in _printed(terminal):
            sys.stdout.write(data)
            sys.stdout.flush()
            print(json.dumps([round(time.monotonic() - start, 3), "o", data]), file=file)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _printed(terminal: int) -> Iterator[str]:
    """What arrives at a terminal, until nothing writes to it any more."""
    rest = b""
    while True:
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # Linux: the other end is closed
            return
        if not data:
            return
        whole = (rest + data).decode("utf-8", errors="ignore")
        rest = (rest + data)[len(whole.encode()) :]
        yield whole


def read_cast(path: Path) -> tuple[dict, list[Event]]:
    """The header of an asciicast and what was printed: seconds and text."""
    header, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return header, [(at, data) for at, kind, data in lines if kind == "o"]


def shortened(events: list[Event], longest: float, seconds: float | None) -> list[Event]:
    """Events whose waits are no longer than ``longest``, and which all happen in ``seconds``."""
    times, now, before = [], 0.0, 0.0
    for at, _ in events:
        now += min(at - before, longest)
        before = at
        times.append(now)
    speed = 1.0 if seconds is None else max(1.0, now / seconds)
    return [(at / speed, data) for at, (_, data) in zip(times, events, strict=True)]


def frames(header: dict, events: list[Event]) -> Iterator[tuple[Image.Image, float]]:
    """Pictures of the terminal as it changes, each with the seconds for which it stands."""
    screen = pyte.Screen(header["width"], header["height"])
    stream = pyte.Stream(screen)
    stream.feed(f"\x1b[32m$\x1b[0m {header['command']}\r\n")
    shown, began, now = paint(screen), -BEFORE, 0.0
    for now, data in events:
        if now - began >= 1 / FPS and (changed := paint(screen)).tobytes() != shown.tobytes():
            yield shown, now - began
            shown, began = changed, now
        stream.feed(data)
    last = paint(screen)
    if last.tobytes() != shown.tobytes():
        yield shown, now - began
    yield last, AFTER


def paint(screen: pyte.Screen) -> Image.Image:
    """What a terminal shows."""
    width, height = CELL
    size = screen.columns * width + 2 * BORDER, screen.lines * height + 2 * BORDER
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    for row in range(screen.lines):
        for column, cell in screen.buffer[row].items():
            left, top = BORDER + column * width, BORDER + row * height
            ink, paper = _colour(cell.fg, INK), _colour(cell.bg, PAPER)
            if cell.reverse:
                ink, paper = paper, ink
            if paper != PAPER:
                draw.rectangle((left, top, left + width - 1, top + height - 1), paper)
            if cell.data.strip():
                draw.text((left, top + height - 5), cell.data, ink, FONTS[cell.bold], anchor="ls")
    return page


def _colour(name: str, default: str) -> str:
    return default if name == "default" else COLOURS.get(name) or f"#{name}"


FONTS = {
    False: ImageFont.truetype("DejaVuSansMono.ttf", LETTERS),
    True: ImageFont.truetype("DejaVuSansMono-Bold.ttf", LETTERS),
}


def draw_cast(cast: Path, out: Path, longest: float, length: float | None) -> None:
    """Write an asciicast as an animated WebP, without loss."""
    header, recorded = read_cast(cast)
    events = shortened(recorded, longest, length)
    pictures, seconds = zip(*frames(header, events), strict=True)
    with atomic_path(out) as path:
        pictures[0].save(
            path, "WEBP", save_all=True, append_images=pictures[1:], loop=0, lossless=True,
            quality=80, method=4, duration=[max(20, round(1000 * s)) for s in seconds],
        )  # fmt: skip
    print(out, f"{out.stat().st_size / 1e6:.2f} MB, {len(pictures)} pictures, {sum(seconds):.0f} s")
    print(f"{recorded[-1][0]:.0f} s shown in {events[-1][0]:.0f} s")


def main() -> None:
    """Read the command line, record or draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tasks = parser.add_subparsers(dest="task", required=True)
    recorder = tasks.add_parser("record", help="run a command and keep what it prints")
    recorder.add_argument("cast", type=Path)
    recorder.add_argument("command", nargs=argparse.REMAINDER, help="after --: the command")
    drawer = tasks.add_parser("draw", help="draw a recording")
    drawer.add_argument("cast", type=Path)
    drawer.add_argument("--seconds", type=float, help="how long it plays; default: as recorded")
    drawer.add_argument("--longest", type=float, default=float("inf"), help="longest wait in s")
    drawer.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.task == "record":
        sys.exit(record(arguments.cast, [word for word in arguments.command if word != "--"]))
    draw_cast(arguments.cast, arguments.out, arguments.longest, arguments.seconds)


if __name__ == "__main__":
    main()
