import numpy as np
import pytest

from avatar_kit.tracking.plate import STILL_PLATE_LEVELS, Plates, find_plate, refine, sample


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
    plate, moves = find_plate(images, masks)
    assert moves < STILL_PLATE_LEVELS
    assert np.abs(plate - room - 2)[:, 100:220].mean() < 3


def test_refined_masks_fit_the_person_and_not_the_shadow(scene):
    _, images, masks, truth = scene
    plate, _ = find_plate(images, masks)
    for frame in (5, 15, 25):
        found = refine(images[frame], masks[frame], plate) > 127
        coarse = masks[frame].repeat(2, 0).repeat(2, 1) > 127
        iou = [(m & truth[frame]).sum() / (m | truth[frame]).sum() for m in (found, coarse)]
        assert iou[0] > 0.97
        assert iou[0] > iou[1] + 0.05


def test_a_moving_background_is_noticed():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 255, (12, 64, 64, 3)).astype(np.uint8)
    _, moves = find_plate(images, np.zeros((12, 32, 32), np.uint8))
    assert moves > STILL_PLATE_LEVELS


def test_without_a_plate_the_coarse_mask_is_enlarged():
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 255
    found = refine(np.zeros((60, 60, 3), np.uint8), mask, None)
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
    plates = Plates(images, np.zeros(3))
    shown = np.concatenate([images[i : i + 1].repeat(b - a, 0) for i, (a, b) in enumerate(clips)])
    assert np.array_equal(plates.mean(clips), np.rint(shown.mean(0)))
    assert plates.apart == 8
    assert Plates(images[:1], np.zeros(1)).apart == 0
