"""Draw docs/images/quality.webp: a quality sheet with a number at everything that it is made of.

python tools/quality_callouts.py captures/me/quality.png

The capture is of a video by tools/studio_film.py: `ada --clip 2`, one whole turn.
docs/own-video.md explains the numbers.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from avatar_kit.io import atomic_path
from avatar_kit.tracking.sheet import (
    BODY_COLOUR,
    COVERAGE_WIDTH,
    SHEET_MARGIN,
    SHEET_WIDTH,
    TILE_WIDTH,
    font,
)

OUT = Path(__file__).parent.parent / "docs" / "images" / "quality.webp"
RADIUS, COLOUR, INK = 30, (103, 58, 183), (255, 255, 255)
QUALITY = 88


def legend_row(sheet: np.ndarray) -> int:
    """The row of the legend below the charts: that of its first dot, in the colour of the body."""
    column = sheet[:, SHEET_MARGIN + 7].astype(int)
    rows = np.flatnonzero((column == BODY_COLOUR).all(1))
    if len(rows) == 0:
        raise SystemExit("no legend is found; expected a quality.png of avatar-kit prepare")
    return int(rows[-1])


def places(legend: int) -> list[tuple[int, int]]:
    """Where the numbers stand, from 1 on.

    Args:
        legend: Row of the legend.
    """
    room = SHEET_WIDTH - 2 * SHEET_MARGIN
    chart, charts = (room - COVERAGE_WIDTH - 3 * 24) // 3 + 24, legend - 300
    return [
        (SHEET_WIDTH - 340, 60),  # verdict
        (SHEET_MARGIN + 620, 60),  # measures
        (SHEET_MARGIN + RADIUS + 8, 180 + RADIUS + 8),  # overlay
        (SHEET_MARGIN + TILE_WIDTH - 64, charts - 112),  # frame, error, overlap
        *((SHEET_MARGIN + (k + 1) * chart - 24 - RADIUS, charts + 20) for k in range(3)),
        (SHEET_WIDTH - SHEET_MARGIN - RADIUS, charts + 20),  # coverage
        (SHEET_WIDTH - SHEET_MARGIN - RADIUS, legend + 50),  # notes
    ]


def main() -> None:
    """Read the command line, draw, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sheet", type=Path, help="quality.png of a capture")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    page = Image.open(arguments.sheet).convert("RGB")
    draw = ImageDraw.Draw(page)
    for number, (x, y) in enumerate(places(legend_row(np.asarray(page))), start=1):
        box = (x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS)
        draw.ellipse(box, COLOUR, INK, width=3)
        draw.text((x, y), str(number), INK, font(38), anchor="mm")
    with atomic_path(arguments.out) as path:
        page.save(path, "WEBP", quality=QUALITY, method=6)
    print(arguments.out, page.size, f"{arguments.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
