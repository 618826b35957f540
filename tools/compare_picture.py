"""Draw docs/images/compare.webp: recorded frames, methods side by side, and their errors.

python -m tools.compare_picture splat=RUN ram=RUN

Every RUN is a training of the same person of the embedded capture, as `avatar-kit compare` leaves
them in `runs/`.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import avatar_kit as ak
from avatar_kit.engine.comparison.pictures import error_map
from avatar_kit.io import AnimationWriter
from avatar_kit.io.synthetic import Synthetic
from tools.moving_picture import INK, PANEL, box_of, cut, film

OUT = Path(__file__).parent.parent / "docs" / "images" / "compare.webp"
FPS, QUALITY = 12, 68
#: Near the studio's wall, so that lossy WebP draws no seam round the panels.
PAPER = (212, 214, 216)
#: Whole blocks of 16 pixels, so that lossy WebP does not smear one panel into the next.
GAP, BAND = 16, 32
#: The error that is drawn white.
WHITE = 0.3


def main() -> None:
    """Read the command line, render, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--subject", default="ada", help="who the runs are of")
    parser.add_argument("--split", default="large_rotation")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    runs = dict(text.split("=", 1) for text in given.runs)
    view = film(given.subject, 256)
    samples = view.capture.splits[given.split].samples()
    recorded = [view.image(sample).transpose(1, 2, 0) for sample in samples]
    box = box_of([view.mask(sample) for sample in samples])
    motion = view.capture.motion
    painted = {name: [] for name in runs}
    for name, run in runs.items():
        avatar = ak.load(run)
        painted[name] = [avatar.render(motion[s.frame : s.frame + 1]) for s in samples]
    size = (1 + len(runs)) * (PANEL[0] + GAP) - GAP, BAND + 2 * PANEL[1] + GAP
    said = Synthetic(view.capture.name, " ".join(runs), "avatar-kit compare", composite=True)
    with AnimationWriter(given.out, FPS, size, quality=QUALITY, synthetic=said) as out:
        for k, truth in enumerate(recorded):
            copies = {name: pictures[k] for name, pictures in painted.items()}
            out.write(np.asarray(sheet(truth, copies, box, size)))
    print(given.out, f"{given.out.stat().st_size / 1e6:.2f} MB, {len(samples)} pictures")


def sheet(
    truth: np.ndarray,
    copies: dict[str, np.ndarray],
    box: tuple[int, int, int, int],
    size: tuple[int, int],
) -> Image.Image:
    """A recorded frame and what each method makes of it; below, the errors."""
    page = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    pictures = {"recorded, held out of training": truth, **copies}
    for i, (name, picture) in enumerate(pictures.items()):
        left = i * (PANEL[0] + GAP)
        draw.text((left + PANEL[0] / 2, BAND / 2), name, INK, font, anchor="mm")
        page.paste(cut(picture, box), (left, BAND))
        if i:
            page.paste(cut(error_map(truth, picture), box), (left, BAND + PANEL[1] + GAP))
    scale = error_map(np.zeros((18, 200, 3), np.uint8), _shades(18, 200))
    top = BAND + PANEL[1] + GAP + PANEL[1] // 2
    page.paste(Image.fromarray(scale), ((PANEL[0] - 200) // 2, top))
    draw.text((PANEL[0] / 2, top - 14), "absolute error", INK, font, anchor="mm")
    draw.text(((PANEL[0] - 200) / 2, top + 32), "0", INK, font, anchor="mm")
    draw.text(((PANEL[0] + 200) / 2, top + 32), f"{WHITE:g}", INK, font, anchor="mm")
    return page


def _shades(height: int, width: int) -> np.ndarray:
    """Grey from no error to the one that is drawn white."""
    return np.broadcast_to(np.linspace(0, 255 * WHITE, width)[None, :, None], (height, width, 3))


if __name__ == "__main__":
    main()
