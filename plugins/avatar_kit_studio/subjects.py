"""Who wears what: the people the studio films."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Colour = tuple[float, float, float]
Weave = Literal["knit", "stripes", "denim", "twill", "leather"]


@dataclass(frozen=True)
class Fabric:
    """What cloth is made of. Colours are linear RGB.

    Attributes:
        weave: Kind of surface.
        colour: Main colour.
        second: Second colour: stripes, seams, soles, prints.
        gloss: Strength of the highlight.
        printed: Whether a figure is printed on the chest.
    """

    weave: Weave
    colour: Colour
    second: Colour
    gloss: float = 0.02
    printed: bool = False


@dataclass(frozen=True)
class Hair:
    """How hair grows.

    Attributes:
        style: Cut.
        colour: Linear RGB of the strands.
        length: Metres of free hair.
        beard: Strength of a beard in [0, 1].
        brow: Thickness of the brows, 1 is average.
        arch: How far the brows are arched, 0 is straight.
    """

    style: Literal["ponytail", "short", "long"]
    colour: Colour
    length: float
    beard: float = 0.0
    brow: float = 1.0
    arch: float = 1.0


@dataclass(frozen=True)
class Subject:
    """One person.

    Attributes:
        phenotypes: Body shape values in [0, 1]; those the body model exposes are the tracked shape.
        details: Local shape targets of the true person that no template knows.
        skin: Linear RGB of the skin.
        lips: Linear RGB of the lips.
        iris: Linear RGB of the iris.
        freckles: Strength in [0, 1].
        backdrop: Linear RGB of the room.
        hair: The hair.
        fabrics: Fabric of each garment by name; which garments are worn.
        sleeve: Where sleeves end: 1 elbow, 2 wrist.
        ease: Extra room in the top, in metres.
    """

    phenotypes: Mapping[str, float]
    skin: Colour
    lips: Colour
    iris: Colour
    hair: Hair
    fabrics: Mapping[str, Fabric]
    sleeve: float
    ease: float = 0.0
    freckles: float = 0.0
    backdrop: Colour = (0.42, 0.43, 0.445)
    details: Mapping[str, float] = field(default_factory=dict)


SUBJECTS: dict[str, Subject] = {
    "ada": Subject(
        phenotypes={
            "gender": 0.95,
            "age": 0.66,
            "muscle": 0.5,
            "weight": 0.42,
            "height": 0.45,
            "proportions": 0.45,
            "caucasian": 0.9,
            "asian": 0.05,
            "african": 0.05,
            "cupsize": 0.4,
            "firmness": 0.7,
        },
        details={"mouth/mouth-scale-horiz-incr": 0.25, "nose/nose-scale-horiz-decr": 0.3},
        skin=(0.60, 0.36, 0.26),
        lips=(0.52, 0.16, 0.14),
        iris=(0.24, 0.13, 0.05),
        hair=Hair("ponytail", (0.105, 0.047, 0.021), 0.27),
        fabrics={
            "top": Fabric("stripes", (0.82, 0.81, 0.78), (0.03, 0.06, 0.22)),
            "trousers": Fabric("denim", (0.045, 0.085, 0.19), (0.45, 0.30, 0.12)),
            "shoes": Fabric("leather", (0.78, 0.77, 0.75), (0.80, 0.79, 0.77), 0.08),
        },
        sleeve=0.62,
        freckles=0.7,
    ),
    "ben": Subject(
        phenotypes={
            "gender": 0.05,
            "age": 0.68,
            "muscle": 0.62,
            "weight": 0.52,
            "height": 0.40,
            "proportions": 0.35,
            "caucasian": 0.05,
            "asian": 0.05,
            "african": 0.9,
        },
        skin=(0.23, 0.105, 0.055),
        lips=(0.165, 0.062, 0.048),
        iris=(0.05, 0.022, 0.010),
        hair=Hair("short", (0.010, 0.008, 0.007), 0.014, beard=0.85, brow=1.25, arch=0.45),
        fabrics={
            "top": Fabric("knit", (0.36, 0.045, 0.032), (0.80, 0.76, 0.68), printed=True),
            "trousers": Fabric("denim", (0.045, 0.050, 0.060), (0.09, 0.09, 0.10)),
            "shoes": Fabric("leather", (0.10, 0.10, 0.11), (0.80, 0.80, 0.80), 0.06),
        },
        sleeve=1.93,
        ease=0.016,
    ),
    "cleo": Subject(
        phenotypes={
            "gender": 0.97,
            "age": 0.70,
            "muscle": 0.42,
            "weight": 0.66,
            "height": 0.40,
            "proportions": 0.3,
            "caucasian": 0.1,
            "asian": 0.85,
            "african": 0.05,
            "cupsize": 0.5,
            "firmness": 0.6,
        },
        skin=(0.56, 0.35, 0.245),
        lips=(0.50, 0.12, 0.12),
        iris=(0.06, 0.03, 0.015),
        hair=Hair("long", (0.016, 0.011, 0.009), 0.33),
        fabrics={
            "top": Fabric("knit", (0.47, 0.285, 0.040), (0.35, 0.22, 0.03)),
            "skirt": Fabric("twill", (0.020, 0.095, 0.070), (0.012, 0.055, 0.042)),
            "shoes": Fabric("leather", (0.30, 0.10, 0.035), (0.75, 0.72, 0.66), 0.10),
        },
        sleeve=0.72,
        ease=0.004,
    ),
}
