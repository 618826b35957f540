"""Which way a person faces, and where left and right were taken for each other. Pure numpy.

A tracker reads a body from its front or from its back, and from behind, or where the face is
hidden, it errs: then every left point is a right one, and often what is near is far. What a frame
cannot tell, the others can: a person turns only so fast, and hands, knees and feet are made one way
round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.initial import index, observed_yaw, to_world
from avatar_kit.tracking.tracks import Tracks

#: A person does not turn faster, in radians a second; the spin of a dancer is half as fast.
FASTEST_TURN = 4 * np.pi
#: A turn that is nothing out of the ordinary, likewise.
USUAL_TURN = 1.8 * np.pi
#: Typical error of a frame's heading, in radians, and the square of it that one frame can cost.
READING_ERROR, LARGEST_READING_PRICE = np.radians(20.0), 6.0
#: A reading further from the heading than this, in radians, tells nothing of the body's depth.
BELIEVED_RADIANS = np.radians(45.0)
#: Prices of a frame, in squares of a typical error: left and right exchanged; a seen face looks
#: away; a hand, the knees and the feet are made the other way round.
EXCHANGED_PRICE, AVERTED_FACE_PRICE = 0.25, 8.0
HAND_PRICE, KNEE_PRICE, FOOT_PRICE = 3.0, 1.0, 3.0
#: Price of another way of reading than in the frame before: who errs, errs for a while.
CHANGED_WAY_PRICE = 2.0
#: Price of left and right that jump across the picture from one frame to the next; by the height of
#: the person, how much nearer the points of the other side must be for the whole of it, and how far
#: points may move for the whole of it and for any.
JUMPED_PRICE, JUMPED_HEIGHT = 40.0, 0.04
CALM_HEIGHTS = 0.03, 0.05
#: Headings around the circle that are tried.
_STEPS = 72

#: Key points of the left and of the right side, in the same order.
_LEFT = [i for i, name in enumerate(BODY_KEYPOINTS) if name.startswith("left_")]
_RIGHT = [BODY_KEYPOINTS.index(BODY_KEYPOINTS[i].replace("left_", "right_")) for i in _LEFT]

#: How a frame can be read: as it is; left and right exchanged; exchanged, and near and far too. A
#: body that is seen from its front casts the same picture as its mirror image seen from its back.
AS_READ, EXCHANGED, MIRRORED = range(3)


@dataclass(frozen=True)
class Heading:
    """Which way a person faces in T frames.

    Attributes:
        yaw: [T] radians, continuous inside a clip; 0 faces the camera.
        way: [T] ``AS_READ``, ``EXCHANGED`` or ``MIRRORED``.
    """

    yaw: np.ndarray
    way: np.ndarray


def find_heading(tracks: Tracks, clips: list[tuple[int, int]], fps: float) -> Heading:
    """The heading that explains all frames of a clip together.

    Args:
        tracks: What was seen in T frames.
        clips: Half-open ranges of frames that follow each other; they tile the T frames.
        fps: Frames per second.
    """
    world = to_world(tracks.body_world)
    yaw, way = np.zeros(len(tracks)), np.zeros(len(tracks), dtype=int)
    for a, b in clips:
        part = slice(a, b)
        read = observed_yaw(world[part], tracks.body_confidence[part])
        prices, jumps = way_prices(tracks.at(part), read), side_jumps(tracks.at(part))
        face = tracks.face_confidence[part]
        yaw[part], way[part] = heading_path(read, prices, face, fps, jumps)
    return Heading(yaw, way)


def heading_path(
    read: np.ndarray,
    prices: np.ndarray,
    face: np.ndarray,
    fps: float,
    jumps: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """The cheapest path through the headings of one clip, by dynamic programming.

    In every frame the person faces one of three ways, or none of them: a frame can be wrong
    altogether. From frame to frame nobody turns faster than ``FASTEST_TURN``.

    Args:
        read: [T] radians.
        prices: [T, 3] of the three ways of reading a frame.
        face: [T] confidence that a face was seen.
        fps: Frames per second.
        jumps: [T] of :func:`side_jumps`; 0: no telling.

    Returns:
        [T] radians, continuous; [T] which way.
    """
    grid = np.arange(_STEPS) * (2 * np.pi / _STEPS)
    faced = np.stack([read, read + np.pi, np.pi - read], 1)
    off = wrapped(grid - faced[:, :, None])
    ways = np.minimum((off / READING_ERROR) ** 2, LARGEST_READING_PRICE)  # [T, way, heading]
    ways += prices[:, :, None]
    ways += AVERTED_FACE_PRICE * face[:, None, None] * (np.cos(grid) < -0.3)
    way, at = _cheapest(ways, fps, np.broadcast_to(jumps, len(read)))
    step = wrapped(faced[np.arange(len(read)), way] - grid[at])  # between the steps of the grid
    fine = np.where(np.abs(step) < BELIEVED_RADIANS, step, 0.0)
    turned = np.unwrap(grid[at])
    return turned - 2 * np.pi * np.round(turned[0] / (2 * np.pi)) + fine, way


def _cheapest(price: np.ndarray, fps: float, jumps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cheapest path through prices [T, W, N] of ways and of headings around a circle.

    Args:
        price: The prices.
        fps: Frames per second.
        jumps: [T] of :func:`side_jumps`.

    Returns:
        [T] its ways; [T] numbers of its headings.
    """
    frames, ways, steps = price.shape
    reach = int(np.clip(FASTEST_TURN / fps * steps / (2 * np.pi), 1, steps // 2))
    turns = np.arange(-reach, reach + 1)
    cost = (turns * (2 * np.pi / steps) * fps / USUAL_TURN) ** 2
    before = (np.arange(steps) - turns[:, None]) % steps  # [turn, heading] where one came from
    another = CHANGED_WAY_PRICE * (1 - np.eye(ways))  # [way before, way]
    sides = np.arange(ways) != AS_READ
    differ = sides[:, None] != sides
    headings = np.arange(steps)
    came_at, came_way = (np.zeros((frames, ways, steps), dtype=int) for _ in range(2))
    total = price[0]
    for t in range(1, frames):
        turned = total[:, before] + cost[:, None]  # [way before, turn, heading]
        best = turned.argmin(1)
        moved = JUMPED_PRICE * np.maximum(np.where(differ, -jumps[t], jumps[t]), 0)
        changed = turned.min(1)[:, None] + (another + moved)[:, :, None]
        came_way[t] = changed.argmin(0)
        came_at[t] = before[best, headings][came_way[t], headings]
        total = changed.min(0) + price[t]
    way, at = np.empty(frames, dtype=int), np.empty(frames, dtype=int)
    way[-1], at[-1] = np.unravel_index(total.argmin(), total.shape)
    for t in range(frames - 1, 0, -1):
        way[t - 1], at[t - 1] = came_way[t, way[t], at[t]], came_at[t, way[t], at[t]]
    return way, at


def side_jumps(tracks: Tracks) -> np.ndarray:
    """[T] how much left and right seem exchanged since the frame before, 1; or seem not, -1.

    Points move little from one frame to the next: where those of the left side are now where those
    of the right side were, they were exchanged. It is near 0 where both lie upon each other, and
    where points move far whichever way they are taken.

    Args:
        tracks: What was seen in frames that follow each other.
    """
    sides = tracks.body[:, [_LEFT, _RIGHT]]  # [T, side, N, 2]
    sure = tracks.body_confidence[:, [_LEFT, _RIGHT]].min(1)
    weight = np.minimum(sure[1:], sure[:-1])
    height = max(float(np.median(np.ptp(tracks.body[..., 1], axis=1))), 1e-9)

    def moved(before: np.ndarray) -> np.ndarray:
        away = np.linalg.norm(sides[1:] - before, axis=-1).sum(1)
        return (weight * away).sum(1) / np.maximum(weight.sum(1), 1e-9) / height

    same, other = moved(sides[:-1]), moved(sides[:-1, ::-1])
    told = np.clip((same - other) / JUMPED_HEIGHT, -1, 1)
    calm, wild = CALM_HEIGHTS
    told *= np.clip((wild - np.minimum(same, other)) / (wild - calm), 0, 1)
    return np.concatenate([np.zeros(min(1, len(sides))), told])


def way_prices(tracks: Tracks, read: np.ndarray) -> np.ndarray:
    """[T, 3] what speaks against each way of reading a frame, beside its heading.

    Fingers bend towards the palm, and the thumb lies beside it: a left hand is no right one. Knees
    bend forwards. Toes are ahead of heels, which a picture shows from the side.

    Args:
        tracks: What was seen.
        read: [T] radians, the heading of shoulders and hips as they were read.
    """
    world = to_world(tracks.body_world)
    ahead = np.stack([np.sin(read), np.zeros_like(read), np.cos(read)], -1)
    hands = (tracks.hands_confidence * handedness(tracks.hands_world)) @ np.array([-1.0, 1.0])
    limbs = np.zeros(len(tracks))
    for side in ("left", "right"):
        hip, knee, ankle, heel, toe = (
            world[:, index(f"{side}_{part}")]
            for part in ("hip", "knee", "ankle", "heel", "big_toe")
        )
        bend = ((knee - (hip + ankle) / 2) * ahead).sum(-1)
        limbs += KNEE_PRICE * np.clip(bend / 0.06, -1, 1) / 2
        limbs += FOOT_PRICE * np.clip((toe - heel)[:, 0] * np.sin(read) / 0.1, -1, 1) / 2
    against_hands, against_limbs = HAND_PRICE * np.maximum(-hands, 0), np.maximum(-limbs, 0)
    for_hands, for_limbs = HAND_PRICE * np.maximum(hands, 0), np.maximum(limbs, 0)
    return np.stack(
        [
            against_hands + against_limbs,
            EXCHANGED_PRICE + for_hands + for_limbs,
            EXCHANGED_PRICE + for_hands + against_limbs,
        ],
        1,
    )


def handedness(hands: np.ndarray) -> np.ndarray:
    """[T, H] how much hands look like right ones (to 1) or like left ones (to -1); 0: no telling.

    Args:
        hands: [T, H, 21, 3] key points in camera axes (x right, y down, z forward).
    """
    wrist, first, last = hands[..., 0, :], hands[..., 5, :], hands[..., 17, :]
    normal = np.cross(first - wrist, last - wrist)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    size = np.maximum(np.linalg.norm(hands[..., 9, :] - wrist, axis=-1), 1e-9)
    tips = (hands[..., [8, 12, 16, 20], :] - hands[..., [5, 9, 13, 17], :]).mean(-2)
    thumb = hands[..., 4, :] - (first + last) / 2
    bent = ((tips + thumb) / 2 * normal).sum(-1) / size
    return np.sign(bent) * np.clip((np.abs(bent) - 0.1) / 0.4, 0, 1)


def put_right(tracks: Tracks, way: np.ndarray) -> Tracks:
    """The tracks as they should have been read: [T] which way."""
    values, exchanged = tracks.arrays(), way != AS_READ
    for name in ("body", "body_confidence", "body_world"):
        values[name] = values[name].copy()
        values[name][np.ix_(exchanged, [*_LEFT, *_RIGHT])] = values[name][
            np.ix_(exchanged, [*_RIGHT, *_LEFT])
        ]
    for name in ("hands", "hands_confidence", "hands_world"):
        values[name] = values[name].copy()
        values[name][exchanged] = values[name][exchanged, ::-1]
    values["body_world"][way == MIRRORED, :, 2] *= -1
    return Tracks(**values)


def misread(read: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """[T] bool: the heading as it was read is none that was believed."""
    return np.abs(wrapped(read - yaw)) > BELIEVED_RADIANS


def wrapped(angle: np.ndarray) -> np.ndarray:
    """Angles brought into [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
