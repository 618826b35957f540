"""Draws how a video becomes an avatar and a motion becomes a picture: ``docs/images/flows.svg``.

    python tools/flow_diagram.py

``tools/reference.py`` draws it, too, and a test fails where the picture is out of date. Colours and
letters are those of ``tools/part_diagram.py``.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

from part_diagram import FRAME, PART, PART_INK, PART_RIM, VALUE, VALUE_INK, VALUE_RIM

ROOT = Path(__file__).parents[1]
PICTURE = Path("docs/images/flows.svg")

#: Left edge and width of the two columns; height of a line, room above and below, between boxes.
LEFT, RIGHT = (20, 310), (394, 310)
LINE, PAD, GAP = 24, 12, 30

#: Of each column from top to bottom: whether it is a command or a part, its title, what it is.
TRAIN = (
    (False, "Video", "one person, a still camera"),
    (True, "avatar-kit prepare", "tracker, fit of the body, masks"),
    (False, "Capture", "pictures, masks, motion, camera"),
    (True, "avatar-kit train", "method, losses, metrics"),
    (False, "Run", "the avatar, its results, its preview"),
)
DRIVE = (
    (False, "Motion", "a file, a video, a camera, a program"),
    (True, "Aligner", "keeps poses near those of training"),
    (True, "Body", "posed mesh, hands, expression"),
    (True, "Encoders", "feature maps, Gaussians, vectors"),
    (True, "Renderer", "the person before any background"),
    (False, "Picture", "avatar-kit render, live, view"),
)


def drawn() -> str:
    """The picture as SVG."""
    parts: list[str] = []
    places = {}
    for (x, width), column in ((LEFT, TRAIN), (RIGHT, DRIVE)):
        y = 52
        heading = "Train" if column is TRAIN else "Drive"
        parts.append(_box(x, 8, width, heading, "", part=None))
        for part, title, line in column:
            parts.append(_box(x, y, width, title, line, part=part))
            places[title] = y
            y += 2 * (LINE + PAD) + GAP
    height = 2 * (LINE + PAD)
    for (x, width), column in ((LEFT, TRAIN), (RIGHT, DRIVE)):
        for (_, above, _), (_, below, _) in pairwise(column):
            middle = x + width / 2
            parts.append(_arrow((middle, places[above] + height), (middle, places[below] - 3)))
    parts += _avatar(places, height)
    bottom = places["Picture"] + height + 8
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 724 {bottom}" width="724" '
            f'height="{bottom}" role="img">',
            "<title>How a video becomes an avatar, and how a motion becomes a picture</title>",
            "<style>text{font:17px Roboto,'Helvetica Neue',Arial,'Liberation Sans',sans-serif}"
            ".title{font-weight:bold;font-size:18px}</style>",
            '<defs><marker id="end" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="13" '
            'markerHeight="13" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0 0 L10 5 L0 10 z" fill="{FRAME}"/></marker></defs>',
            *parts,
            "</svg>\n",
        ]
    )


def _avatar(places: dict[str, int], height: int) -> list[str]:
    """The frame around the parts that a run holds, and the way from the run to them."""
    x, width = RIGHT
    top, bottom = places["Body"] - 12, places["Renderer"] + height + 12
    frame = (
        f'<rect x="{x - 14}" y="{top}" width="{width + 28}" height="{bottom - top}" rx="10" '
        f'fill="none" stroke="{PART_RIM}" stroke-width="2.5" stroke-dasharray="7 5"/>'
    )
    y = places["Run"] + height / 2
    return [frame, _arrow((LEFT[0] + LEFT[1], y), (x - 17, y))]


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    return (
        f'<path d="M{x:g} {y:g} L{to_x:g} {to_y:g}" fill="none" stroke="{FRAME}" '
        'stroke-width="2.5" marker-end="url(#end)"/>'
    )


def _box(x: int, y: int, width: int, title: str, line: str, *, part: bool | None) -> str:
    """A part, a value, or (None) the heading of a column."""
    fill, rim, ink = (PART, PART_RIM, PART_INK) if part else (VALUE, VALUE_RIM, VALUE_INK)
    height = 32 if part is None else 2 * (LINE + PAD)
    middle, first = x + width / 2, y + (22 if part is None else PAD + 18)
    text = f'<text class="title" x="{middle:g}" y="{first}" text-anchor="middle" fill="{ink}">'
    rows = [f"{text}{escape(title)}</text>"]
    if line:
        rows.append(
            f'<text x="{middle:g}" y="{first + LINE}" text-anchor="middle" fill="{ink}">'
            f"{escape(line)}</text>"
        )
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{fill}" '
        f'stroke="{rim}" stroke-width="1.5"/>' + "".join(rows)
    )


if __name__ == "__main__":
    (ROOT / PICTURE).write_text(drawn())
