"""ARKit channels from scalar measures of the face mesh. Pure numpy.

A measure is a distance in the frame of the head, in units of the distance between the outer eye
corners. A channel is how far one or two measures are from the person's own neutral face, over the
distance they travel when the action is complete. The neutral face is the median of what was seen;
of a mouth that may smile or speak throughout, it is found otherwise.
"""

from __future__ import annotations

import numpy as np

from avatar_kit.scene.joints import ARKIT_CHANNELS

#: The measures, each with its value on a neutral face before one was seen (medians of real clips).
_TYPICAL_VALUES = {
    "eye_left": 0.28,
    "eye_right": 0.28,
    "lower_lid_left": -0.03,
    "lower_lid_right": -0.03,
    "brow_inner_left": 0.17,
    "brow_inner_right": 0.17,
    "brow_outer_left": 0.22,
    "brow_outer_right": 0.22,
    "chin_drop": 0.7,
    "lip_gap": 0.01,
    "corner_out_left": 0.28,
    "corner_out_right": 0.28,
    "corner_up_left": -0.2,
    "corner_up_right": -0.2,
    "mouth_shift": 0.0,
    "upper_lip_up_left": -0.13,
    "upper_lip_up_right": -0.13,
    "upper_lip": 0.07,
    "lower_lip": 0.11,
    "gaze_aside_left": 0.03,
    "gaze_aside_right": -0.03,
    "gaze_up_left": 0.05,
    "gaze_up_right": 0.05,
}
MEASURES = tuple(_TYPICAL_VALUES)
#: [23] the measures of a neutral face before one was seen.
TYPICAL_FACE = np.array(list(_TYPICAL_VALUES.values()))

#: A speaking mouth is open more often than not: its neutral is a low quantile, not the median.
_NEUTRAL_QUANTILES = np.full(len(MEASURES), 0.5)
_NEUTRAL_QUANTILES[[MEASURES.index("chin_drop"), MEASURES.index("lip_gap")]] = (0.2, 0.1)

#: What a smile moves. Some people smile through a whole video, so its neutral is a low quantile,
#: half way to the typical face: neutral faces differ less than faces at rest and smiling.
_SMILE_MEASURES = [
    i for i, name in enumerate(MEASURES) if name.startswith(("corner_", "upper_lip_up_"))
]
_NEUTRAL_QUANTILES[_SMILE_MEASURES] = 0.25
_SMILE_PRIOR = 0.5

#: Measures that are compared with the neutral as a ratio: eyes differ in size.
_RATIO_MEASURES = [MEASURES.index(name) for name in ("eye_left", "eye_right")]

#: Channel -> (measure, its change when the action is complete). Several measures: their mean.
CHANNEL_MEASURES: dict[str, tuple[tuple[str, float], ...]] = {
    "eyeBlinkLeft": (("eye_left", -0.65),),
    "eyeBlinkRight": (("eye_right", -0.65),),
    "eyeWideLeft": (("eye_left", 0.40),),
    "eyeWideRight": (("eye_right", 0.40),),
    "eyeSquintLeft": (("lower_lid_left", 0.06),),
    "eyeSquintRight": (("lower_lid_right", 0.06),),
    "browInnerUp": (("brow_inner_left", 0.12), ("brow_inner_right", 0.12)),
    "browOuterUpLeft": (("brow_outer_left", 0.12),),
    "browOuterUpRight": (("brow_outer_right", 0.12),),
    "browDownLeft": (("brow_inner_left", -0.08),),
    "browDownRight": (("brow_inner_right", -0.08),),
    "jawOpen": (("chin_drop", 0.38), ("lip_gap", 0.38)),
    "mouthSmileLeft": (("corner_up_left", 0.08), ("corner_out_left", 0.07)),
    "mouthSmileRight": (("corner_up_right", 0.08), ("corner_out_right", 0.07)),
    "mouthFrownLeft": (("corner_up_left", -0.09),),
    "mouthFrownRight": (("corner_up_right", -0.09),),
    "mouthPucker": (("corner_out_left", -0.11), ("corner_out_right", -0.11)),
    "mouthLeft": (("mouth_shift", 0.14),),
    "mouthRight": (("mouth_shift", -0.14),),
    "mouthUpperUpLeft": (("upper_lip_up_left", 0.10),),
    "mouthUpperUpRight": (("upper_lip_up_right", 0.10),),
    "mouthRollUpper": (("upper_lip", -0.08),),
    "mouthRollLower": (("lower_lip", -0.10),),
    "eyeLookOutLeft": (("gaze_aside_left", 0.20),),
    "eyeLookInLeft": (("gaze_aside_left", -0.20),),
    "eyeLookInRight": (("gaze_aside_right", 0.20),),
    "eyeLookOutRight": (("gaze_aside_right", -0.20),),
    "eyeLookUpLeft": (("gaze_up_left", 0.14),),
    "eyeLookUpRight": (("gaze_up_right", 0.14),),
    "eyeLookDownLeft": (("gaze_up_left", -0.14),),
    "eyeLookDownRight": (("gaze_up_right", -0.14),),
}

#: Landmark noise of the face mesh in pixels: what a change must exceed to be believed.
LANDMARK_NOISE_PIXELS = 0.8
#: Head turns, in degrees, up to which an expression is believed fully, and not at all.
SURE_YAW_DEGREES, LOST_YAW_DEGREES = 15.0, 32.0


