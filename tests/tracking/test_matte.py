"""Mattes where the light changes and the camera moves, beside those of a still scene."""

from types import SimpleNamespace

import numpy as np
import pytest

from avatar_kit.tracking.frame_light import frame_light
from avatar_kit.tracking.matte import refine
from avatar_kit.tracking.mattes import matte_figures
from avatar_kit.tracking.observe import Observed
from avatar_kit.tracking.plate import Plate
from avatar_kit.tracking.scene import find_scene, steadied
from avatar_kit.tracking.stages import Silent, Stages
from avatar_kit.tracking.steady import moved_back
from tests.tracking.test_steady import filmed, room, similarity

FRAMES = 16


def film(tmp_path, monkeypatch, gain, shift):
    """A person who walks through a room; what the scene stage makes of it, and mattes and truth."""
    picture = room(3)
    rows, columns = np.mgrid[:180, :320]
    images, masks, truth = [], [], []
    for t in range(FRAMES):
        x = 50 + 14 * t
        person = ((columns - x) / 16.0) ** 2 + ((rows - 95) / 60.0) ** 2 < 1
        image = np.where(person[..., None], np.array([60.0, 160.0, 50.0]), picture)
        move = similarity(*shift(t), 0, 1)
        images.append((filmed(image, move) * gain(t)).clip(0, 255).astype(np.uint8))
        there = filmed(person[..., None] * 255.0, move)[..., 0] > 127
        fat = ((columns - x) / 20.0) ** 2 + ((rows - 95) / 64.0) ** 2 < 1
        coarse = filmed(fat[..., None] * 255.0, move)[..., 0]
        masks.append(coarse[::2, ::2].astype(np.uint8))
        truth.append(there)

    class Reader:
        width, height = 320, 180

        def __iter__(self):
            return iter(images)

        def __len__(self):
            return FRAMES

    points = {"body": np.zeros((FRAMES, 23, 2)), "hands": np.zeros((FRAMES, 2, 21, 2))}
    tracks = SimpleNamespace(masks=np.stack(masks), face=np.zeros((FRAMES, 1, 2)), **points)
    seen = Observed(Reader(), tracks, np.arange(FRAMES), [(0, FRAMES)], [])
    monkeypatch.setattr("avatar_kit.tracking.stages.cache_dir", lambda *_: tmp_path)
    scene = find_scene(seen, Stages("0" * 64, Silent()))
    overlaps = []
    for t in range(2, FRAMES, 5):
        back = lambda x, t=t: x if shift(t) == (0, 0) else moved_back(x, scene.moves[t])  # noqa: E731
        coarse = masks[t]
        if shift(t) != (0, 0):
            half = scene.moves[t].copy()
            half[:, 2] /= 2
            coarse = moved_back(coarse, half)
        found = refine(scene.picture(images[t], t), coarse, scene.plate(0)).mask > 127
        wanted = back(truth[t].astype(np.uint8) * 255) > 127
        overlaps.append((found & wanted).sum() / (found | wanted).sum())
    return scene, min(overlaps)


STILL = lambda t: (0, 0)  # noqa: E731


@pytest.mark.parametrize(
    ("gain", "shift", "note"),
    [
        (lambda t: 1.0, STILL, None),
        (lambda t: 1 + 0.15 * np.sin(t / 3), STILL, None),
        (lambda t: 1 + 0.1 * np.sin(t / 3) * np.linspace(-1, 1, 320)[:, None], STILL, None),
        pytest.param(
            lambda t: 1.0,
            lambda t: (1.5 * np.sin(t / 4) + 0.1, 1.2 * np.cos(t / 3)),
            "corrected",
            marks=pytest.mark.slow,
        ),
        (lambda t: 1 + 0.1 * np.sin(t / 3), lambda t: (4 * np.sin(t / 6) + 0.1, 0.0), "corrected"),
    ],
    ids=["still", "exposure", "a lamp at one side", "drift", "drift and exposure"],
)
def test_mattes_are_as_good_as_before_a_still_scene(tmp_path, monkeypatch, gain, shift, note):
    scene, worst = film(tmp_path, monkeypatch, gain, shift)
    assert scene.believed
    assert worst > 0.95
    assert (note in " ".join(scene.notes())) if note else scene.notes() == []


@pytest.mark.slow
def test_a_camera_that_is_carried_around_is_said(tmp_path, monkeypatch):
    scene, _ = film(tmp_path, monkeypatch, lambda t: 1.0, lambda t: (2.0 * t, 0.0))
    assert not scene.steady
    assert scene.plate(0) is None
    assert "put the camera on a tripod" in scene.notes()[0]


