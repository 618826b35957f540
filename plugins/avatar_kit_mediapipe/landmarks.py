"""From MediaPipe's landmark lists to the framework's key points. Pure numpy."""

from __future__ import annotations

import numpy as np

from avatar_kit.scene.joints import BODY_KEYPOINTS

#: MediaPipe's pose landmark behind each of ``BODY_KEYPOINTS``; -1: it has none.
POSE_INDEX = np.array(
    [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, -1, -1]
)
FACE_KEYPOINTS, EAR_KEYPOINTS = slice(0, 3), slice(3, 5)
LEFT_SHOULDER, RIGHT_SHOULDER = (BODY_KEYPOINTS.index(f"{s}_shoulder") for s in ("left", "right"))
WRISTS = tuple(BODY_KEYPOINTS.index(f"{s}_wrist") for s in ("left", "right"))

#: Wrist to middle knuckle of an adult in metres: gives a hand's landmarks their scale.
PALM_METRES = 0.092

#: Confidence above which a wrist is seen.
SEEN_WRIST = 0.5

#: Factor on the confidence of the pose model's head points where the face mesh finds no face.
UNSEEN_FACE_FACTOR = 0.3


def to_array(landmarks, count: int) -> np.ndarray:
    """[count, 4] x, y, z, visibility of landmarks, zeros where there are none.

    Args:
        landmarks: A landmark list of 0.10.21, a list of the Tasks API, or None.
        count: How many they are.
    """
    if landmarks is None:
        return np.zeros((count, 4), dtype=np.float32)
    points = getattr(landmarks, "landmark", landmarks)
    return np.array([(p.x, p.y, p.z, p.visibility or 0.0) for p in points], dtype=np.float32)


def body_points(
    pose: np.ndarray, world: np.ndarray, face_found: bool, width: int, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Body key points.

    Args:
        pose: [33, 4] normalised image landmarks.
        world: [33, 4] metres about the hip centre.
        face_found: Whether the face mesh saw a face: the pose model invents one from behind.
        width: Image width in pixels.
        height: Image height in pixels.

    Returns:
        Pixels [23, 2], confidence [23], metres [23, 3].
    """
    pixels = pose[POSE_INDEX, :2] * (width, height)
    confidence = np.where(POSE_INDEX < 0, 0.0, pose[POSE_INDEX, 3]).clip(0, 1)
    metres = world[POSE_INDEX, :3]
    if not face_found:
        behind = seen_from_behind(metres)
        confidence[FACE_KEYPOINTS] *= 0.0 if behind else UNSEEN_FACE_FACTOR
        # from behind ears still tell about where the head is
        confidence[EAR_KEYPOINTS] *= 0.3 * UNSEEN_FACE_FACTOR if behind else UNSEEN_FACE_FACTOR
    outside = (pixels < 0).any(1) | (pixels[:, 0] > width) | (pixels[:, 1] > height)
    confidence[outside] = 0
    return pixels.astype(np.float32), confidence.astype(np.float32), metres.astype(np.float32)


def seen_from_behind(metres: np.ndarray) -> bool:
    """Whether the left shoulder is on the left of the picture, by more than a profile's doubt."""
    across = metres[LEFT_SHOULDER] - metres[RIGHT_SHOULDER]
    return bool(across[0] < -0.2 * np.linalg.norm(across))


def pixels_per_metre(pixels: np.ndarray, confidence: np.ndarray, metres: np.ndarray) -> float:
    """How large a metre of the body is in the picture: by the spread of the points that are seen.

    Args:
        pixels: [23, 2].
        confidence: [23].
        metres: [23, 3].

    Returns:
        Pixels; 0 where fewer than four points are seen.
    """
    seen = confidence > 0.5
    if seen.sum() < 4:
        return 0.0
    of_picture, of_body = (
        float(np.linalg.norm(p - p.mean(0))) for p in (pixels[seen], metres[seen, :2])
    )
    return of_picture / max(of_body, 1e-6)


def hand_points(hand: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [21, 2] and metres about the hand's centre [21, 3] of one hand's [21, 4] landmarks.

    The depth of MediaPipe's hands is in units of the image width. The palm gives the scale.
    """
    return hand_in_space(hand[:, :3] * (width, height, width))


def hand_in_space(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [21, 2] and metres about the hand's centre [21, 3] of a hand [21, 3] in pixels."""
    palm = float(np.linalg.norm(scaled[9] - scaled[0]))
    metres = (scaled - scaled.mean(0)) * (PALM_METRES / max(palm, 1e-6))
    return scaled[:, :2].astype(np.float32), metres.astype(np.float32)


def wrist_reach(pixels: np.ndarray, confidence: np.ndarray, share: float) -> float:
    """How far from its wrist a hand may be found, in pixels.

    Args:
        pixels: [23, 2] of the body.
        confidence: [23].
        share: Of the height of what is seen of the body.
    """
    visible = pixels[confidence > 0.3]
    tall = float(np.ptp(visible[:, 1])) if len(visible) else 0.0
    return share * max(tall, 1.0)


def trusted_hands(
    hands: np.ndarray,
    found: np.ndarray,
    body: np.ndarray,
    confidence: np.ndarray,
    reach: float,
) -> np.ndarray:
    """Confidence [2] of hands: near the body's own wrist, and not both on one hand.

    Args:
        hands: [2, 21, 2] pixels.
        found: [2] bool.
        body: [23, 2] pixels.
        confidence: [23] of the body points.
        reach: Largest distance between hand and wrist in pixels.
    """
    wrists = list(WRISTS)
    distance = np.linalg.norm(hands[:, 0] - body[wrists], axis=-1)
    good = found & (distance < reach) & (confidence[wrists] > SEEN_WRIST)
    if good.all() and np.linalg.norm(hands[0].mean(0) - hands[1].mean(0)) < 0.5 * reach:
        good[int(np.argmax(distance))] = False  # in profile both land on the visible one
    return np.where(good, confidence[wrists], 0.0).astype(np.float32)