def head_frame(face: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The frame of a head from points that no expression moves.

    Args:
        face: [478, 3] x right, y down, z away, all in pixels.

    Returns:
        Axes [3, 3], rows to the subject's left, up, forward; origin [3]; the unit in pixels.
    """
    left, right = face[[263, 362, 356, 454]].mean(0), face[[33, 133, 127, 234]].mean(0)
    aside = left - right
    aside /= max(np.linalg.norm(aside), 1e-9)
    up = face[[10, 151, 9]].mean(0) - face[[2, 94]].mean(0)
    up = up - aside * (up @ aside)
    up /= max(np.linalg.norm(up), 1e-9)
    unit = float(np.linalg.norm(face[263] - face[33]))
    axes = np.stack([aside, up, np.cross(aside, up)])
    return axes, face[[33, 133, 263, 362]].mean(0), max(unit, 1e-6)


def yaw(axes: np.ndarray) -> float:
    """Turn of the head away from the camera in degrees; positive towards the subject's left."""
    return float(np.degrees(np.arctan2(axes[2, 0], -axes[2, 2])))


def measure(face: np.ndarray) -> np.ndarray:
    """[23] measures of a face mesh [478, 3]; see :func:`head_frame` for its axes."""
    axes, origin, unit = head_frame(face)
    p = (face - origin) @ axes.T / unit
    x, y = p[:, 0], p[:, 1]

    def eye(upper, lower, inner, outer, iris):
        width = np.linalg.norm(p[inner] - p[outer])
        middle = 0.5 * (p[inner] + p[outer])
        return (
            (y[upper].mean() - y[lower].mean()) / width,
            y[lower].mean() - middle[1],
            (x[iris] - middle[0]) / width,
            (y[iris] - middle[1]) / width,
            middle[1],
        )

    left = eye([387, 386, 385], [373, 374, 380], 362, 263, 473)
    right = eye([160, 159, 158], [144, 145, 153], 133, 33, 468)
    brows = [
        y[[285, 336]].mean() - left[4],
        y[[55, 107]].mean() - right[4],
        y[[293, 300]].mean() - left[4],
        y[[63, 70]].mean() - right[4],
    ]
    mouth_x = x[[0, 13, 14, 17]].mean()
    mouth = [
        y[2] - y[152],
        y[13] - y[14],
        x[291] - mouth_x,
        mouth_x - x[61],
        y[291] - y[2],
        y[61] - y[2],
        mouth_x - x[2],
        y[267] - y[2],
        y[37] - y[2],
        y[0] - y[13],
        y[14] - y[17],
    ]
    gaze = [left[2], right[2], left[3], right[3]]
    return np.array([left[0], right[0], left[1], right[1], *brows, *mouth, *gaze])


def neutral_face(measures: np.ndarray) -> np.ndarray:
    """[23] the neutral face in measures [T, 23] of one person's faces."""
    ordered = np.sort(measures, axis=0)
    at = np.round(_NEUTRAL_QUANTILES * (len(measures) - 1)).astype(int)
    found = ordered[at, np.arange(measures.shape[1])]
    found[_SMILE_MEASURES] += _SMILE_PRIOR * (TYPICAL_FACE - found)[_SMILE_MEASURES]
    return found


def channels(measures: np.ndarray, neutral: np.ndarray, face_pixels: float) -> np.ndarray:
    """[52] ARKit channels.

    Args:
        measures: [23] of :func:`measure`.
        neutral: [23] of the same person's neutral face.
        face_pixels: Distance of the outer eye corners in pixels: a small face is a noisy one, and
            what the noise explains is left out.
    """
    change = measures - neutral
    usual = np.maximum(neutral[_RATIO_MEASURES], 0.05)
    change[_RATIO_MEASURES] = measures[_RATIO_MEASURES] / usual - 1
    at = dict(zip(MEASURES, change, strict=True))
    noise = LANDMARK_NOISE_PIXELS / max(face_pixels, 1.0)
    found = {}
    for name, terms in CHANNEL_MEASURES.items():
        value = np.mean([at[m] / full for m, full in terms])
        # eyes are measured against their own width, a third of the unit
        spread = 3.0 if name.startswith("eye") else 1.0
        doubt = min(0.1 + spread * noise / abs(terms[0][1]), 0.6)
        found[name] = float(np.clip((value - doubt) / (1 - doubt), 0, 1))
    _resolve(found, at)
    return np.array([found.get(name, 0.0) for name in ARKIT_CHANNELS], dtype=np.float32)


def _resolve(found: dict[str, float], change: dict[str, float]) -> None:
    """Take out what one action makes another look like."""
    gap = change["lip_gap"] / 0.38
    found["mouthClose"] = float(np.clip(found["jawOpen"] - gap, 0, found["jawOpen"]))
    found["mouthFunnel"] = min(found["mouthPucker"], float(np.clip(2 * gap, 0, 1)))
    for side in ("Left", "Right"):
        # an open jaw and pursed lips draw the corners down and in; a lowered gaze lowers the lid
        frown = max(0.0, found[f"mouthFrown{side}"] - found["jawOpen"])
        found[f"mouthFrown{side}"] = frown * (1 - found["mouthPucker"])
        for name in ("mouthRollUpper", "mouthRollLower"):
            found[name] *= 1 - found["jawOpen"]
        found[f"eyeBlink{side}"] = max(
            0.0, found[f"eyeBlink{side}"] - 0.4 * found[f"eyeLookDown{side}"]
        )
        found[f"eyeSquint{side}"] *= 1 - found[f"eyeBlink{side}"]
        if found[f"eyeBlink{side}"] > 0.4:
            for name in ("Up", "Down", "In", "Out"):
                found[f"eyeLook{name}{side}"] = 0.0


def confidence(turn: float) -> float:
    """How far an expression is to be believed at a head turn of ``turn`` degrees."""
    span = LOST_YAW_DEGREES - SURE_YAW_DEGREES
    return float(np.clip((LOST_YAW_DEGREES - abs(turn)) / span, 0, 1))
