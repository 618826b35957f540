import numpy as np
import pytest
import roma
import torch
from avatar_kit_studio import poses
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.scene.joints import ARKIT_CHANNELS


def test_rotation_against_roma(rng):
    vectors = rng.normal(size=(50, 3))
    theirs = roma.rotvec_to_rotmat(torch.from_numpy(vectors)).numpy()
    assert np.allclose(poses.rotation(vectors), theirs, atol=1e-12)
    assert np.allclose(poses.rotation(np.zeros(3)), np.eye(3))


def test_euler_applies_the_last_turn_first():
    turned = poses.euler(("y", 90.0), ("x", 90.0)) @ np.array([0.0, 0.0, 1.0])
    assert np.allclose(turned, [0, -1, 0], atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 0.55), st.floats(-3, 3), st.floats(-1.4, 1.4))
def test_two_links_reach_a_near_target(length, yaw, pitch):
    axis = np.array([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)])
    target = (length * axis)[None]
    first, second = poses.two_links(target, np.array([[0.3, 1.0, 0.2]]), 0.3, 0.28, 0.99)
    assert np.allclose(np.linalg.norm(first, axis=1), 1)
    assert np.allclose(0.3 * first + 0.28 * second, target, atol=1e-6)


def test_two_links_do_not_snap_as_they_straighten():
    """The middle joint moves continuously as the target leaves reach."""
    far = np.linspace(0.40, 0.80, 400)
    target = far[:, None] * np.array([[0.0, 0.0, 1.0]])
    first, _ = poses.two_links(target, np.tile([0.0, 1.0, 0.0], (400, 1)), 0.3, 0.28, 0.94)
    assert np.linalg.norm(np.diff(first, axis=0), axis=1).max() < 0.02


def test_ease_passes_through_its_keys_at_rest():
    keys = [(0.0, [0.0, 1.0]), (1.0, [2.0, 3.0]), (2.0, [1.0, 0.0])]
    times = np.linspace(-0.5, 2.5, 301)
    out = poses.ease(keys, times)
    assert np.allclose(out[times <= 0], [0, 1])
    assert np.allclose(out[np.isclose(times, 1.0)], [2, 3], atol=1e-6)
    assert np.allclose(out[times >= 2], [1, 0])
    speed = np.abs(np.diff(out, axis=0)).max(1)
    assert speed[np.argmin(np.abs(times - 1.0))] < 1e-3


def test_expression_names_both_sides():
    face = poses.expression({"mouthSmile": 0.5, "jawOpen": 0.2})
    on = {ARKIT_CHANNELS[i]: face[i] for i in np.flatnonzero(face)}
    assert on == {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5, "jawOpen": 0.2}
    with pytest.raises(ValueError, match="not in tuple"):
        poses.expression({"noSuchThing": 1.0})


def test_curled_fingers_bend_towards_the_palm():
    hand = poses.hand_rotvecs(np.array([[0, 1.0, 1.0, 1.0, 1.0]]), np.zeros(1))
    assert (hand[0, :12, 2] < -0.9).all()
    assert (poses.mirror(hand)[0, :12, 2] > 0.9).all()
