import os

import numpy as np
import pytest
from avatar_kit_mediapipe.landmarks import (
    PALM_METRES,
    body_points,
    hand_points,
    seen_from_behind,
    trusted_hands,
)
from avatar_kit_mediapipe.people import Person, distinct, everybody, paint_over
from avatar_kit_mediapipe.quiet import quiet

from avatar_kit.scene.joints import BODY_KEYPOINTS

#: MediaPipe's own order of the pose landmarks that are used.
MEDIAPIPE = {
    "nose": 0, "left_eye": 2, "right_eye": 5, "left_ear": 7, "right_ear": 8, "left_shoulder": 11,
    "right_shoulder": 12, "left_elbow": 13, "right_elbow": 14, "left_wrist": 15, "right_wrist": 16,
    "left_hip": 23, "right_hip": 24, "left_knee": 25, "right_knee": 26, "left_ankle": 27,
    "right_ankle": 28, "left_heel": 29, "right_heel": 30, "left_big_toe": 31, "right_big_toe": 32,
}  # fmt: skip


def pose(behind=False):
    numbers = np.arange(33)
    image = np.stack([numbers / 100 + 0.1, numbers / 200 + 0.2, numbers * 0, numbers * 0 + 0.9], 1)
    world = np.zeros((33, 4))
    world[11, 0], world[12, 0] = (-0.2, 0.2) if behind else (0.2, -0.2)
    return image, world


def test_every_key_point_comes_from_its_landmark():
    image, world = pose()
    pixels, confidence, _ = body_points(image, world, True, 200, 400)
    for i, name in enumerate(BODY_KEYPOINTS):
        if name in MEDIAPIPE:
            np.testing.assert_allclose(
                pixels[i], image[MEDIAPIPE[name], :2] * (200, 400), rtol=1e-6
            )
            assert confidence[i] == pytest.approx(0.9)
        else:
            assert "small_toe" in name
            assert confidence[i] == 0


def test_a_face_from_behind_is_an_invention():
    confidence = [body_points(*pose(behind), False, 200, 400)[1] for behind in (True, False)]
    assert confidence[0][:3].max() == 0
    assert 0 < confidence[0][3:5].max() < confidence[1][3:5].max()
    assert 0 < confidence[1][0] < 0.9
    assert confidence[0][5] == pytest.approx(0.9)
    assert seen_from_behind(body_points(*pose(True), False, 200, 400)[2])


def test_points_outside_the_picture_are_not_seen():
    image, world = pose()
    image[27, 1] = 1.2
    confidence = body_points(image, world, True, 200, 400)[1]
    assert confidence[BODY_KEYPOINTS.index("left_ankle")] == 0


def test_a_hand_has_a_palm_of_human_size():
    hand = np.random.default_rng(0).random((21, 4))
    pixels, metres = hand_points(hand, 640, 480)
    np.testing.assert_allclose(pixels, hand[:, :2] * (640, 480), rtol=1e-6)
    assert np.linalg.norm(metres[9] - metres[0]) == pytest.approx(PALM_METRES, rel=1e-5)


def test_hands_far_from_their_wrist_or_on_one_hand_are_not_trusted():
    body, sure = np.zeros((23, 2)), np.full(23, 0.9)
    body[9], body[10] = (100, 100), (300, 100)
    hands = np.stack([np.full((21, 2), 100.0), np.full((21, 2), [300.0, 100.0])])
    both = np.array([True, True])
    assert (trusted_hands(hands, both, body, sure, 20) > 0.8).all()
    assert (trusted_hands(hands[::-1], both, body, sure, 20) == 0).all()
    body[10] = (104, 100)
    same = np.stack([hands[0], hands[0] + 1])
    assert (trusted_hands(same, both, body, sure, 20) > 0).sum() == 1
    assert (trusted_hands(hands, np.zeros(2, bool), body, sure, 20) == 0).all()


def test_two_detections_of_one_person_are_one():
    large, echo = Person((100, 200), 150.0), Person((120, 210), 140.0)
    other = Person((400, 200), 120.0)
    assert distinct([large, echo, other]) == [large, other]


def test_beside_one_person_is_looked_again_and_places_are_of_the_whole_picture():
    large, small = Person((150.0, 200.0), 150.0), Person((430.0, 200.0), 60.0)
    shown = []

    def detect(picture):
        shown.append(picture.shape[1])
        if len(shown) == 1:
            return [large]
        return [Person((430.0 - 232.0, 200.0), 60.0)] if picture.shape[1] == 600 - 232 else []

    assert everybody(detect, np.zeros((400, 600, 3), np.uint8)) == [large, small]
    assert shown == [600, 600 - 232]  # to her left there is no room


def test_the_smaller_person_is_painted_over_and_the_larger_kept():
    frame = np.full((400, 600, 3), 200, np.uint8)
    people = [Person((150, 200), 150.0), Person((430, 200), 100.0)]
    frame[100:300, 120:180], frame[120:280, 410:450] = (10, 20, 30), (90, 10, 10)
    painted = paint_over(frame, people)
    np.testing.assert_array_equal(painted[100:300, 120:180], frame[100:300, 120:180])
    assert (painted[:, 400:460] == 200).all()
    assert paint_over(frame, people[:1]) is frame


def test_quiet_swallows_what_libraries_write_and_lets_it_through_again(capfd):
    os.write(2, b"before ")
    with quiet():
        os.write(2, b"noise ")
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"


def test_quiet_lets_errors_through():
    with pytest.raises(ValueError, match="real"), quiet():
        raise ValueError("real")
