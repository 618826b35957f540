"""Key frames, against brute force."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from avatar_kit_anr.keyframes import greedy_cover, key_frames, visible_texels
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_kit.scene import PosedBody


def test_each_choice_adds_the_most():
    seen = np.zeros((4, 10), bool)
    seen[0, :5] = True
    seen[1, 4:9] = True  # adds four after row 0
    seen[2, :4] = True  # adds nothing after row 0
    seen[3, 8:] = True
    assert greedy_cover(seen, 3) == [0, 1, 3]


def test_when_all_is_covered_it_begins_again():
    seen = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0]], bool)
    assert greedy_cover(seen, 3) == [0, 1, 2]


def test_frames_that_see_nothing_are_still_distinct():
    assert sorted(greedy_cover(np.zeros((4, 6), bool), 4)) == [0, 1, 2, 3]


@settings(deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(2, 7), st.integers(1, 12))))
def test_greedy_reaches_its_guarantee(seen):
    """Greedy cover reaches 1 - 1/e of the best cover of the same size."""
    count = max(1, len(seen) // 2)
    chosen = greedy_cover(seen, count)
    assert len(set(chosen)) == count
    best = max(seen[list(c)].any(0).sum() for c in combinations(range(len(seen)), count))
    assert seen[chosen].any(0).sum() >= (1 - 1 / np.e) * best - 1e-9


def test_a_square_seen_whole_shows_all_texels(context):
    seen = visible_texels(context([0, 5]), 16)
    assert seen.shape == (2, 256) and seen.mean() > 0.98


def test_half_out_of_the_picture_shows_half_the_texels(context):
    scene = context([0])
    points = scene.body.vertices - scene.body.vertices.mean(1, keepdim=True)
    edge = torch.tensor([4.0 * np.tan(np.radians(17.5)), 0.0, 0.0])
    body = scene.body
    moved = PosedBody(
        points + edge.float(), body.joints, body.bone_transforms, body.hands, body.topology
    )
    seen = visible_texels(replace(scene, body=moved), 16)
    seen = seen.reshape(16, 16)
    assert seen[:, :7].all() and not seen[:, 9:].any()


def test_key_frames_are_a_tenth_and_sorted(samples):
    found = key_frames(samples(range(10)), 0.3, 16)
    assert len(found) == 3 and found == sorted(set(found))
    assert len(key_frames(samples(range(2)), 0.5, 16)) == 1
