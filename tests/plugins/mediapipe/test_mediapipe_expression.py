import numpy as np
import pytest
import roma
import torch
from avatar_kit_mediapipe import expression
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.scene.joints import ARKIT_CHANNELS

#: Points of a made-up neutral face: index -> (to the subject's left, up, forward); the outer eye
#: corners are one unit apart. Left points are mirrored from the right.
_MIDDLE = {
    10: (0, 0.75, 0.1), 151: (0, 0.55, 0.15), 9: (0, 0.25, 0.2), 2: (0, -0.45, 0.25),
    94: (0, -0.4, 0.3), 152: (0, -1.15, 0.05), 13: (0, -0.66, 0.2), 14: (0, -0.67, 0.2),
    0: (0, -0.59, 0.22), 17: (0, -0.77, 0.2),
}  # fmt: skip
_RIGHT = {
    33: (-0.5, 0, 0), 133: (-0.18, 0, 0.05), 127: (-0.75, 0, -0.4), 234: (-0.74, -0.2, -0.4),
    160: (-0.4, 0.05, 0.05), 159: (-0.34, 0.06, 0.06), 158: (-0.28, 0.05, 0.05),
    144: (-0.4, -0.04, 0.05), 145: (-0.34, -0.045, 0.05), 153: (-0.28, -0.04, 0.05),
    468: (-0.34, 0.005, 0.08), 55: (-0.15, 0.18, 0.1), 107: (-0.13, 0.2, 0.1),
    63: (-0.45, 0.24, 0.0), 70: (-0.5, 0.22, 0.0), 61: (-0.27, -0.66, 0.1), 37: (-0.06, -0.58, 0.2),
}  # fmt: skip
_LEFT = {
    33: 263, 133: 362, 127: 356, 234: 454, 160: 387, 159: 386, 158: 385, 144: 373, 145: 374,
    153: 380, 468: 473, 55: 285, 107: 336, 63: 293, 70: 300, 61: 291, 37: 267,
}  # fmt: skip


def face(changes=None, pixels=150.0) -> np.ndarray:
    """[478, 3] x right, y down, z away in pixels; ``changes``: index -> displacement."""
    points = np.zeros((478, 3))
    for index, at in _MIDDLE.items():
        points[index] = at
    for index, at in _RIGHT.items():
        points[index] = at
        points[_LEFT[index]] = (-at[0], at[1], at[2])
    for index, move in (changes or {}).items():
        points[index] += move
    return points * np.array([1, -1, -1]) * pixels + np.array([300.0, 200.0, 0.0])


NEUTRAL = expression.measure(face())


def found(changes) -> dict[str, float]:
    values = expression.channels(expression.measure(face(changes)), NEUTRAL, 150.0)
    return {n: float(v) for n, v in zip(ARKIT_CHANNELS, values, strict=True) if v > 0.05}


def lids(indices, by):
    return {i: (0, by, 0) for i in indices}


def test_a_neutral_face_has_no_expression():
    assert found({}) == {}


def test_closed_left_eye_is_a_left_blink():
    assert set(found(lids((387, 386, 385), -0.085))) == {"eyeBlinkLeft"}
    assert found(lids((387, 386, 385), -0.085))["eyeBlinkLeft"] > 0.8


def test_an_open_jaw():
    drop = {i: (0, -0.36, 0) for i in (152, 14, 17)}
    channels = found(drop)
    assert channels["jawOpen"] > 0.8
    assert "mouthClose" not in channels


def test_mouth_corners_up_and_out_are_a_smile():
    channels = found({61: (-0.08, 0.1, 0), 291: (0.08, 0.1, 0)})
    assert channels["mouthSmileLeft"] > 0.6
    assert channels["mouthSmileRight"] > 0.6
    assert set(channels) == {"mouthSmileLeft", "mouthSmileRight"}
    assert "mouthFrownRight" in found({61: (0, -0.08, 0)})
    assert "mouthPucker" in found({61: (0.1, 0, 0), 291: (-0.1, 0, 0)})


