"""Draw docs/images/good-and-bad.jpg: what a video should look like, and what spoils it.

python tools/capture_pictures.py

The pictures are frames of the embedded capture; the bad ones are spoiled here.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avatar_kit.capture import Capture
from avatar_kit.config import Config
from avatar_kit.io.image import write_image
from avatar_kit.registry import catalog

OUT = Path(__file__).parent.parent / "docs" / "images" / "good-and-bad.jpg"
SIDE, GAP, BAND, MARGIN = 300, 10, 34, 16
#: Frames in which the hands are up, and in which the person stands.
HANDS, STILL = 20, 4
INK, PAPER, GOOD, BAD = (32, 33, 36), (255, 255, 255), (24, 128, 56), (197, 34, 31)


def film(**values: object) -> Capture:
    """The default dataset."""
    component = catalog().get("dataset", catalog().default("dataset"))
    config: Config = component.config.model_validate(values)
    return component.load()(config).open(2 * SIDE)


def cut_off(picture: Image.Image) -> Image.Image:
    """Too near: the feet and the top of the head are out of the picture."""
    width, height = picture.size
    return picture.crop((int(0.2 * width), int(0.1 * height), int(0.8 * width), int(0.7 * height)))


def far_away(picture: Image.Image, mask: Image.Image, scene: Image.Image) -> Image.Image:
    """A small figure in a wide picture."""
    size = (picture.width // 4, picture.height // 4)
    wide = scene.copy()
    place = (wide.width // 3, wide.height // 2)
    wide.paste(picture.resize(size, Image.Resampling.LANCZOS), place, mask.resize(size))
    return wide


def hard_light(picture: Image.Image) -> Image.Image:
    """One lamp from the side: half the person in the dark."""
    pixels = np.asarray(picture, np.float32) / 255
    across = np.linspace(1.35, 0.05, pixels.shape[1])[None, :, None]
    lit = np.clip(pixels**1.5 * across, 0, 1)
    return Image.fromarray((lit * 255).astype(np.uint8))


def shaken(picture: Image.Image) -> Image.Image:
    """Held in the hand: tilted and smeared."""
    pixels = np.asarray(picture, np.float32)
    smear = np.mean([np.roll(pixels, (k // 2, k), (0, 1)) for k in range(26)], axis=0)
    tilted = Image.fromarray(smear.astype(np.uint8)).rotate(7, Image.Resampling.BICUBIC)
    edge = int(0.09 * picture.width)
    return tilted.crop((edge, edge, picture.width - edge, picture.height - edge))


def sheet(
    rows: list[tuple[str, tuple[int, int, int], list[tuple[str, Image.Image]]]],
) -> Image.Image:
    """Two rows of pictures with a word below each."""
    columns = max(len(tiles) for _, _, tiles in rows)
    width = 2 * MARGIN + columns * (SIDE + GAP) - GAP
    page = Image.new("RGB", (width, MARGIN + len(rows) * (SIDE + BAND + 12)), PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for j, (mark, colour, tiles) in enumerate(rows):
        top = MARGIN + j * (SIDE + BAND + 12)
        for i, (text, tile) in enumerate(tiles):
            left = MARGIN + i * (SIDE + GAP)
            page.paste(tile.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (left, top))
            draw.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), outline=colour, width=3)
            draw.text((left, top + SIDE + 17), mark, colour, font=font, anchor="lm")
            draw.text((left + 48, top + SIDE + 17), text, INK, font=font, anchor="lm")
    return page


def main() -> None:
    """Choose frames by what the person does in them, spoil some, draw the page."""
    capture = film(subject="ben", frames=240, test_frames=48, supersample=2)
    masks = [Image.fromarray(mask) for mask in capture.masks()]
    spread = [np.ptp(np.nonzero(np.asarray(mask).max(0) > 127)[0]) for mask in masks]
    yaw = np.degrees(capture.motion.global_orient[:, 1].numpy())
    train = list(capture.splits["train"].frames)
    widest = max(train, key=lambda f: spread[f])
    sideways = min(train, key=lambda f: abs(abs(yaw[f]) - 90))
    chosen = sorted({widest, sideways, HANDS, STILL})
    found = dict(zip(chosen, map(Image.fromarray, capture.images(chosen)), strict=True))
    stretch, turn, wave, hold = (found[f] for f in (widest, sideways, HANDS, STILL))
    scene = Image.fromarray(capture.plate())
    good = [
        ("head to toe, room for the arms", stretch),
        ("seen from every side", turn),
        ("arms and hands at work", wave),
        ("even light, plain wall", hold),
    ]
    bad = [
        ("feet cut off", cut_off(hold)),
        ("too far away", far_away(hold, masks[STILL], scene)),
        ("one hard lamp", hard_light(turn)),
        ("camera in the hand", shaken(wave)),
    ]
    page = sheet([("good", GOOD, good), ("bad", BAD, bad)])
    write_image(OUT, np.asarray(page), quality=86)


if __name__ == "__main__":
    main()
