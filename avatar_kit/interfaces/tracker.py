"""Tracker: finds a person's landmarks and mask in pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from avatar_kit.config import TrackerConfig


@dataclass(frozen=True)
class FrameTrack:
    """What a tracker found of one person in one frame. A confidence of 0 means: not visible.

    Attributes:
        body: [23, 2] ``BODY_KEYPOINTS`` in pixels.
        body_confidence: [23] in [0, 1].
        body_world: [23, 3] metres about the hip centre, camera axes (x right, y down, z forward).
        hands: [2, 21, 2] left then right, ``HAND_KEYPOINTS`` in pixels.
        hands_confidence: [2] in [0, 1].
        hands_world: [2, 21, 3] metres about the hand's centre, camera axes.
        face: [P, 2] points of the tracker's own face mesh in pixels.
        face_confidence: In [0, 1]; 0 if no face is visible, e.g. from behind.
        expression: [52] ARKit channels in [0, 1].
        expression_confidence: In [0, 1].
        mask: [H, W] uint8 soft silhouette of the person, 0 to 255.
        people: Number of people found.
    """

    body: np.ndarray
    body_confidence: np.ndarray
    body_world: np.ndarray
    hands: np.ndarray
    hands_confidence: np.ndarray
    hands_world: np.ndarray
    face: np.ndarray
    face_confidence: float
    expression: np.ndarray
    expression_confidence: float
    mask: np.ndarray
    people: int


#: Left, top, right and bottom of somebody in a picture, in pixels.
PersonBox = tuple[float, float, float, float]


class Tracker(ABC):
    """Landmarks and mask of one person, frame by frame in time order.

    Attributes:
        chooses: Whether it finds several people and can follow a selected one, with
            :meth:`people` and :meth:`follow`.
    """

    chooses: ClassVar[bool] = False

    def __init__(self, config: TrackerConfig):
        self.config = config

    @abstractmethod
    def stream(self, frame: np.ndarray) -> FrameTrack:
        """Track the next frame of a stream: [H, W, 3] uint8 RGB."""

    @abstractmethod
    def reset(self) -> None:
        """Start a new clip: the next frame does not follow the previous one."""

    def close(self) -> None:  # noqa: B027
        """Free models and threads; the tracker is not used after it. By default nothing happens."""

    def people(self, frame: np.ndarray) -> list[PersonBox]:
        """Everybody in a picture [H, W, 3] uint8 RGB, the largest first.

        Raises:
            NotImplementedError: The tracker sees one person.
        """
        raise NotImplementedError

    def follow(self, box: PersonBox) -> None:
        """Select one of :meth:`people` as the person to track, from the next frame on.

        The selection holds until :meth:`reset`.

        Raises:
            NotImplementedError: The tracker sees one person.
        """
        raise NotImplementedError

    def track(self, frames: Iterable[np.ndarray]) -> Iterator[FrameTrack]:
        """Track a clip, lazily."""
        self.reset()
        for frame in frames:
            yield self.stream(frame)

    def expressions(self, tracks: Sequence[FrameTrack]) -> np.ndarray:
        """[T, 52] expressions of a whole clip, refined with all its frames.

        A tracker that learns the person's neutral face overrides this. By default each frame keeps
        its expression.
        """
        return np.stack([track.expression for track in tracks])
