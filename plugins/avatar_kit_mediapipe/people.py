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


class Followed:
    """Somebody who is to be tracked, whoever else is there.

    Args:
        box: Left, top, right, bottom in pixels, where she is at first.
    """

    #: She is looked for within so many of her radii, and given up after so many looks in vain.
    REACH_RADII, LOOKS = 0.8, 4

    def __init__(self, box: tuple[float, float, float, float]):
        left, top, right, bottom = box
        self.at = Person(((left + right) / 2, (top + bottom) / 2), (bottom - top) / 2.2)
        self._missed = 0

    def first(self, people: list[Person]) -> list[Person]:
        """The people with the one who is followed before the others.

        Where she is not seen, the place where she was comes first, so that nobody takes it; after a
        few looks in vain the largest is followed.
        """
        away = [np.subtract(person.centre, self.at.centre) for person in people]
        near = int(np.argmin([np.hypot(*step) for step in away])) if people else 0
        if people and np.hypot(*away[near]) < self.REACH_RADII * self.at.radius:
            self.at, self._missed = people[near], 0
            return [people[near], *people[:near], *people[near + 1 :]]
        self._missed += 1
        if people and self._missed >= self.LOOKS:
            self.at, self._missed = people[0], 0
            return people
        return [self.at, *people]

    def moved(self, centre: np.ndarray) -> None:
        """The tracker found her hips at [2] pixels."""
        self.at = replace(self.at, centre=(float(centre[0]), float(centre[1])))


class Crowd:
    """Who is in the picture, looked for now and then, and who of them is tracked.

    Args:
        find: Gives the people of a picture, the largest first.
        every: Frames between two looks.
    """

    def __init__(self, find: Callable[[np.ndarray], list[Person]], every: int):
        self.find, self._every = find, every
        self.forget()

    def forget(self) -> None:
        """Start a new clip: the largest is tracked."""
        self._frame = 0
        self._people: list[Person] = []
        self._followed: Followed | None = None

    def follow(self, box: tuple[float, float, float, float]) -> None:
        """Track who is in a box in the next frame, and look for everybody in it."""
        self._followed, self._frame = Followed(box), 0

    def alone(self, frame: np.ndarray) -> np.ndarray:
        """The next picture [H, W, 3] uint8 RGB, with all but who is tracked painted over."""
        if self._frame % self._every == 0:
            self._people = self.find(frame)
            if self._followed is not None:
                self._people = self._followed.first(self._people)
        self._frame += 1
        return paint_over(frame, self._people)

    def count(self, hips: np.ndarray | None) -> int:
        """How many people there are, where the tracker found hips [2, 2]; 0 where it found none."""
        if hips is None:
            return 0
        if self._followed is not None:
            self._followed.moved(hips.mean(0))
        return max(len(self._people), 1)


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
