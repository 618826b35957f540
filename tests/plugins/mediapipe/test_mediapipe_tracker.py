from dataclasses import replace

import numpy as np
import pytest
from avatar_kit_mediapipe.hands import Hands, look_again
from avatar_kit_mediapipe.holistic.hand import TRIES, HandModel
from avatar_kit_mediapipe.people import Followed, Person
from avatar_kit_mediapipe.quiet import quiet
from PIL import Image

from avatar_kit.io.video import read_video
from avatar_kit.registry import catalog
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.heading import handedness
from tests.conftest import shared_file

pytest.importorskip("mediapipe.python.solutions", reason="MediaPipe 0.10.21 is not here")


@pytest.fixture(scope="module")
def tracker():
    component = catalog().get("tracker", "mediapipe")
    assert catalog().default("tracker") == "mediapipe"
    return component.load()(component.config())


def clip(name: str, frames: int) -> list[np.ndarray]:
    return [image for image, _ in zip(read_video(shared_file(name)), range(frames), strict=False)]


def test_an_empty_room_has_nobody(tracker):
    tracker.reset()
    track = tracker.stream(np.full((120, 160, 3), 200, np.uint8))
    assert track.people == 0
    assert track.body_confidence.max() == 0
    assert track.face_confidence == 0
    assert track.hands_confidence.max() == 0
    assert track.expression.max() == 0
    assert track.mask.shape == (120, 160)
    assert track.mask.max() == 0


def test_a_real_person_is_found_whole(tracker):
    frames = clip("video/turntable_dress.mp4", 4)
    tracks = list(tracker.track(iter(frames)))
    last = tracks[-1]
    at = {n: last.body[i] for i, n in enumerate(BODY_KEYPOINTS)}
    assert last.people == 1
    assert last.body_confidence[:21].min() > 0.5
    assert at["left_shoulder"][0] > at["right_shoulder"][0]  # she faces us
    assert at["nose"][1] < at["left_hip"][1] < at["left_knee"][1] < at["left_ankle"][1]
    assert last.face.shape == (478, 2)
    assert last.face_confidence == 1
    assert last.hands_confidence.min() > 0.5
    assert np.linalg.norm(last.hands[0, 0] - at["left_wrist"]) < 40
    assert 0.1 < (last.mask > 127).mean() < 0.3
    assert tracker.expressions(tracks).shape == (4, 52)


def test_the_same_frames_give_the_same_tracks(tracker):
    frames = clip("video/jumping_jacks.mp4", 3)
    first, second = ([t.body for t in tracker.track(iter(frames))] for _ in range(2))
    np.testing.assert_allclose(first, second, atol=1e-3)


def test_of_two_people_the_larger_is_taken(tracker):
    large = clip("video/jumping_jacks.mp4", 3)
    small = clip("video/turntable_dress.mp4", 3)
    tracks = []
    tracker.reset()
    for a, b in zip(large, small, strict=True):
        other = b[::2, ::2]  # half as tall
        room = np.full((720, 1100, 3), 235, np.uint8)
        room[:, :800] = a[:, 240:1040]
        room[230:700, 800 - 60 : 1100] = other[:, :][:470, :360]
        tracks.append(tracker.stream(room))
    assert tracks[-1].people == 2
    nose = tracks[-1].body[0]
    alone = list(tracker.track(iter(large)))[-1].body[0] - (240, 0)
    assert np.linalg.norm(nose - alone) < 15
    assert (tracks[-1].mask[:, 820:] > 127).mean() < 0.005


def test_a_hand_that_the_holistic_pass_misses_is_found_by_its_forearm(tracker):
    frame = clip("video/turntable_dress.mp4", 1)[0]
    tracker.reset()
    seen = tracker.stream(frame)
    assert (seen.hands_confidence > 0).all()
    with quiet():
        again = look_again(
            HandModel(),
            np.ascontiguousarray(frame),
            Hands(0 * seen.hands, 0 * seen.hands_world, 0 * seen.hands_confidence),
            (seen.body, seen.body_confidence, seen.body_world),
            40.0,
            TRIES,
        )
    tall = np.ptp(seen.body[seen.body_confidence > 0.3, 1])
    assert (again.confidence > 0).all()
    assert np.linalg.norm(again.pixels - seen.hands, axis=-1).mean() < 0.005 * tall


@pytest.mark.slow
def test_wrong_hands_become_rarer_and_no_hand_is_lost(tracker):
    frames = clip("video/jumping_jacks.mp4", 112)[88:]
    plain = type(tracker)(tracker.config.model_copy(update={"retry_hands": False}))
    found = []
    for each in (plain, tracker):
        tracks = list(each.track(iter(frames)))
        sure = np.stack([t.hands_confidence for t in tracks]) > 0
        made = handedness(np.stack([t.hands_world for t in tracks])) * [-1, 1]
        found.append((sure, sure & (made < 0)))
    (before, wrong_before), (after, wrong_after) = found
    assert after[before].all()
    assert after.sum() > before.sum()
    assert wrong_after.sum() < wrong_before.sum()


def two_people(frames: int) -> list[np.ndarray]:
    """A woman at the left and, smaller, another at the right, who jumps."""
    left = clip("video/turntable_dress.mp4", frames)
    right = clip("video/jumping_jacks.mp4", frames)
    pictures = []
    for one, other in zip(left, right, strict=True):
        small = np.asarray(Image.fromarray(other).resize((854, 480)))[:, 207:647]
        picture = np.full((940, 720 + 440, 3), 235, np.uint8)
        picture[:, :720] = one
        picture[300:780, 720:] = small
        pictures.append(picture)
    return pictures


def test_who_is_chosen_is_followed_whoever_is_larger(tracker):
    frames = two_people(8)
    tracker.reset()
    people = tracker.people(frames[0])
    assert len(people) == 2 and tracker.chooses
    for box, (low, high) in zip(people, ((0, 720), (720, 1160)), strict=True):
        tracker.reset()
        assert low < (box[0] + box[2]) / 2 < high  # the larger first
        tracker.follow(box)
        for frame in frames:
            track = tracker.stream(frame)
            hips = track.body[[BODY_KEYPOINTS.index(f"{s}_hip") for s in ("left", "right")]]
            assert ((hips[:, 0] > low) & (hips[:, 0] < high)).all()
            assert track.people == 2
    tracker.reset()
    assert tracker.stream(frames[0]).body[0, 0] < 720, "nobody is chosen any more"


def test_who_is_not_seen_for_a_while_is_not_taken_for_another():
    at = Person((100.0, 200.0), 100.0)
    other = Person((500.0, 200.0), 150.0)
    followed = Followed(at.box(800, 400))
    assert followed.first([other, at]) == [at, other]
    moved = replace(at, centre=(160.0, 200.0))
    assert followed.first([other, moved]) == [moved, other]
    for _ in range(Followed.LOOKS - 1):
        assert followed.first([other])[0] == moved  # her place is kept, the other painted over
    assert followed.first([other]) == [other]
    assert followed.first([moved, other]) == [other, moved]
