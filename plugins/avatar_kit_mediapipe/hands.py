"""Looking for hands where the forearms end, with any hand model. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.heading import handedness
from avatar_kit_mediapipe import landmarks

#: Wrist to middle knuckle as it may look in a picture, in metres: short where it points at us.
PALM_RANGE = (0.03, 0.12)

_ELBOWS = tuple(BODY_KEYPOINTS.index(f"{s}_elbow") for s in ("left", "right"))
#: Sign of :func:`handedness` of a left and of a right hand.
_SIGNS = np.array([-1.0, 1.0])


class Try(NamedTuple):
    """A square of the picture that a hand model sees.

    Attributes:
        edge: Of the square, in metres.
        beyond: From the wrist along the forearm to its centre, in metres.
        mirror: Whether the model sees the mirrored picture.
    """

    edge: float
    beyond: float
    mirror: bool


class HandModel(Protocol):
    """Finds a hand in a square of a picture."""

    def find(
        self, frame: np.ndarray, centre: np.ndarray, edge: float, along: np.ndarray, *, mirror: bool
    ) -> tuple[np.ndarray, bool | None] | None:
        """The hand in a square.

        Args:
            frame: [H, W, 3] uint8 RGB.
            centre: [2] of the square in pixels.
            edge: Of the square in pixels.
            along: [2] unit vector from the wrist to the fingers.
            mirror: Show the model the mirrored picture; the answer is of the picture as it is.

        Returns:
            [21, 3] pixels and depth in pixels, and whether it looks like a left hand, None where
            the model is not asked; None if it sees no hand.
        """
        ...


@dataclass(frozen=True)
class Hands:
    """Both hands of a frame, left then right.

    Attributes:
        pixels: [2, 21, 2].
        metres: [2, 21, 3] about each hand's centre, camera axes.
        confidence: [2] in [0, 1].
    """

    pixels: np.ndarray
    metres: np.ndarray
    confidence: np.ndarray

    def doubtful(self) -> np.ndarray:
        """[2] bool: not found, or with fingers that bend away from the palm."""
        return (self.confidence == 0) | (handedness(self.metres) * _SIGNS < 0)


def look_again(
    model: HandModel,
    frame: np.ndarray,
    hands: Hands,
    body: tuple[np.ndarray, np.ndarray, np.ndarray],
    reach: float,
    tries: Sequence[Try],
) -> Hands:
    """Look for the doubtful hands whose wrists are seen.

    A find takes the place of what was there if model and fingers say that it is the right one of
    both hands, its palm is of human size and it is at its own wrist.

    Args:
        model: Looks.
        frame: [H, W, 3] uint8 RGB.
        hands: What is known.
        body: Pixels [23, 2], confidence [23] and metres [23, 3] of the body's key points.
        reach: Largest distance between hand and wrist in pixels.
        tries: What is tried in turn: a blurred hand is found rather in one than in another.
    """
    pixels, sure, _ = body
    scale = landmarks.pixels_per_metre(*body)
    for side in np.flatnonzero(hands.doubtful()):
        wrist, elbow = pixels[landmarks.WRISTS[side]], pixels[_ELBOWS[side]]
        if scale == 0 or sure[landmarks.WRISTS[side]] <= landmarks.SEEN_WRIST:
            continue
        along = (wrist - elbow) / max(float(np.linalg.norm(wrist - elbow)), 1e-6)
        for edge, beyond, mirror in tries:
            centre = wrist + beyond * scale * along
            found = model.find(frame, centre, edge * scale, along, mirror=mirror)
            if found is None or found[1] not in (None, side == 0):
                continue
            better = _exchanged(hands, side, found[0], pixels, sure, reach)
            palm = np.linalg.norm(found[0][9] - found[0][0]) / scale
            if PALM_RANGE[0] < palm < PALM_RANGE[1] and not better.doubtful()[side]:
                hands = better
                break
    return hands


def _exchanged(
    hands: Hands, side: int, found: np.ndarray, body: np.ndarray, sure: np.ndarray, reach: float
) -> Hands:
    """The hands with another one on a side: [21, 3] in pixels."""
    pixels, metres = hands.pixels.copy(), hands.metres.copy()
    pixels[side], metres[side] = landmarks.hand_in_space(found)
    known = hands.confidence > 0
    known[side] = True
    confidence = landmarks.trusted_hands(pixels, known, body, sure, reach)
    return Hands(pixels, metres, confidence)
