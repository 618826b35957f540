"""What a fit is asked for: agree with the landmarks, move like a person, move smoothly.

Lengths in the picture are in units of the person's height. Every term is summed over a frame and
averaged over frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.heading import misread
from avatar_kit.tracking.initial import index, observed_yaw, to_world
from avatar_kit.tracking.limits import Limits
from avatar_kit.tracking.silhouette import Outline, mask_terms, trust_in_mask
from avatar_kit.tracking.tracks import Tracks

#: Lines whose direction in space the tracker tells; the weight of each.
SEGMENTS = (
    ("left_shoulder", "right_shoulder", 1.0),
    ("left_hip", "right_hip", 1.0),
    *((f"{s}_{a}", f"{s}_{b}", 1.0) for s in ("left", "right") for a, b in (
        ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))),
    *((f"{s}_heel", f"{s}_big_toe", 0.3) for s in ("left", "right")),
    ("left_ear", "right_ear", 0.5),
)  # fmt: skip

#: Weight of a key point in the picture by what it is; 1 unless it is named here.
_POINT_WEIGHTS = {"nose": 0.5, "eye": 0.5, "ear": 0.5, "heel": 0.5, "toe": 0.5}

#: Parts of key points that are seen badly from the side.
LEG_PARTS = ("hip", "knee", "ankle", "heel", "toe")

#: Wrist to finger tips: (base, tip) of the lines of a hand, in ``HAND_KEYPOINTS``.
HAND_LINES = [(0, 5), (0, 9), (0, 13), (0, 17), (5, 17)] + [
    (k, k + 1) for first in (1, 5, 9, 13, 17) for k in range(first, first + 3)
]


@dataclass(frozen=True)
class Weights:
    """How much each term counts.

    Attributes:
        sigma: Error over height at which a landmark is half believed.
        hand_sigma: Likewise for hand points relative to their wrist.
        points: Body landmarks in the picture.
        hands: Hand landmarks in the picture.
        directions: Directions of limbs in space.
        hand_directions: Directions of the lines of hands.
        prior: Pull of the pose towards what joints like.
        hand_prior: Likewise of fingers.
        limits: Angles beyond what joints can do.
        rotation: Accelerations of rotations.
        translation: Accelerations of the root.
        velocity: Velocities of rotations.
        depth: Changes of depth.
        given: Angles off a motion that was given.
        upright: Tilt of the pelvis against the vertical, as 1 - cos.
        shape: Pull of the shape towards the average.
        stature: Log of the standing height over an adult's: a picture does not show metres.
        cover: Points of the mask around the legs that no leg covers.
        inside: Points of the body outside the mask.
    """

    sigma: float = 0.1
    hand_sigma: float = 0.02
    points: float = 1000.0
    hands: float = 600.0
    directions: float = 2.0
    hand_directions: float = 0.05
    prior: float = 0.05
    hand_prior: float = 0.05
    limits: float = 10.0
    rotation: float = 2.0
    translation: float = 20.0
    velocity: float = 0.3
    depth: float = 5.0
    given: float = 1.0
    upright: float = 5.0
    shape: float = 0.1
    stature: float = 50.0
    cover: float = 12000.0
    inside: float = 4000.0


@dataclass(frozen=True)
class Targets:
    """What was observed, as tensors. T frames.

    Attributes:
        points: [T, 23, 2] pixels.
        points_weight: [T, 23].
        directions: [T, L, 3] unit vectors in world axes.
        directions_weight: [T, L].
        hands: [T, 2, 21, 2] pixels relative to the wrist.
        hands_weight: [T, 2].
        hand_lines: [T, 2, M, 3] unit vectors in world axes.
        height: Of the person in pixels.
    """

    points: Tensor
    points_weight: Tensor
    directions: Tensor
    directions_weight: Tensor
    hands: Tensor
    hands_weight: Tensor
    hand_lines: Tensor
    height: float

    @classmethod
    def of(cls, tracks: Tracks, yaw: np.ndarray, height: float, scale: float) -> Targets:
        """Collect the targets.

        Legs seen from the side count less, for they are seen badly; so do points off the mask, and
        all that is told of the depth in a frame whose heading was not believed.

        Args:
            tracks: What was seen.
            yaw: [T] first guess, radians.
            height: Of the person in pixels.
            scale: Pixels of the video per pixel of the coarse masks.
        """
        leg_trust = (1 - 0.75 * profile(yaw))[:, None]
        sure = tracks.body_confidence * trust_in_mask(tracks.body, tracks.masks, scale, height)
        weight = sure * point_weights()
        legs = np.array([n.rpartition("_")[2] in LEG_PARTS for n in BODY_KEYPOINTS])
        weight = np.where(legs, weight * leg_trust, weight)
        a, b, line_weight = (np.array(x) for x in zip(*segment_indices(), strict=True))
        lines = to_world(tracks.body_world[:, b] - tracks.body_world[:, a])
        sure = np.minimum(sure[:, a], sure[:, b])
        sure = np.where(legs[a], sure * leg_trust, sure) * line_weight
        read = observed_yaw(to_world(tracks.body_world), tracks.body_confidence)
        sure = np.where(misread(read, yaw)[:, None], 0.1 * sure, sure)
        base, tip = np.array(HAND_LINES).T
        hand_lines = to_world(tracks.hands_world[:, :, tip] - tracks.hands_world[:, :, base])
        tensor = lambda x: torch.from_numpy(np.ascontiguousarray(x)).float()  # noqa: E731
        return cls(
            points=tensor(tracks.body),
            points_weight=tensor(weight),
            directions=normalize(tensor(lines), dim=-1),
            directions_weight=tensor(sure),
            hands=tensor(tracks.hands - tracks.hands[:, :, :1]),
            hands_weight=tensor(tracks.hands_confidence),
            hand_lines=normalize(tensor(hand_lines), dim=-1),
            height=height,
        )


def profile(yaw: np.ndarray) -> np.ndarray:
    """[T] 0 for a person seen from the front or behind, 1 from the side; ``yaw`` in radians."""
    return np.clip((np.abs(np.sin(yaw)) - 0.6) / 0.25, 0, 1)


def point_weights() -> np.ndarray:
    """[23] how much each key point counts."""
    return np.array([_POINT_WEIGHTS.get(n.rpartition("_")[2], 1.0) for n in BODY_KEYPOINTS])


def segment_indices() -> list[tuple[int, int, float]]:
    """Both ends of every line of :data:`SEGMENTS` in ``BODY_KEYPOINTS``, and its weight."""
    return [(index(a), index(b), weight) for a, b, weight in SEGMENTS]


def geman_mcclure(squared: Tensor, sigma: float) -> Tensor:
    """Robust loss of squared residuals: as they are when small, at most ``sigma`` squared."""
    return squared * sigma**2 / (squared + sigma**2)


def silhouette_terms(
    pixels: Tensor, outline: Outline, targets: Targets, weights: Weights
) -> dict[str, Tensor]:
    """Agreement of [T, 65, 2] projected key points with the masks."""
    terms = mask_terms(pixels / targets.height, outline)
    return {name: getattr(weights, name) * value for name, value in terms.items()}


def landmark_terms(
    keypoints: Tensor, pixels: Tensor, targets: Targets, weights: Weights
) -> dict[str, Tensor]:
    """Agreement of [T, 65, 3] key points and their [T, 65, 2] pixels with what was observed."""
    body, hands = keypoints[:, :23], keypoints[:, 23:].unflatten(1, (2, 21))
    off = ((pixels[:, :23] - targets.points) / targets.height).square().sum(-1)
    points = (targets.points_weight * geman_mcclure(off, weights.sigma)).sum(1)
    a, b, _ = (list(x) for x in zip(*segment_indices(), strict=True))
    lines = normalize(body[:, b] - body[:, a], dim=-1)
    miss = 1 - (lines * targets.directions).sum(-1)
    terms = {
        "points": weights.points * points.mean(),
        "directions": weights.directions * (targets.directions_weight * miss).sum(1).mean(),
    }
    spread = pixels[:, 23:].unflatten(1, (2, 21))
    spread = (spread - spread[:, :, :1] - targets.hands) / targets.height
    hand = geman_mcclure(spread.square().sum(-1), weights.hand_sigma).sum(-1)
    terms["hands"] = weights.hands * (targets.hands_weight * hand).sum(1).mean()
    base, tip = (list(x) for x in zip(*HAND_LINES, strict=True))
    hand_lines = normalize(hands[:, :, tip] - hands[:, :, base], dim=-1)
    turned = (1 - (hand_lines * targets.hand_lines).sum(-1)).sum(-1)
    terms["hand lines"] = weights.hand_directions * (targets.hands_weight * turned).sum(1).mean()
    return terms


def pose_terms(
    pose: Tensor, hands: Tensor, limits: tuple[Limits, Limits], weights: Weights
) -> dict[str, Tensor]:
    """What joints can do and like: body pose [T, 21, 3], hand poses [T, 30, 3]."""
    of_body, of_hands = limits
    beyond = of_body.beyond(pose).square().sum((1, 2)) + of_hands.beyond(hands).square().sum((1, 2))
    return {
        "limits": weights.limits * beyond.mean(),
        "prior": weights.prior * of_body.dislike(pose).sum((1, 2)).mean(),
        "hand prior": weights.hand_prior * of_hands.dislike(hands).sum((1, 2)).mean(),
    }


def given_term(pose: Tensor, given: Tensor, weights: Weights) -> dict[str, Tensor]:
    """Joints as a given motion has them: [T, J, 3] axis-angle each."""
    return {"given": weights.given * (pose - given).square().sum((1, 2)).mean()}


def upright_term(orientation: Tensor, weights: Weights) -> dict[str, Tensor]:
    """The pelvis' own axis along the vertical, of [T, 3, 3] rotations of the pelvis in the world.

    A picture hardly shows a tilt towards the camera, and a spine can undo it: landmarks alone leave
    the pelvis and the spine free to bend against each other.
    """
    return {"upright": weights.upright * (1 - orientation[:, 1, 1]).mean()}


def smoothness_terms(
    rotations: Tensor, transl: Tensor, depth: Tensor, steps: Steps, weights: Weights
) -> dict[str, Tensor]:
    """How a motion changes over time.

    Args:
        rotations: [T, N, 3] what rotates, radians.
        transl: [T, 3] metres.
        depth: [T] log depth.
        steps: Which frames follow each other.
        weights: Of the terms.
    """
    a, b, c = steps.triples
    turn = (rotations[a] - 2 * rotations[b] + rotations[c]) * steps.rate**2
    move = (transl[a] - 2 * transl[b] + transl[c]) * steps.rate**2
    p, q = steps.pairs
    speed = (rotations[q] - rotations[p]) * steps.rate
    drift = (depth[q] - depth[p]) * steps.rate
    return {
        "rotation": weights.rotation * _per_step(turn),
        "translation": weights.translation * _per_step(move),
        "velocity": weights.velocity * _per_step(speed),
        "depth": weights.depth * _per_step(drift),
    }


def _per_step(change: Tensor) -> Tensor:
    """Squares summed over a step and averaged over steps; 0 where there are none."""
    return change.square().sum() / max(len(change), 1)


@dataclass(frozen=True)
class Steps:
    """Frames that follow each other inside a clip.

    Attributes:
        pairs: [2, P] frame numbers.
        triples: [3, P] frame numbers.
        rate: Frames per 1/30 of a second: makes the terms the same at any frame rate.
    """

    pairs: Tensor
    triples: Tensor
    rate: float

    @classmethod
    def of(cls, clips: list[tuple[int, int]], fps: float) -> Steps:
        """The steps of half-open clips."""
        pairs = [(t, t + 1) for a, b in clips for t in range(a, b - 1)]
        triples = [(t, t + 1, t + 2) for a, b in clips for t in range(a, b - 2)]
        return cls(
            torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T,
            torch.tensor(triples, dtype=torch.long).reshape(-1, 3).T,
            fps / 30.0,
        )
