"""A strip of pictures: some runs below one another, in the same poses: ``docs/images/try-on.jpg``.

python tools/try_on.py ada=runs/both/people/ada "ada in ben's clothes"=runs/mixed --out strip.jpg
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avatar_kit.engine.driving import place, render_motion
from avatar_kit.engine.loaded import LoadedAvatar, load_avatar
from avatar_kit.engine.preview import to_uint8
from avatar_kit.engine.run import RunFolder
from avatar_kit.io.motion import load_motion
from avatar_kit.scene import Motion

#: Width in pixels of the labels at the left, and of the gaps.
LABEL, GAP = 130, 3


def row(loaded: LoadedAvatar, poses: Motion, crop: float) -> np.ndarray:
    """[H, W, 3] one avatar in all poses, side by side; the middle ``crop`` of each width."""
    placed = place(loaded, poses, in_place=True)
    cells = []
    for picture in render_motion(loaded, placed):
        side = picture.shape[-1]
        cut = round(side * (1 - crop) / 2)
        cells += [to_uint8(picture[..., cut : side - cut]), np.full((side, GAP, 3), 255, np.uint8)]
    return np.concatenate(cells[:-1], axis=1)


def strip(rows: Sequence[np.ndarray], names: Sequence[str]) -> Image.Image:
    """Rows below one another with their names."""
    height = sum(len(r) + GAP for r in rows) - GAP
    sheet = Image.new("RGB", (LABEL + rows[0].shape[1], height), (255, 255, 255))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    y = 0
    for picture, name in zip(rows, names, strict=True):
        sheet.paste(Image.fromarray(picture), (LABEL, y))
        draw.multiline_text((8, y + len(picture) // 2), name, (32, 33, 36), font, anchor="lm")
        y += len(picture) + GAP
    return sheet


def main() -> None:
    """Read the command line, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--frames", default="10,70,130,190", help="frames of the first run's poses")
    parser.add_argument("--crop", type=float, default=0.62, help="share of the width that is shown")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    pairs = [word.split("=", 1) for word in args.runs]
    runs = [RunFolder.open_person(Path(path)) for _, path in pairs]
    poses = load_motion(runs[0].root / "training_motion.npz")
    poses = poses[[int(i) for i in args.frames.split(",")]]
    rows = [row(load_avatar(run), poses, args.crop) for run in runs]
    strip(rows, [name.replace(" in ", "\nin\n") for name, _ in pairs]).save(args.out, quality=88)


if __name__ == "__main__":
    main()
