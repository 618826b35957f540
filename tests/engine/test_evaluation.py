"""Parts of the evaluation against closed forms."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.capture import Split
from avatar_kit.engine.baselines import nearest_distances, nearest_frames
from avatar_kit.engine.held_out import person_boxes


def disc(height, width, x, y, radius):
    rows, columns = np.mgrid[:height, :width]
    return (((rows - y) ** 2 + (columns - x) ** 2 <= radius**2) * 255).astype(np.uint8)


@given(st.integers(20, 100), st.integers(20, 60), st.integers(5, 15))
def test_boxes_hold_the_person_and_have_one_size(x, y, radius):
    masks = [disc(80, 120, x, y, radius), disc(80, 120, 60, 40, 12), np.zeros((80, 120), np.uint8)]
    boxes = person_boxes(masks[:2], 0.1)
    sizes = boxes[:, 2:] - boxes[:, :2]
    assert (sizes == sizes[0]).all()
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=False):
        assert 0 <= left < right <= 120
        assert 0 <= top < bottom <= 80
        assert mask[top:bottom, left:right].sum() == mask.sum()


def test_an_empty_mask_means_the_whole_picture():
    assert person_boxes([np.zeros((40, 60), np.uint8)], 0.0).tolist() == [[0, 0, 60, 40]]


def test_the_nearest_pose_is_found_as_a_plain_search_finds_it():
    generator = torch.Generator().manual_seed(0)
    known = torch.randn(20, 7, 3, generator=generator)
    wanted = torch.randn(5, 7, 3, generator=generator)
    frames = list(range(100, 120))
    expected, away = [], []
    for pose in wanted.numpy():
        distance = [np.linalg.norm(k - pose, axis=1).mean() for k in known.numpy()]
        expected.append(frames[int(np.argmin(distance))])
        away.append(min(distance))
    np.testing.assert_allclose(nearest_distances(known, wanted), away, rtol=1e-6)
    split = Split(tuple(frames), ("a",))
    assert nearest_frames(split, known, wanted, ["a"] * len(wanted)) == expected
    assert nearest_frames(split, known, known[[3, 11]], ["a", "a"]) == [103, 111]
    halves = Split(tuple(frames), ("a", "b"), (range(110), range(110, 120)))
    found = nearest_frames(halves, known, known[[3, 11, 3]], ["a", "b", "b"])
    assert found[:2] == [103, 111] and found[2] >= 110
