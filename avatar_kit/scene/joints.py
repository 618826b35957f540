"""Names and order of joints, expression channels and key points. Plain tuples: no torch here.

The joint convention of :class:`~avatar_kit.scene.Motion` is SMPL-X's: 55 joints, axis-angle, T-pose
at zero (arms along +-x, facing +z, y up). The expression channels are the 52 of ARKit.
"""

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


def _hand(side: str) -> tuple[str, ...]:
    return tuple(f"{side}_{finger}{i}" for finger in _FINGERS for i in (1, 2, 3))


#: The 21 joints of ``Motion.body_pose``, in order (SMPL-X joints 1 to 21).
BODY_JOINTS = (
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
)

#: All 55 joints: pelvis, body, jaw, eyes, left hand, right hand.
SMPLX_JOINTS = (
    "pelvis",
    *BODY_JOINTS,
    "jaw",
    "left_eye",
    "right_eye",
    *_hand("left"),
    *_hand("right"),
)


def _parents() -> tuple[int, ...]:
    body = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
    head = (15, 15, 15)
    hands: list[int] = []
    for wrist, first in ((20, 25), (21, 40)):
        for finger in range(5):
            base = first + 3 * finger
            hands += [wrist, base, base + 1]
    return body + head + tuple(hands)


#: Index of each joint's parent in :data:`SMPLX_JOINTS`; -1 for the pelvis.
SMPLX_PARENTS = _parents()

#: The 52 expression channels of ARKit, alphabetical; each in [0, 1].
ARKIT_CHANNELS = (
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)

#: The 23 body key points every body can give, image-space trackers find, and evaluation draws.
BODY_KEYPOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_big_toe",
    "right_big_toe",
    "left_small_toe",
    "right_small_toe",
)

#: The 21 points of a hand in the usual order: wrist, then thumb to little finger, base to tip.
HAND_KEYPOINTS = (
    "wrist",
    *(
        f"{finger}{i}"
        for finger in ("thumb", "index", "middle", "ring", "pinky")
        for i in range(1, 5)
    ),
)
