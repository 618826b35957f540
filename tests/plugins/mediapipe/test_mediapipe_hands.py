"""Hands against the true key points of the embedded capture."""

from dataclasses import replace

import numpy as np
import pytest
from avatar_kit_mediapipe import landmarks
from avatar_kit_mediapipe.hands import Hands, look_again
from avatar_kit_mediapipe.holistic.hand import TRIES, HandModel
from avatar_kit_mediapipe.quiet import quiet

from avatar_kit.scene.joints import BODY_KEYPOINTS

pytest.importorskip("mediapipe.python.solutions", reason="MediaPipe 0.10.21 is not here")
pytestmark = pytest.mark.slow  # the film is drawn first

NONE = Hands(np.zeros((2, 21, 2)), np.zeros((2, 21, 3)), np.zeros(2))


@pytest.fixture(scope="module")
def model():
    with quiet():
        return HandModel()


def body_of(film, frame):
    """Pixels, confidence and metres of a true body, as a tracker would give them."""
    space = film.space[frame, : len(BODY_KEYPOINTS)]
    hips = [BODY_KEYPOINTS.index(f"{s}_hip") for s in ("left", "right")]
    return film.pixels[frame, :23], np.full(23, 0.9), space - space[hips].mean(0)


def true_hands(film, frame):
    return film.pixels[frame, 23:].reshape(2, 21, 2)


def looked(film, model, frame, hands=NONE):
    with quiet():
        return look_again(
            model, film.frames[frame], hands, body_of(film, frame), 0.05 * film.tall[frame], TRIES
        )


def test_missing_hands_are_found_where_they_are(film, model):
    errors, found = [], 0
    for i in range(len(film.frames)):
        hands = looked(film, model, i)
        off = np.linalg.norm(hands.pixels - true_hands(film, i), axis=-1).mean(-1) / film.tall[i]
        errors += list(off[hands.confidence > 0])
        found += int((hands.confidence > 0).sum())
        assert not (hands.doubtful() & (hands.confidence > 0)).any()
    assert found >= len(film.frames)  # of twice as many, some behind the body
    assert np.mean(errors) < 0.012
    assert np.max(errors) < 0.04


def test_a_hand_that_is_known_stays_and_one_that_bends_the_wrong_way_is_looked_for(film, model):
    frame = next(i for i in range(8) if (looked(film, model, i).confidence > 0).all())
    good = looked(film, model, frame)
    assert looked(film, model, frame, good) is good
    wrong = replace(good, metres=good.metres * [1, 1, -1])  # the other way round
    bent = wrong.doubtful()
    assert bent.any()
    again = looked(film, model, frame, wrong)
    assert not again.doubtful()[bent].any()
    np.testing.assert_allclose(again.pixels[bent], good.pixels[bent], atol=0.01)


def test_the_model_tells_left_from_right_and_so_in_a_mirror(film, model):
    frame = next(i for i in range(8) if (looked(film, model, i).confidence > 0).all())
    pixels, _, _ = body = body_of(film, frame)
    scale = landmarks.pixels_per_metre(pixels, body[1], body[2])
    width = film.frames[frame].shape[1]
    for side, name in enumerate(("left", "right")):
        wrist, elbow = (pixels[BODY_KEYPOINTS.index(f"{name}_{j}")] for j in ("wrist", "elbow"))
        along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        centre, edge = wrist + 0.06 * scale * along, 0.22 * scale
        flip = np.array([-1, 1])
        with quiet():
            seen = model.find(film.frames[frame], centre, edge, along, mirror=False)
            other = model.find(
                np.ascontiguousarray(film.frames[frame][:, ::-1]),
                centre * flip + (width, 0), edge, along * flip, mirror=False,
            )  # fmt: skip
            back = model.find(film.frames[frame], centre, edge, along, mirror=True)
        assert seen[1] == (side == 0)
        assert other[1] != seen[1]
        assert back[1] == seen[1]
        assert np.linalg.norm(back[0][:, :2] - seen[0][:, :2], axis=1).mean() < 0.02 * scale


def test_hands_outside_the_picture_and_unseen_wrists_are_left_alone(film, model):
    pixels, sure, metres = body_of(film, 0)
    for body in ((pixels + 2000, sure, metres), (pixels, sure * 0.3, metres)):
        with quiet():
            assert look_again(model, film.frames[0], NONE, body, 20.0, TRIES) is NONE
    with quiet():
        nothing = model.find(np.full((80, 80, 3), 200, np.uint8), np.full(2, 40.0), 40.0,
                             np.array([0.0, 1.0]), mirror=False)  # fmt: skip
    assert nothing is None


def test_a_metre_is_as_large_as_the_camera_makes_it(film):
    for frame in range(8):
        scale = landmarks.pixels_per_metre(*body_of(film, frame))
        depth = film.space[frame, :23, 2].mean()
        # of points on a plane at this depth: a focal length over it
        near = film.pixels[frame, 0], film.space[frame, 0]
        focal = (near[0][1] - 256.0) / (near[1][1] / near[1][2])
        assert scale == pytest.approx(focal / depth, rel=0.1)
    assert landmarks.pixels_per_metre(np.zeros((23, 2)), np.zeros(23), np.zeros((23, 3))) == 0
