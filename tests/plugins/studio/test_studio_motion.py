"""Springs of cloth and hair: bounded, settling, without popping."""

import numpy as np
import pytest
from avatar_kit_studio.motion_of_cloth import SUBSTEPS, skin_points, spring
from avatar_kit_studio.motion_of_hair import HairState
from avatar_kit_studio.script import FPS
from hypothesis import given, settings
from hypothesis import strategies as st

DT = 1 / FPS


def play(targets, rate, limit=0.05, drag=0.25):
    """Positions [T, 3] of one spring that follows targets [T, 3]."""
    state = [targets[:1].copy(), np.zeros((1, 3)), targets[:1].copy()]
    out = []
    for target in targets:
        rates, limits = np.full(1, float(rate)), np.full(1, float(limit))
        spring(*state, target[None], rates, drag, limits, DT, SUBSTEPS)
        out.append(state[0][0].copy())
    return np.array(out)


@settings(max_examples=40, deadline=None)
@given(
    rate=st.floats(1.0, 60.0),
    limit=st.floats(0.005, 0.1),
    seed=st.integers(0, 10**6),
    size=st.floats(0.0, 3.0),
)
def test_springs_never_leave_their_limit(rate, limit, seed, size):
    steps = np.random.default_rng(seed).normal(size=(60, 3)) * size
    targets = np.cumsum(steps, 0)
    away = np.linalg.norm(play(targets, rate, limit) - targets, axis=1)
    assert np.isfinite(away).all()
    assert away.max() <= limit * (1 + 1e-6)


@pytest.mark.parametrize("rate", [6.0, 12.0, 30.0])
def test_springs_settle_after_a_step(rate):
    targets = np.zeros((150, 3))
    targets[5:, 0] = 0.04
    away = np.abs(play(targets, rate)[:, 0] - targets[:, 0])
    assert away[6] > 0.001  # it lags behind
    assert away[-10:].max() < 2e-4


def test_a_stiff_enough_spring_is_nailed():
    targets = np.random.default_rng(1).normal(size=(20, 3))
    assert np.array_equal(play(targets, 0.0), targets)


def test_frequency_is_the_one_asked_for():
    targets = np.zeros((120, 3))
    targets[0, 0] = 0.02
    rate = 2 * np.pi * 1.5
    x = play(targets, rate, limit=10.0)[1:, 0]
    crossings = np.flatnonzero(np.diff(np.sign(x)) != 0)[:3]
    half = np.diff(crossings).mean() * DT
    damped = rate * np.sqrt(1 - 0.32**2)
    assert half == pytest.approx(np.pi / damped, rel=0.2)


def test_skinning_against_dense_maths(person, rng):
    from scipy.spatial.transform import Rotation

    bones = int(person.bones.max()) + 1
    transforms = np.concatenate(
        [Rotation.random(bones, random_state=3).as_matrix(), rng.normal(size=(bones, 3, 1))], 2
    )
    pick = rng.integers(0, len(person.rest), 200)
    rest, index, weight = person.rest[pick], person.bones[pick], person.weights[pick]
    out = np.empty((200, 3))
    skin_points(rest, index, weight, transforms, out)
    one = np.concatenate([rest, np.ones((200, 1))], 1)
    dense = np.einsum("nk,nkij,nj->ni", weight, transforms[index], one)
    assert np.allclose(out, dense, atol=1e-5)


def test_hems_do_not_pop(session, person, turning):
    """Acceleration of every hem vertex stays in the range of cloth that is swung, not teleported.

    Five g is what a fast turn with a step gives; a pop of 2 cm in one frame would be 32 g.
    """
    _, looks = turning
    for i, garment in enumerate(person.garments):
        part = person.slice_of(i)
        hem = np.flatnonzero(garment.loose > 0.6 * max(garment.loose.max(), 0.1))
        if not len(hem):
            continue
        path = np.stack([look.vertices[part][hem] for look in looks]).astype(float)
        acceleration = np.linalg.norm(np.diff(path, 2, axis=0), axis=2) * FPS**2
        assert acceleration[2:].max() < 16 * 9.81, garment.name
        assert np.quantile(acceleration[2:], 0.99) < 5 * 9.81, garment.name


def test_hair_keeps_its_length_and_does_not_pop(person, turning):
    _, looks = turning
    strands = np.stack([look.strands for look in looks]).astype(float)
    rest = np.linalg.norm(np.diff(person.strands.points, axis=1), axis=2).sum(1)
    length = np.linalg.norm(np.diff(strands, axis=2), axis=3).sum(2)
    assert np.quantile(length / rest, 0.99) < 1.25
    acceleration = np.linalg.norm(np.diff(strands, 2, axis=0), axis=3) * FPS**2
    assert np.quantile(acceleration[2:], 0.99) < 8 * 9.81


def test_hair_swings_and_comes_to_rest(person):
    state = HairState(person.strands)
    far = np.full((1, 3), 9.0)
    still = np.concatenate([np.eye(3), np.zeros((3, 1))], 1)
    moved = still.copy()
    moved[0, 3] = 0.10
    state.step(still, np.eye(3), far, far, DT)
    swung = state.step(moved, np.eye(3), far, far, DT)
    rigid = person.strands.points + np.float32([0.10, 0, 0])
    assert np.abs(swung - rigid).max() > 0.01
    for _ in range(100):
        calm = state.step(moved, np.eye(3), far, far, DT)
    assert np.abs(calm - rigid).max() < 2e-3


def test_the_past_shows(session):
    """The same pose after a different past gives different cloth: it has a history."""
    from avatar_kit_studio.performance import perform

    from avatar_kit.scene.motion import concatenate

    clip = session.clips[0]
    end = clip.motion[-2:]
    calm = concatenate([clip.motion[[-2] * 12], end])
    rushed = concatenate([clip.motion[[-12] * 11], clip.motion[[-12]], end])
    a, b = (next(perform(session.cast, m, len(m) - 1)).vertices for m in (calm, rushed))
    person = session.cast.person
    skin = np.unique(person.skin.faces)
    assert np.allclose(a[skin], b[skin], atol=1e-6)
    cloth = slice(len(person.skin.rest), None)
    assert np.abs(a[cloth] - b[cloth]).max() > 2e-3
