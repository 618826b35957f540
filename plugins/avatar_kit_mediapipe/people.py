"""How many people are in the picture, and where the others stand. Pure numpy.

A pose tracker follows one person. Now and then everybody is counted, and the smaller people are
painted over before the tracker looks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

#: Detections nearer to a larger one than so many of its radii are the same person.
SAME_PERSON_RADII = 0.5
#: Part of the picture's width beside a person that is worth a look.
MIN_SIDE_SHARE = 0.12


@dataclass(frozen=True)
class Person:
    """A detected person.

    Attributes:
        centre: Hip centre in pixels.
        radius: Of the circle around the hips that holds the whole body, in pixels.
    """

    centre: tuple[float, float]
    radius: float

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the upright body inside the picture."""
        (x, y), r = self.centre, self.radius
        return (
            int(np.clip(x - 0.55 * r, 0, width)),
            int(np.clip(y - 1.1 * r, 0, height)),
            int(np.clip(x + 0.55 * r, 0, width)),
            int(np.clip(y + 1.1 * r, 0, height)),
        )


def everybody(detect: Callable[[np.ndarray], list[Person]], frame: np.ndarray) -> list[Person]:
    """People in an [H, W, 3] uint8 RGB picture, the largest first.

    Args:
        detect: Gives the people of a picture, in its pixels. It looks at a small copy: of a picture
            with one person, the parts on either side are shown to it, too.
        frame: The picture.
    """
    people = detect(frame)
    if len(people) == 1:
        width = frame.shape[1]
        left, _, right, _ = people[0].box(width, frame.shape[0])
        for a, b in ((0, left), (right, width)):
            if b - a > MIN_SIDE_SHARE * width:
                people = people + [
                    replace(p, centre=(p.centre[0] + a, p.centre[1]))
                    for p in detect(np.ascontiguousarray(frame[:, a:b]))
                ]
    return distinct(sorted(people, key=lambda p: -p.radius))


def distinct(people: list[Person]) -> list[Person]:
    """Drop detections that lie on a larger one."""
    kept: list[Person] = []
    for person in people:
        apart = (
            np.hypot(person.centre[0] - k.centre[0], person.centre[1] - k.centre[1])
            > SAME_PERSON_RADII * k.radius
            for k in kept
        )
        if all(apart):
            kept.append(person)
    return kept


def paint_over(frame: np.ndarray, people: list[Person]) -> np.ndarray:
    """The picture with everybody but the first covered by its median colour.

    The first person's own box stays as it is.
    """
    if len(people) < 2:
        return frame
    height, width = frame.shape[:2]
    cover = np.zeros((height, width), dtype=bool)
    for other in people[1:]:
        left, top, right, bottom = other.box(width, height)
        cover[top:bottom, left:right] = True
    left, top, right, bottom = people[0].box(width, height)
    cover[top:bottom, left:right] = False
    painted = frame.copy()
    painted[cover] = np.median(frame[::8, ::8].reshape(-1, 3), axis=0).astype(np.uint8)
    return painted