def test_irises_to_the_subjects_left():
    channels = found({468: (0.055, 0, 0), 473: (0.055, 0, 0)})
    assert set(channels) == {"eyeLookOutLeft", "eyeLookInRight"}
    assert set(found({468: (0, 0.04, 0), 473: (0, 0.04, 0)})) == {"eyeLookUpLeft", "eyeLookUpRight"}


def test_raised_and_lowered_brows():
    up = {i: (0, 0.1, 0) for i in (55, 107, 285, 336)}
    assert set(found(up)) == {"browInnerUp"}
    assert set(found({i: -np.array(m) for i, m in up.items()})) == {"browDownLeft", "browDownRight"}


@given(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(20, 400))
def test_measures_do_not_see_how_the_head_is_held(yaw, pitch, roll, size):
    turn = roma.euler_to_rotmat("xyz", torch.tensor([pitch, yaw, roll])).double().numpy()
    moved = (face() @ turn.T) * (size / 150.0) + np.array([5.0, -70.0, 12.0])
    np.testing.assert_allclose(expression.measure(moved), NEUTRAL, atol=1e-5)


@pytest.mark.parametrize("degrees", [-25.0, 0.0, 25.0])
def test_yaw_of_the_head(degrees):
    a = np.radians(degrees)  # towards the subject's left is to the right in the picture
    turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    axes, _, _ = expression.head_frame((face() - [300, 200, 0]) @ turn.T)
    assert expression.yaw(axes) == pytest.approx(degrees, abs=0.01)


def test_a_small_face_must_move_more_to_be_believed():
    half = expression.measure(face(lids((387, 386, 385), -0.03)))
    near, far = (expression.channels(half, NEUTRAL, px) for px in (200.0, 25.0))
    blink = ARKIT_CHANNELS.index("eyeBlinkLeft")
    assert near[blink] > far[blink]


def test_confidence_fades_with_the_turn_of_the_head():
    assert expression.confidence(10.0) == 1.0
    assert 0 < expression.confidence(-22.0) < 1
    assert expression.confidence(60.0) == 0.0


def test_a_speaking_mouth_is_still_closed_when_neutral():
    rng = np.random.default_rng(0)
    measures = np.repeat(NEUTRAL[None], 100, 0)
    gap = expression.MEASURES.index("lip_gap")
    measures[:, gap] += np.where(rng.random(100) < 0.7, 0.2, 0.0)
    neutral = expression.neutral_face(measures)
    assert neutral[gap] == pytest.approx(NEUTRAL[gap])


def test_who_smiles_through_a_whole_clip_is_seen_to_smile_and_who_never_does_is_not():
    rng = np.random.default_rng(0)
    names = [n for n in expression.MEASURES if n.startswith(("corner_up", "corner_out"))]
    corners = [expression.MEASURES.index(n) for n in names]
    calm = np.repeat(expression.TYPICAL_FACE[None], 200, 0) + rng.normal(0, 0.004, (200, 23))
    happy = calm.copy()
    happy[40:, corners] += rng.uniform(0.03, 0.08, 160)[:, None]
    smile = ARKIT_CHANNELS.index("mouthSmileLeft")
    for measures, low, high in ((happy, 0.6, 1.0), (calm, 0.0, 0.15)):
        neutral = expression.neutral_face(measures)
        found = np.stack([expression.channels(m, neutral, 150.0) for m in measures])
        assert low <= np.quantile(found[:, smile], 0.95) <= high


def test_corners_that_an_open_jaw_draws_down_are_no_frown():
    spoken = {i: (0, -0.3, 0) for i in (152, 14, 17)} | {i: (0, -0.06, 0) for i in (61, 291)}
    channels = found(spoken)
    assert channels["jawOpen"] > 0.6
    assert "mouthFrownLeft" not in channels