def test_the_scene_of_other_frames_is_another_scene(tmp_path, monkeypatch):
    """Who is meant is chosen between two stages: what was kept of one person is not the other's."""
    monkeypatch.setattr("avatar_kit.tracking.stages.cache_dir", lambda *_: tmp_path)
    pictures = [np.full((40, 60, 3), 40 + 10 * (t // 6), np.uint8) for t in range(18)]

    class Reader:
        width, height = 60, 40

        def __iter__(self):
            return iter(pictures)

        def __len__(self):
            return len(pictures)

    found = []
    for frames in (np.arange(6), np.arange(6, 12), np.arange(6)):
        tracks = SimpleNamespace(masks=np.zeros((6, 20, 30), np.uint8))
        seen = Observed(Reader(), tracks, frames, [(0, 6)], [])
        scene = find_scene(seen, Stages("1" * 64, Silent()))
        found.append(int(scene.plates[0, 20, 30, 0]))
    assert found == [40, 50, 40]


def test_points_and_masks_are_brought_back_with_the_picture():
    move = similarity(3, -2, 0, 1)
    points = np.full((1, 23, 2), 50.0)
    tracks = SimpleNamespace(
        body=points + np.array([3, -2]), hands=np.zeros((1, 2, 21, 2)), face=np.zeros((1, 1, 2)),
        masks=np.zeros((1, 90, 160), np.uint8),
    )  # fmt: skip
    seen = Observed(SimpleNamespace(width=320), _replaceable(tracks), np.arange(1), [(0, 1)], [])
    scene = SimpleNamespace(moves=move[None], notes=lambda: ["said"])
    found = steadied(seen, scene)
    np.testing.assert_allclose(found.tracks.body, points, atol=1e-9)
    assert found.notes == ["said"]


def _replaceable(tracks):
    from dataclasses import make_dataclass

    return make_dataclass("T", list(vars(tracks)))(**vars(tracks))


def test_a_frame_that_the_plate_does_not_explain_keeps_its_coarse_mask():
    rng = np.random.default_rng(0)
    plate = Plate(room(4).astype(np.uint8), np.ones((180, 320), bool), 0.0)
    mask = np.zeros((90, 160), np.uint8)
    mask[30:60, 60:100] = 255
    other = rng.integers(0, 255, (180, 320, 3)).astype(np.uint8)
    found = refine(other, mask, plate)
    assert not found.refined
    assert found.leak > 0.3
    assert np.array_equal(found.mask, refine(other, mask, None).mask)


def test_sleeves_of_the_colour_of_the_wall_are_measured():
    wall = np.full((180, 320, 3), 220, np.uint8)
    plate = Plate(wall, np.ones((180, 320), bool), 0.0)
    mask = np.zeros((90, 160), np.uint8)
    mask[20:80, 60:100] = 255
    for colour, clear in (((60, 90, 160), 1.0), ((222, 219, 221), 0.0)):
        image = wall.copy()
        image[40:160, 120:200] = colour
        assert refine(image, mask, plate).clear == clear


def test_where_the_scene_was_never_seen_the_coarse_mask_stays():
    picture = room(5)
    known = np.ones((180, 320), bool)
    known[:, :160] = False
    wrong = picture.copy()
    wrong[:, :160] = 255 - wrong[:, :160]  # filled from around, and wrong
    mask = np.zeros((90, 160), np.uint8)
    mask[30:60, 40:120] = 255
    found = refine(picture.astype(np.uint8), mask, Plate(wrong.astype(np.uint8), known, 0.0)).mask
    alone = refine(picture.astype(np.uint8), mask, None).mask
    assert np.abs(found[:, :158].astype(int) - alone[:, :158])[:, :150].max() < 130
    assert ((found[:, :150] > 127) == (alone[:, :150] > 127)).mean() > 0.995


def test_the_light_of_a_frame_is_found_and_taken_out():
    picture = room(6)
    gain = np.array([1.1, 0.95, 1.0]) * (1 + 0.05 * np.linspace(-1, 1, 320))[:, None]
    frame = (0.8 * picture * gain + 3).clip(0, 255).astype(np.uint8)
    light = frame_light(frame, picture.astype(np.uint8), np.ones((180, 320), bool))
    lit = light.of(picture.astype(np.uint8), (slice(None), slice(None)))
    assert np.abs(lit - frame).mean() < 1.5
    assert np.abs(light.taken_out(frame) - picture).mean() < 2.0


def test_a_matte_in_rags_is_measured():
    from avatar_kit.tracking.matte import Matte

    coarse = np.zeros((180, 320), np.uint8)
    coarse[40:160, 100:200] = 255
    whole = np.kron(coarse, np.ones((2, 2), np.uint8))
    good = matte_figures(Matte(whole, True, 0.0, 0.9), coarse)
    assert (good.whole, good.filled, good.plain, good.agreement) == (1, 1, 1, 1)
    assert good.clear == 0.9
    torn = whole.copy()
    torn[120:160, 240:280] = 0  # a hole of 400 in 12,000 pixels of the coarse mask
    torn[0:60, 0:80] = 255  # and 1,200 elsewhere
    bad = matte_figures(Matte(torn, False, 0.1, np.nan), coarse)
    assert bad.filled == pytest.approx(1 - 400 / 12_000)
    assert bad.whole == pytest.approx((12_000 - 400) / (12_000 - 400 + 1_200))
    assert bad.plain < 0.8
    assert bad.agreement == pytest.approx((12_000 - 400) / (12_000 + 1_200))
    assert matte_figures(Matte(0 * whole, True, 0.0, 1.0), coarse).whole == 0
