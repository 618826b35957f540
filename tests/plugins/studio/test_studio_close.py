"""What a close framing shows of eyes, lashes and hair."""

from dataclasses import replace

import numpy as np
import pytest
from avatar_kit_studio.detail import CLOSE, COARSE, FINE, detail_of
from avatar_kit_studio.eye import moisten
from avatar_kit_studio.performance import default_body
from avatar_kit_studio.person import make_person
from avatar_kit_studio.samples import Samples
from avatar_kit_studio.skin import MATERIALS
from avatar_kit_studio.subjects import SUBJECTS
from scipy.spatial.transform import Rotation

CENTRES, AXES = np.array([[0.03, 1.6, 0.1], [-0.03, 1.6, 0.1]]), np.array([[0.0, 0, 1], [0, 0, 1]])


def eyeballs(turn):
    """Samples all over the front of two eyeballs that look elsewhere by ``turn``."""
    rng = np.random.default_rng(0)
    at_rest = rng.normal(size=(400, 3)) * [1, 1, 0.3] + [0, 0, 1]
    at_rest /= np.linalg.norm(at_rest, axis=1, keepdims=True)
    at_rest[0] = at_rest[200] = AXES[0]
    centre = np.repeat(CENTRES, 200, 0)
    samples = Samples(
        surface=centre + 0.012 * at_rest,
        values=np.zeros((400, 7)),
        normal=turn.apply(at_rest),
        albedo=np.ones((400, 3)),
        gloss=np.zeros((400, 2)),
        footprint=0.0005,
    )
    return at_rest, samples


@pytest.mark.parametrize("degrees", [(0, 0, 0), (10, -25, 5)])
def test_normals_of_the_cornea_bend_about_the_gaze(degrees):
    turn = Rotation.from_euler("xyz", degrees, degrees=True)
    at_rest, samples = eyeballs(turn)
    moisten(np.arange(400), samples, CENTRES, AXES, 0.9)
    gaze = turn.apply(AXES[0])
    before = np.arccos(np.clip(at_rest[:, 2], -1, 1))
    after = np.arccos(np.clip(samples.normal @ gaze, -1, 1))
    assert np.linalg.norm(samples.normal, axis=1) == pytest.approx(1)
    assert after[0] == pytest.approx(0, abs=1e-4)
    inner, outer = before < 0.39, before > 0.51
    assert inner.sum() > 20 and outer.sum() > 100
    assert after[inner] == pytest.approx(1.9 * before[inner], abs=1e-6)
    assert after[outer] == pytest.approx(before[outer], abs=1e-6)


def test_the_upper_lid_shades_the_eyeball():
    _, samples = eyeballs(Rotation.identity())
    white = np.arccos(samples.normal[:, 2]) > 0.51
    moisten(np.arange(400), samples, CENTRES, AXES, 0.9)
    up = samples.normal[:, 1]
    assert samples.albedo[white & (up > 0.3)].max() < samples.albedo[white & (up < -0.1)].min()
    assert samples.albedo[white & (up < -0.1)] == pytest.approx(1)


@pytest.fixture(scope="module")
def people():
    bones = tuple(default_body()[1].joint_names)
    return {
        name: make_person(SUBJECTS["ada"], bones, detail=detail, seed=0)
        for name, detail in (
            ("coarse", COARSE),
            ("close", replace(CLOSE, subdivisions=0, strands=7500)),
        )
    }


def test_hair_thins_out_at_its_line(people):
    """Fewer and fewer hairs grow the lower it is, down to nine millimetres below the line."""
    above = {
        name: person.head.hairline(person.strands.points[:, 0].astype(np.float64))
        for name, person in people.items()
    }
    assert (above["coarse"] < -0.002).mean() < 0.002
    counts, _ = np.histogram(above["close"], np.linspace(-0.009, 0.009, 7))
    assert (np.diff(counts) > 0).all() and counts[0] > 0
    assert people["close"].strands.width == pytest.approx(people["coarse"].strands.width / 3)


def test_lashes_are_half_as_long(people):
    reach = {}
    for name, person in people.items():
        skin = person.skin
        lashes = np.unique(skin.faces[skin.material == MATERIALS.index("lash")])
        left = lashes[skin.rest[lashes, 0] > 0]
        away = np.linalg.norm(skin.rest[left] - person.head.eyes[0], axis=1)
        reach[name] = away.max() - np.quantile(away, 0.1)
    assert reach["close"] == pytest.approx(0.5 * reach["coarse"], rel=0.02)


def test_only_close_framings_are_filmed_so():
    assert detail_of("full", 256) == COARSE
    assert detail_of("full", 512) == FINE
    assert detail_of("upper", 256) == detail_of("upper", 512) == CLOSE
