"""How many people are in the picture, and where the others stand.

MediaPipe's pose tracker follows one person. Its detector sees several: it is run on its own here,
and the smaller people are painted over before the tracker looks.
"""

from __future__ import annotations

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
        score: Of the detector, in [0, 1].
        centre: Hip centre in pixels.
        radius: Of the circle around the hips that holds the whole body, in pixels.
    """

    score: float
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
        self.at = Person(1.0, ((left + right) / 2, (top + bottom) / 2), (bottom - top) / 2.2)
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


class PeopleDetector:
    """MediaPipe's person detector, every detection of it."""

    def __init__(self, least_score: float):
        from google.protobuf import text_format
        from mediapipe.framework import calculator_pb2
        from mediapipe.python.solution_base import SolutionBase

        graph = text_format.Parse(
            'input_stream: "image" output_stream: "detections" '
            'node { calculator: "PoseDetectionCpu" '
            'input_stream: "IMAGE:image" output_stream: "DETECTIONS:detections" }',
            calculator_pb2.CalculatorGraphConfig(),
        )
        self._graph = SolutionBase(graph_config=graph, outputs=["detections"])
        self._least_score = least_score

    def find(self, frame: np.ndarray) -> list[Person]:
        """People in an [H, W, 3] uint8 RGB picture, the largest first."""
        people = self._detect(frame, 0)
        if len(people) == 1:
            # The detector looks at a small picture: look again on either side of the person.
            width = frame.shape[1]
            left, _, right, _ = people[0].box(width, frame.shape[0])
            for a, b in ((0, left), (right, width)):
                if b - a > MIN_SIDE_SHARE * width:
                    people += self._detect(np.ascontiguousarray(frame[:, a:b]), a)
        return distinct(sorted(people, key=lambda p: -p.radius))

    def _detect(self, frame: np.ndarray, shift: int) -> list[Person]:
        height, width = frame.shape[:2]
        people = []
        for detection in self._graph.process({"image": frame}).detections or []:
            points = detection.location_data.relative_keypoints
            (x, y), rim = ((p.x * width, p.y * height) for p in points[:2])
            radius = float(np.hypot(rim[0] - x, rim[1] - y))
            if detection.score[0] >= self._least_score:
                people.append(Person(float(detection.score[0]), (x + shift, y), radius))
        return people

    def close(self) -> None:
        """Free the graph."""
        self._graph.close()


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
