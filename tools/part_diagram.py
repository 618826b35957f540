"""Draws which value reaches which part: ``docs/images/what-a-part-sees.svg``.

    python tools/part_diagram.py

The names in the boxes are those of the code: fields of the values, arguments of the methods.
``tools/reference.py`` draws it, too, and a test fails where the picture is out of date.

All text stands in filled boxes and lines are of a middle grey, so that the picture is readable on a
light and on a dark page. It is narrow, so that it is readable on a telephone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from itertools import groupby, pairwise
from pathlib import Path
from textwrap import wrap
from typing import Any, get_args
from xml.sax.saxutils import escape

from avatar_kit.interfaces import Aligner, Batch, Encoder, Method, Metric, Renderer, Setup
from avatar_kit.scene import Condition, FrameContext, RenderOutput

ROOT = Path(__file__).parents[1]
PICTURE = Path("docs/images/what-a-part-sees.svg")

WIDTH = 724
LINE, PAD, GAP = 25, 13, 30

#: Left edge and width of the two columns, and the places of the lines beside them.
LEFT, RIGHT = (36, 392), (470, 224)
GUTTER_LEFT, GUTTER_RIGHT = 16, 708

VALUE, VALUE_RIM, VALUE_INK = "#edf2f6", "#5b7083", "#17222c"
PART, PART_RIM, PART_INK = "#00695c", "#26a69a", "#ffffff"
FRAME, TRAINING = "#78909c", "#c77700"


@dataclass(frozen=True)
class Box:
    """A value or a part.

    Attributes:
        x: Left edge.
        y: Upper edge.
        width: Width.
        title: First line, bold.
        lines: The other lines.
        part: Whether it is a part; else it is a value.
        state: Whether it remembers something from frame to frame.
    """

    x: int
    y: int
    width: int
    title: str
    lines: tuple[str, ...]
    part: bool = False
    state: bool = False

    @property
    def height(self) -> int:
        """Height, of its lines."""
        return 2 * PAD + LINE * (1 + len(self.lines)) - 4

    @property
    def bottom(self) -> int:
        """Lower edge."""
        return self.y + self.height

    @property
    def right(self) -> int:
        """Right edge."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """Height of the middle."""
        return self.y + self.height / 2

    def drawn(self) -> str:
        """The box as SVG."""
        fill, rim, ink = (PART, PART_RIM, PART_INK) if self.part else (VALUE, VALUE_RIM, VALUE_INK)
        shape = (
            f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="9" '
            f'fill="{fill}" stroke="{rim}" stroke-width="1.5"/>'
        )
        at = self.x + PAD
        words = [f'<text x="{at}" y="{self.y + 31}" class="title">{escape(self.title)}</text>']
        words += [
            f'<text x="{at}" y="{self.y + 31 + LINE * k}">{escape(line)}</text>'
            for k, line in enumerate(self.lines, start=1)
        ]
        loop = _loop(self.right - 84, self.y + 25) if self.state else ""
        return f'<g fill="{ink}">{shape}{"".join(words)}{loop}</g>'


def diagram() -> str:
    """The whole picture."""
    capture = Box(
        LEFT[0],
        8,
        RIGHT[0] + RIGHT[1] - LEFT[0],
        "Capture, cropped and resized by CaptureView",
        ("pictures, masks, plates, cameras, motion, splits:", "samples are pairs (frame, camera)"),
    )
    motion, aligner, body, context, encoders, conditions, renderer, output, metric = _stack(
        LEFT,
        capture.bottom + GAP,
        [
            ("Motion", ["poses of the capture, or a driving motion"], ""),
            (
                "Aligner",
                [call(Aligner.learn), f"{call(Aligner.step)}: driving only"],
                "part state",
            ),
            ("Body", ["BodyParameters → PosedBody"], "part"),
            ("FrameContext", named(FrameContext, 38), ""),
            (
                "Encoders, by name",
                [call(Encoder.forward), call(Encoder.step), call(Encoder.observe)],
                "part state",
            ),
            ("Conditions, by name", [", ".join(t.__name__ for t in get_args(Condition))], ""),
            ("Renderer", [call(Renderer.forward), call(Renderer.step)], "part state"),
            ("RenderOutput", named(RenderOutput, 38), ""),
            ("Metric", [call(Metric.update)], "part"),
        ],
    )
    batch = Box(*_at(RIGHT, motion.y), "Batch", tuple(f.name for f in fields(Batch)))
    known = (*named(Setup, 20), "(of capture and body)")
    setup = Box(*_at(RIGHT, encoders.y + 64), "Setup", known)
    method = Box(*_at(RIGHT, output.y), "Method", tuple(_calls(Method.training_step)), part=True)
    boxes = [capture, motion, aligner, body, context, encoders, conditions, renderer, output]
    boxes += [metric, batch, setup, method]
    column = [motion, aligner, body, context, encoders, conditions, renderer, output, metric]
    middle = LEFT[0] + LEFT[1] / 2
    lines = [arrow([(middle, capture.bottom), (middle, motion.y)], FRAME)]
    lines += [arrow([(middle, a.bottom), (middle, b.y)], FRAME) for a, b in pairwise(column)]
    camera = [(context.x, context.middle), (GUTTER_LEFT, context.middle)]
    lines.append(
        arrow([*camera, (GUTTER_LEFT, renderer.middle), (renderer.x, renderer.middle)], FRAME)
    )
    over, under = batch.x + 60, encoders.y + 34
    lines += [
        arrow([(batch.x + 150, capture.bottom), (batch.x + 150, batch.y)], TRAINING),
        arrow(
            [(context.right, context.y + 30), (over, context.y + 30), (over, batch.bottom)],
            TRAINING,
        ),
        arrow(
            [(over + 90, batch.bottom), (over + 90, under), (encoders.right, under)],
            TRAINING,
        ),
        arrow(
            [
                (batch.right, batch.middle),
                (GUTTER_RIGHT, batch.middle),
                (GUTTER_RIGHT, method.middle + 12),
                (method.right, method.middle + 12),
            ],
            TRAINING,
        ),
        arrow([(output.right, output.y + 40), (method.x, output.y + 40)], TRAINING),
        arrow(
            [(setup.x, encoders.bottom - 22), (encoders.right, encoders.bottom - 22)], dashed=True
        ),
        arrow(
            [
                (setup.x + 60, setup.bottom),
                (setup.x + 60, renderer.middle),
                (renderer.right, renderer.middle),
            ],
            dashed=True,
        ),
    ]
    end = metric.bottom + GAP
    legend, height = _legend(end)
    return _page([*lines, *(box.drawn() for box in boxes), legend], height)


def named(value: type, columns: int) -> list[str]:
    """Fields of a value, with their types where these are values, too, in lines of some length."""

    def type_of(about: Any) -> str:
        return "" if "Tensor" in str(about.type) or about.type == "int" else str(about.type)

    groups = [
        (", ".join(f.name for f in group), kind) for kind, group in groupby(fields(value), type_of)
    ]
    lines: list[str] = []
    for names, kind in groups:
        lines += [f"{names}: {kind}"] if kind and "[" not in kind else wrap(names, columns)
    return lines


def call(method: Callable) -> str:
    """A method with the names of what it is given."""
    given = [
        name
        for name, about in inspect.signature(method).parameters.items()
        if name != "self" and about.kind is not about.KEYWORD_ONLY
    ]
    return f"{method.__name__}({', '.join(given)})"


def arrow(
    points: Iterable[tuple[float, float]], colour: str = FRAME, *, dashed: bool = False
) -> str:
    """A line with corners that ends in a head."""
    path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
    dash = ' stroke-dasharray="7 5"' if dashed else ""
    head = "training" if colour == TRAINING else "frame"
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2.5"{dash} '
        f'stroke-linejoin="round" marker-end="url(#{head})"/>'
    )


def _calls(method: Callable) -> list[str]:
    name, _, given = call(method).partition("(")
    return [f"{name}(", f"   {given}", "losses, optimisers,", "gradients"]


def _at(column: tuple[int, int], y: float) -> tuple[int, int, int]:
    return column[0], round(y), column[1]


def _stack(column: tuple[int, int], y: int, entries: list[tuple[str, list[str], str]]) -> list[Box]:
    """Boxes one below another; the last word of an entry says what they are."""
    boxes: list[Box] = []
    for title, lines, what in entries:
        box = Box(*_at(column, y), title, tuple(lines), "part" in what, "state" in what)
        boxes.append(box)
        y = box.bottom + GAP
    return boxes


def _loop(x: float, y: float) -> str:
    """The sign of a state: an arrow in a circle, and the word."""
    return (
        f'<path d="M{x + 5:g} {y - 5.5:g} A8 8 0 1 1 {x - 5:g} {y - 5.5:g}" fill="none" '
        f'stroke="{PART_INK}" stroke-width="2"/>'
        f'<path d="M{x - 8:g} {y - 9:g} h8 v8 z" fill="{PART_INK}"/>'
        f'<text x="{x + 16:g}" y="{y + 6:g}" class="small">state</text>'
    )


def _legend(y: int) -> tuple[str, int]:
    """What shapes and lines mean, in a box of its own, and where it ends."""
    entries = [
        ("value", "a value"),
        ("part", "a part: you may write it"),
        (FRAME, "for every frame"),
        (TRAINING, "for every step of a training"),
        ("dashed", "once, when the part is built"),
    ]
    x, width = LEFT[0], RIGHT[0] + RIGHT[1] - LEFT[0]
    height = 2 * PAD + LINE * 3 - 6
    out = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="9" fill="{VALUE}" '
        f'stroke="{VALUE_RIM}" stroke-width="1.5"/>'
    ]
    for k, (sign, words) in enumerate(entries):
        left, at = x + PAD + (k // 3) * 300, y + 30 + LINE * (k % 3)
        if sign == "value":
            out.append(
                f'<rect x="{left}" y="{at - 14}" width="36" height="17" rx="4" fill="#ffffff" '
                f'stroke="{VALUE_RIM}" stroke-width="1.5"/>'
            )
        elif sign == "part":
            out.append(
                f'<rect x="{left}" y="{at - 14}" width="36" height="17" rx="4" fill="{PART}"/>'
            )
        else:
            colour = FRAME if sign == "dashed" else sign
            line = [(left, at - 6), (left + 34, at - 6)]
            out.append(arrow(line, colour, dashed=sign == "dashed"))
        out.append(
            f'<text x="{left + 48}" y="{at}" fill="{VALUE_INK}" class="small">{words}</text>'
        )
    return "".join(out), y + height + 8


def _page(parts: list[str], height: int) -> str:
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="13" '
        f'markerHeight="13" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
        for name, colour in (("frame", FRAME), ("training", TRAINING))
    )
    style = (
        "text{font:18px Roboto,'Helvetica Neue',Arial,'Liberation Sans',sans-serif}"
        ".title{font-weight:bold}.small{font-size:17px}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img">',
            "<title>Which value reaches which part of an avatar</title>",
            f"<style>{style}</style>",
            f"<defs>{heads}</defs>",
            *parts,
            "</svg>",
            "",
        ]
    )


def main() -> None:
    """Draw, and write."""
    (ROOT / PICTURE).write_text(diagram())


if __name__ == "__main__":
    main()
