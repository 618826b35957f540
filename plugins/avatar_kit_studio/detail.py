"""How closely a person is looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Detail:
    """What a picture shows of skin, hair and face.

    Attributes:
        subdivisions: Catmull-Clark steps of the skin.
        strands: Number of hairs.
        hairline: Metres above and below the hair line over which hair thins out; 0: it ends there.
        cornea: How much more the clear front of the eye bends than the eyeball; 0: eyes are balls.
        lashes: Length of the lashes, relative to those of the base mesh, which are one solid strip.
        mouth: Least share of sky light that reaches teeth and tongue.
    """

    subdivisions: int
    strands: int
    hairline: float = 0.0
    cornea: float = 0.0
    lashes: float = 1.0
    mouth: float = 0.07


#: Small pictures, larger ones, and those that are filmed from close by.
COARSE, FINE = Detail(0, 2500), Detail(1, 6000)
CLOSE = Detail(1, 18_000, hairline=0.009, cornea=0.9, lashes=0.5, mouth=0.28)

#: Pictures from this side on get finer skin and more hair.
_FINE_FROM = 384


def detail_of(framing: str, size: int) -> Detail:
    """What pictures of ``size`` pixels in this framing show."""
    if framing != "full":
        return CLOSE
    return FINE if size >= _FINE_FROM else COARSE
