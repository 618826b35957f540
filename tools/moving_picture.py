"""Draw docs/images/drive.webp: recorded, the avatar, and the avatar driven by somebody else.

python -m tools.moving_picture RUN

RUN is a training of the embedded capture with a method that draws the person alone, best at 512
pixels: avatar-kit train --method splat --preset light.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import avatar_kit as ak
from avatar_kit.capture import CaptureView
from avatar_kit.io import AnimationWriter
from avatar_kit.io.synthetic import Synthetic
from tools.studio_film import capture_of

OUT = Path(__file__).parent.parent / "docs" / "images" / "drive.webp"
TITLES = ("recorded, held out of training", "the avatar", "driven by another person's motion")
SIZE, SPLIT, DRIVER, FPS, EVERY = 512, "in_distribution", "large_rotation", 12, 1
PANEL, GAP, BAND = (256, 352), 8, 30
QUALITY = 72
INK, PAPER, STAGE = (32, 33, 36), (255, 255, 255), (226, 230, 232)


def film(subject: str, size: int = SIZE) -> CaptureView:
    """A person of the default dataset."""
    return CaptureView(capture_of(subject, size), size)


def box_of(masks: Iterable[np.ndarray]) -> tuple[int, int, int, int]:
    """What holds the person in all pictures, in the shape of a panel: left, top, right, bottom."""
    seen = np.any([mask > 127 for mask in masks], axis=0)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    height = 1.06 * max(rows[-1] - rows[0], (columns[-1] - columns[0]) * PANEL[1] / PANEL[0])
    width = height * PANEL[0] / PANEL[1]
    middle = (columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2
    left, top = round(middle[0] - width / 2), round(middle[1] - height / 2)
    return left, top, left + round(width), top + round(height)


def cut(picture: np.ndarray, box: tuple[int, int, int, int]) -> Image.Image:
    """A panel of a picture; what lies beyond its border repeats it."""
    margin = max(0, -min(box[:2]), box[2] - picture.shape[1], box[3] - picture.shape[0])
    wide = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    moved = tuple(side + margin for side in box)
    return Image.fromarray(wide).crop(moved).resize(PANEL, Image.Resampling.LANCZOS)


def sheet(panels: list[Image.Image]) -> np.ndarray:
    """Panels beside each other, with their titles."""
    width = len(panels) * PANEL[0] + (len(panels) - 1) * GAP
    whole = Image.new("RGB", (width, PANEL[1] + BAND), PAPER)
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(15)
    for i, (panel, title) in enumerate(zip(panels, TITLES, strict=True)):
        left = i * (PANEL[0] + GAP)
        whole.paste(panel, (left, BAND))
        draw.text((left + PANEL[0] / 2, BAND / 2), title, INK, font, anchor="mm")
    return np.asarray(whole)


def main() -> None:
    """Read the command line, render, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--subject", default="ada", help="who RUN is of")
    parser.add_argument("--driver", default="ben", help="whose motion drives the third panel")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    avatar, view = ak.load(arguments.run), film(arguments.subject)
    own, other = view.capture, film(arguments.driver).capture
    samples = own.splits[SPLIT].samples()[::EVERY]
    driving = other.motion[list(other.splits[DRIVER].frames[::EVERY][: len(samples)])]
    recorded = [view.image(sample).transpose(1, 2, 0) for sample in samples]
    box = box_of([view.mask(sample) for sample in samples])
    copies = [avatar.render(own.motion[s.frame : s.frame + 1]) for s in samples]
    driven = list(avatar.drive(driving, background="transparent"))
    place = box_of([picture[..., 3] for picture in driven])
    said = Synthetic(own.name, arguments.run.name, "splat", composite=True)
    size = 3 * PANEL[0] + 2 * GAP, PANEL[1] + BAND
    with AnimationWriter(arguments.out, FPS, size, quality=QUALITY, synthetic=said) as film_out:
        for a, b, c in zip(recorded, copies, driven, strict=True):
            alpha = c[..., 3:].astype(np.float32) / 255
            staged = c[..., :3] * alpha + np.float32(STAGE) * (1 - alpha)
            film_out.write(sheet([cut(a, box), cut(b, box), cut(staged.astype(np.uint8), place)]))
    print(arguments.out, f"{arguments.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
