import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.tracking.clips import Transition, find_transitions, split_clips, thumbnail


def scene(frames: int, level: float, phase: float, seed: int):
    """A disc that wanders over a still, structured background, and its masks."""
    rng = np.random.default_rng(seed)
    plate = level + 20 * rng.random((18, 32, 1, 1, 3)).repeat(4, 2).repeat(4, 3)
    plate = plate.transpose(0, 2, 1, 3, 4).reshape(72, 128, 3)
    rows, columns = np.mgrid[:72, :128]
    images, masks = [], []
    for t in range(frames):
        x, y = 64 + 25 * np.sin(0.2 * t + phase), 36 + 8 * np.cos(0.15 * t)
        inside = (columns - x) ** 2 / 10**2 + (rows - y) ** 2 / 20**2 < 1
        image = np.where(inside[..., None], np.array([60.0, 30.0, 90.0]), plate)
        images.append(image + rng.normal(0, 0.4, image.shape))
        masks.append(inside.astype(float))
    return np.array(images, dtype=np.float32), np.array(masks, dtype=np.float32)


def test_one_clip_has_no_transitions():
    assert find_transitions(*scene(90, 120, 0, 0)) == []


def test_a_cut_is_found_to_the_frame():
    a, b = scene(50, 120, 0, 0), scene(50, 150, 2, 1)
    found = find_transitions(np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]]))
    assert found == [Transition(50, 50)]
    assert split_clips(100, found) == [(0, 50), (50, 100)]


def test_all_frames_of_a_dissolve_are_dropped_and_few_others():
    a, b = scene(60, 120, 0, 0), scene(60, 150, 2.5, 1)
    mix = np.linspace(0, 1, 12)[1:-1]  # frames 50 to 59 show both
    blended = (1 - mix[:, None, None, None]) * a[0][50:] + mix[:, None, None, None] * b[0][:10]
    masks = np.where(mix[:, None, None] < 0.5, a[1][50:], b[1][:10])  # a tracker sees the stronger
    found = find_transitions(
        np.concatenate([a[0][:50], blended, b[0][10:]]),
        np.concatenate([a[1][:50], masks, b[1][10:]]),
    )
    assert len(found) == 1
    assert found[0].first <= 51
    assert found[0].first >= 46
    assert found[0].last >= 59
    assert found[0].last <= 64
    assert "dissolve" in str(found[0])


def test_slow_changes_of_light_are_no_transition():
    images, masks = scene(100, 120, 0, 0)
    light = 6 * np.sin(np.arange(100) / 8)
    assert find_transitions(images + light[:, None, None, None].astype(np.float32), masks) == []


def test_an_exposure_that_jumps_is_no_transition():
    images, masks = scene(100, 120, 0, 0)
    images[50:] = images[50:] * 1.12 + 4
    assert find_transitions(images, masks) == []


def test_a_picture_that_stands_for_a_while_is_no_transition():
    images, masks = scene(60, 120, 0, 0)
    slow = images + np.linspace(0, 12, 60, dtype=np.float32)[:, None, None, None]
    stands = np.concatenate([np.arange(30), np.full(60, 29), np.arange(30, 60)])
    assert find_transitions(slow[stands], masks[stands]) == []


def test_a_cut_after_a_picture_that_stands_is_found_to_the_frame():
    a, b = scene(50, 120, 0, 0), scene(50, 150, 2, 1)
    stands = np.concatenate([np.arange(20), np.full(40, 19), np.arange(20, 100)])
    images, masks = (np.concatenate([x, y])[stands] for x, y in zip(a, b, strict=True))
    assert find_transitions(images, masks) == [Transition(90, 90)]


@given(
    st.integers(1, 200),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 9)), max_size=4),
    st.lists(st.integers(0, 200), max_size=3),
)
def test_clips_hold_every_frame_outside_transitions_once(frames, cuts, gaps):
    transitions = [Transition(min(a, frames), min(a + n, frames)) for a, n in cuts]
    clips = split_clips(frames, transitions, [g for g in gaps if g <= frames])
    kept = [t for a, b in clips for t in range(a, b)]
    dropped = {t for c in transitions for t in range(c.first, c.last)}
    assert kept == [t for t in range(frames) if t not in dropped]


def test_thumbnails_average_areas():
    image = np.zeros((320, 640, 3), dtype=np.uint8)
    image[:, 320:] = 200
    small = thumbnail(image)
    assert small.shape == (80, 160, 3)
    assert small[0, 79, 0] == 0
    assert small[0, 80, 0] == 200
