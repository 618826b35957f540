"""The tracker of the Tasks API: against Holistic, against itself, and where its models are not."""

from itertools import islice

import numpy as np
import pytest
from avatar_kit_mediapipe.config import MediapipeTasksConfig
from avatar_kit_mediapipe.models import FACE_LANDMARKER, POSE_LANDMARKER
from avatar_kit_mediapipe.quiet import quiet
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.errors import MissingModels, Unavailable
from avatar_kit.io.model_files import add_model
from avatar_kit.io.video import read_video
from avatar_kit.registry import catalog
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking import Options, prepare_video
from tests.conftest import shared_file, shared_model

pytest.importorskip("mediapipe")

WRISTS = [BODY_KEYPOINTS.index(f"{side}_wrist") for side in ("left", "right")]


def loaded(name: str):
    """A tracker as configured by default; skips where it cannot run here."""
    component = catalog().get("tracker", name)
    try:
        return component.load()(component.config())
    except Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def tracker():
    return loaded("mediapipe_tasks")


def clip(name: str, frames: range) -> list[np.ndarray]:
    pictures = islice(read_video(shared_file(f"video/{name}.mp4")), frames.start, frames.stop)
    return [np.ascontiguousarray(picture) for picture in pictures]


def tall(track) -> float:
    """The person's height in pixels."""
    return float(np.ptp(track.body[track.body_confidence > 0.3, 1]))


def test_missing_models_are_named_at_once_before_the_work(monkeypatch, tmp_path):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))
    component = catalog().get("tracker", "mediapipe_tasks")
    names = [model.name for model in MediapipeTasksConfig.needs]
    with pytest.raises(MissingModels) as refused:
        component.load()
    assert str(refused.value).endswith(f"run  avatar-kit models get {' '.join(names)}")
    add_model(shared_model(FACE_LANDMARKER.name), MediapipeTasksConfig.needs)
    assert component.missing_models() == [n for n in names if n != FACE_LANDMARKER.name]


def test_a_video_is_refused_before_it_is_tracked(monkeypatch, tmp_path):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MissingModels):
        prepare_video(
            shared_file("video/jumping_jacks.mp4"),
            tmp_path / "out",
            Options(tracker="mediapipe_tasks"),
        )
    assert not (tmp_path / "out").exists()


def test_it_sees_what_holistic_sees(tracker):
    other = loaded("mediapipe")
    apart = []
    for name, frames in (("turntable_dress", range(3)), ("jumping_jacks", range(60, 63))):
        pictures = clip(name, frames)
        for found, wanted in zip(tracker.track(pictures), other.track(pictures), strict=True):
            seen = np.minimum(found.body_confidence, wanted.body_confidence) > 0.5
            assert seen.sum() > 15
            off = np.linalg.norm(found.body - wanted.body, axis=1) / tall(wanted)
            metres = np.linalg.norm(found.body_world - wanted.body_world, axis=1)
            apart += list(np.stack([off, metres], 1)[seen])
            a, b = found.mask > 127, wanted.mask > 127
            assert (a & b).sum() > 0.93 * (a | b).sum()
            hands = (found.hands_confidence > 0) & (wanted.hands_confidence > 0)
            between = np.linalg.norm(found.hands - wanted.hands, axis=-1).mean(-1) / tall(wanted)
            assert (between[hands] < 0.03).all()
            assert found.people == wanted.people == 1
    in_picture, in_space = np.median(apart, axis=0)
    assert in_picture < 0.01
    assert in_space < 0.05


def test_a_real_person_is_found_whole(tracker):
    tracks = list(tracker.track(clip("turntable_dress", range(3))))
    last = tracks[-1]
    assert last.body_confidence[:21].min() > 0.5
    assert last.face.shape == (478, 2)
    assert last.face_confidence == 1
    assert np.linalg.norm(last.face.mean(0) - last.body[0]) < 0.03 * tall(last)
    assert last.hands_confidence.min() > 0.5
    for side, wrist in enumerate(WRISTS):
        assert np.linalg.norm(last.hands[side, 0] - last.body[wrist]) < 0.04 * tall(last)
    assert np.isfinite(last.seen_face.blendshapes).all()
    assert tracker.expressions(tracks).shape == (3, 52)


def test_fast_wrists_are_not_smoothed(tracker, monkeypatch):
    """In a jump they are nearer to what a look at each frame alone finds than with the filter."""
    from avatar_kit_mediapipe.tasks import person

    frames, wrists = clip("jumping_jacks", range(85, 92)), [15, 16]
    height, width = frames[0].shape[:2]

    def followed(reset: bool) -> np.ndarray:
        found = []
        with quiet():
            follower = person.Follower(POSE_LANDMARKER.genuine(), 0.5, 0.5)
            for frame in frames:
                if reset:
                    follower.reset()
                found.append(follower.follow(frame).image[wrists, :2] * (width, height))
        return np.stack(found)

    alone, ours = followed(reset=True), followed(reset=False)
    monkeypatch.setattr(person, "_STEP", 33)  # as the video has it
    filtered = followed(reset=False)
    lag, lag_filtered = (np.linalg.norm(f - alone, axis=-1).mean() for f in (ours, filtered))
    assert lag < 0.5 * lag_filtered


def test_of_two_people_the_larger_is_taken(tracker):
    large, small = clip("jumping_jacks", range(1))[0], clip("turntable_dress", range(1))[0]
    room = np.full((720, 1100, 3), 235, np.uint8)
    room[:, :800] = large[:, 240:1040]
    room[230:700, 740:1100] = small[::2, ::2][:470, :360]
    tracker.reset()
    track = tracker.stream(room)
    assert track.people == 2
    tracker.reset()
    alone = tracker.stream(large).body[0] - (240, 0)
    assert np.linalg.norm(track.body[0] - alone) < 15
    assert (track.mask[:, 820:] > 127).mean() < 0.005


def test_live_looks_once_for_a_hand():
    config = MediapipeTasksConfig()
    assert config.live().retry_hands is False
    assert config.live().model_copy(update={"retry_hands": True}) == config


@given(st.floats(-50, 250), st.floats(-50, 150), st.floats(1, 400))
def test_a_square_is_a_part_of_the_picture(x, y, edge):
    from avatar_kit_mediapipe.tasks.inputs import square

    frame = np.arange(100 * 200 * 3, dtype=np.uint32).reshape(100, 200, 3)
    cut = square(frame, np.array([x, y]), edge)
    left, right = max(x - edge / 2, 0), min(x + edge / 2, 200)
    top, bottom = max(y - edge / 2, 0), min(y + edge / 2, 100)
    if cut is None:
        assert min(right - left, bottom - top) < 16
        return
    crop, (i, j) = cut
    height, width = crop.shape[:2]
    np.testing.assert_array_equal(crop, frame[j : j + height, i : i + width])
    assert abs(i - left) <= 1 and abs(j - top) <= 1
    assert abs(i + width - right) <= 1 and abs(j + height - bottom) <= 1


@pytest.mark.slow  # the film is drawn first
def test_hands_of_a_film_are_found_where_they_are(tracker, film):
    errors, found = [], 0
    for i, track in enumerate(tracker.track(film.frames)):
        true = film.pixels[i, 23:].reshape(2, 21, 2)
        off = np.linalg.norm(track.hands - true, axis=-1).mean(-1) / film.tall[i]
        errors += list(off[track.hands_confidence > 0])
        found += int((track.hands_confidence > 0).sum())
    assert found >= len(film.frames)  # of twice as many, some behind the body
    assert np.mean(errors) < 0.015
    assert np.max(errors) < 0.05
