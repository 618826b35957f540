from dataclasses import replace

import numpy as np
import pytest

from avatar_kit.tracking.matte import refine
from avatar_kit.tracking.plate import _hidden, find_plate, sample
from avatar_kit.tracking.scene import STILL_PLATE_LEVELS, Scene


@pytest.fixture(scope="module")
def scene():
    """A dark person walks over a pale room and throws a shadow; coarse masks are fat and soft."""
    rng = np.random.default_rng(0)
    room = np.linspace(170, 230, 240)[:, None, None] + rng.integers(-4, 5, (240, 320, 3))
    rows, columns = np.mgrid[:240, :320]
    images, masks, truth = [], [], []
    for t in range(30):
        x = 60 + 7 * t
        person = (abs(columns - x) < 18) & (abs(rows - 120) < 80)
        shadow = (abs(columns - x - 30) < 20) & (abs(rows - 200) < 8)
        image = np.where(shadow[..., None], room * 0.8, room)
        image = np.where(person[..., None], np.array([90.0, 40.0, 60.0]), image)
        image = image + (t % 3) * 2 + rng.normal(0, 1, image.shape)  # light flickers
        images.append(image.clip(0, 255).astype(np.uint8))
        fat = (abs(columns - x) < 21) & (abs(rows - 120) < 83)
        masks.append((fat[::2, ::2] * 255).astype(np.uint8))
        truth.append(person)
    return room, np.array(images), np.array(masks), np.array(truth)


def test_the_empty_room_is_recovered(scene):
    room, images, masks, _ = scene
    plate = find_plate(images, masks)
    assert plate.wander < STILL_PLATE_LEVELS
    assert plate.known.all()
    assert np.abs(plate.image - room - 2)[:, 100:220].mean() < 3


def test_what_the_person_always_hides_is_not_known(scene):
    _, images, masks, _ = scene
    stays = masks.copy()
    stays[:, 40:60, 100:120] = 255
    plate = find_plate(images, stays)
    assert not plate.known[80:120, 200:240].any()
    assert plate.known[:60, :180].all()


def test_refined_masks_fit_the_person_and_not_the_shadow(scene):
    _, images, masks, truth = scene
    plate = find_plate(images, masks)
    for frame in (5, 15, 25):
        found = refine(images[frame], masks[frame], plate).mask > 127
        coarse = masks[frame].repeat(2, 0).repeat(2, 1) > 127
        iou = [(m & truth[frame]).sum() / (m | truth[frame]).sum() for m in (found, coarse)]
        assert iou[0] > 0.97
        assert iou[0] > iou[1] + 0.05


def test_a_moving_background_is_noticed():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 255, (12, 64, 64, 3)).astype(np.uint8)
    wander = find_plate(images, np.zeros((12, 32, 32), np.uint8)).wander
    assert wander > STILL_PLATE_LEVELS


def test_without_a_plate_the_coarse_mask_is_enlarged():
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 255
    found = refine(np.zeros((60, 60, 3), np.uint8), mask, None).mask
    assert found.shape == (60, 60)
    assert found[30, 30] == 255
    assert found[3, 3] == 0


def test_samples_lie_in_their_clip():
    frames = sample((40, 52))
    assert frames.min() == 40
    assert frames.max() == 51
    assert len(np.unique(frames)) == len(frames)


def test_clips_of_another_exposure_share_the_plate_of_least_error():
    rng = np.random.default_rng(2)
    room = rng.integers(40, 200, (24, 32, 3))
    images = np.stack([room, room + 8, room + 4]).astype(np.uint8)
    clips = [(0, 10), (10, 40), (40, 45)]
    still = {"moves": np.tile(np.eye(3)[:2], (45, 1, 1)), "pixels": np.zeros(3)}
    scene = Scene(images, np.ones(images.shape[:3], bool), np.zeros(3), **still)
    shown = np.concatenate([images[i : i + 1].repeat(b - a, 0) for i, (a, b) in enumerate(clips)])
    assert np.array_equal(scene.mean(clips), np.rint(shown.mean(0)))
    assert scene.apart == 8
    assert replace(scene, plates=images[:1]).apart == 0


def test_the_shared_plate_is_the_mean_over_all_frames():
    """In pictures higher than a strip, and of a height that strips do not divide."""
    draw = np.random.default_rng(0)
    plates = draw.integers(0, 256, (3, 150, 8, 3), dtype=np.uint8)
    scene = Scene(plates, plates[..., 0] >= 0, np.zeros(3), np.zeros((20, 2, 3)), np.zeros(3))
    wanted = np.rint(np.average(plates, axis=0, weights=[3, 5, 12]))
    assert np.array_equal(scene.mean([(0, 3), (3, 8), (8, 20)]), wanted)


def test_the_plate_is_the_median_of_what_is_free_row_by_row():
    """Against a dense form; the width is not a multiple of eight."""
    draw = np.random.default_rng(1)
    images = [draw.integers(0, 256, (100, 45, 3), dtype=np.uint8) for _ in range(5)]
    masks = [np.zeros((25, 11), np.uint8) for _ in images]
    for k, mask in enumerate(masks):
        mask[10:14, 2 * k : 2 * k + 2] = 255
    plate = find_plate(images, masks)
    hidden = np.stack([_hidden(mask, 100, 45) for mask in masks])
    for row, column in draw.integers(0, (100, 45), (300, 2)):
        free = [images[k][row, column] for k in range(5) if not hidden[k, row, column]]
        assert np.array_equal(plate.image[row, column], np.sort(free, axis=0)[len(free) // 2])
