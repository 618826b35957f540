"""Which surface every sample of a person has."""

from __future__ import annotations

import numpy as np

from avatar_kit_studio import complexion, fabrics
from avatar_kit_studio.eye import moisten
from avatar_kit_studio.person import Person
from avatar_kit_studio.samples import Samples
from avatar_kit_studio.skin import MATERIALS

#: How the roots of hair begin on the skin; see ``complexion.skin``.
_ROOTS, _SOFT_ROOTS = (-0.004, 0.007, 0.004, 0.93), (-0.003, 0.024, 0.007, 0.72)

#: One-coloured parts: red, green, blue, strength and exponent of the highlight.
_PLAIN = {
    "teeth": (0.62, 0.58, 0.50, 0.15, 60.0),
    "tongue": (0.40, 0.12, 0.11, 0.10, 40.0),
    "lash": (0.012, 0.009, 0.008, 0.0, 10.0),
}


def paint(person: Person, face: np.ndarray, kind: np.ndarray, samples: Samples) -> None:
    """Give every sample its colour and gloss.

    Args:
        person: Whose samples they are.
        face: [10, 3] of :func:`face_points`.
        kind: [n] index into ``MATERIALS``.
        samples: Written.
    """
    rows = {name: np.flatnonzero(kind == i) for i, name in enumerate(MATERIALS)}
    subject, hair = person.subject, person.subject.hair
    colours = np.array([subject.skin, subject.lips, hair.colour])
    look = subject.freckles, hair.beard, hair.brow
    roots = np.array(_SOFT_ROOTS if person.detail.hairline else _ROOTS)
    complexion.skin(rows["skin"], samples, colours, face, *look, roots)
    centres, axes = person.skin.eyes.transpose(1, 0, 2).copy()
    complexion.eyes(rows["eye"], samples, centres, axes, np.array(subject.iris))
    if person.detail.cornea:
        moisten(rows["eye"], samples, centres, axes, person.detail.cornea)
    complexion.strands(rows["hair"], samples, colours[2], colours[0])
    for name, colour in _PLAIN.items():
        fabrics.plain(rows[name], samples, *colour)
    for garment in person.garments:
        _clothe(person, garment.name, rows[garment.name], samples)


def _clothe(person: Person, name: str, own: np.ndarray, samples: Samples) -> None:
    fabric, marks = person.subject.fabrics[name], person.marks
    colours = np.array(fabric.colour), np.array(fabric.second)
    if fabric.weave == "leather":
        toe = marks["l-toe-1-3"][2] + 0.02
        fabrics.shoes(own, samples, *colours, fabric.gloss, marks.floor, toe)
    elif fabric.weave == "denim":
        fabrics.denim(own, samples, *colours, fabric.gloss)
    elif fabric.weave == "twill":
        fabrics.twill(own, samples, *colours, fabric.gloss)
    else:
        strokes = fabrics.chest_print() if fabric.printed else np.zeros((0, 4))
        chest = np.array([0.0, marks["l-shoulder"][1] - 0.105, marks["spine-2"][2] + 0.02])
        striped = fabric.weave == "stripes"
        fabrics.knit(own, samples, *colours, fabric.gloss, striped, strokes, chest)


def face_points(person: Person) -> np.ndarray:
    """[10, 3] cheeks, nose tip, chin, and three points of each brow, at rest."""
    skin, head = person.skin, person.head
    points = skin.rest[np.unique(skin.faces[skin.material == 0])].astype(np.float64)

    def front(x: float, y: float) -> np.ndarray:
        near = np.hypot(points[:, 0] - x, points[:, 1] - y) < 0.008
        near &= points[:, 2] > head.centre[2]
        depth = points[near, 2].max() if near.any() else head.front
        return np.array([x, y, depth])

    left, right = head.eyes
    arch = person.subject.hair.arch
    span = abs(left[0])
    face = [
        front(1.15 * span, left[1] - 0.036),
        front(-1.15 * span, left[1] - 0.036),
        front(0.0, left[1] - 0.042),
        front(0.0, left[1] - 0.105),
    ]
    for side, eye in ((1, left), (-1, right)):
        for x, y in ((0.42, 0.0195), (1.05, 0.0195 + 0.0065 * arch), (1.66, 0.0195 - 0.002 * arch)):
            face.append(front(side * x * span, eye[1] + y))
    return np.array(face)
