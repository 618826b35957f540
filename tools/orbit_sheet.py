"""Draws avatars from all around, one in a row: ``docs/images/orbits.jpg``.

    python tools/orbit_sheet.py splat=runs/splat-studio-... ram=runs/ram-studio-... --out orbits.jpg

Every avatar stands in the first pose of its training, before its own background.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import avatar_kit as ak

#: Views, the seconds of an orbit, and the part of the picture's width that is kept.
VIEWS, SECONDS, KEPT = 8, 6, 0.56
NAME, GAP = 64, 3


def main() -> None:
    """Read the command line and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("avatars", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    named = [text.partition("=") for text in given.avatars]
    sheet([(name, row(Path(run))) for name, _, run in named]).save(given.out, quality=84)


def row(run: Path) -> np.ndarray:
    """[H, W, 3] the views of an avatar beside one another."""
    pictures = list(ak.load(run).drive(orbit=360, fps=VIEWS / SECONDS))
    height, width = pictures[0].shape[:2]
    left = round(width * (1 - KEPT) / 2)
    cut = [p[height // 20 :, left : width - left] for p in pictures]
    return np.hstack([np.pad(p, ((0, 0), (0, GAP), (0, 0)), constant_values=255) for p in cut])


def sheet(rows: list[tuple[str, np.ndarray]]) -> Image.Image:
    """The rows below one another, with their names."""
    height, width = rows[0][1].shape[:2]
    out = Image.new("RGB", (NAME + width, len(rows) * (height + GAP)), "white")
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(16)
    for k, (name, picture) in enumerate(rows):
        top = k * (height + GAP)
        out.paste(Image.fromarray(picture), (NAME, top))
        pen.text((6, top + height // 2), name, fill="black", font=font, anchor="lm")
    return out


if __name__ == "__main__":
    main()
