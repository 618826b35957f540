from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avatar_kit.errors import UserError
from avatar_kit.tracking.figures import Figures, judge
from avatar_kit.tracking.observe import without_smears
from avatar_kit.tracking.place import static_camera
from avatar_kit.tracking.watch import check_person, crowd_note, cut_parts, seen, shrink
from tests.tracking.stick_person import StickBody, observed, turning_person


@pytest.fixture(scope="module")
def tracks():
    body = StickBody()
    points = body.keypoints(body.from_motion(turning_person(20), torch.tensor([0.5])))
    return observed(points, static_camera(600, 800)[0])


def test_a_whole_person_is_whole(tracks):
    assert cut_parts(tracks, 600, 800) == {}
    assert seen(tracks).all()
    assert crowd_note(tracks) == ""
    check_person(tracks, Path("me.mp4"))


def test_a_person_cut_by_the_frame_is_named_and_not_fit(tracks):
    cut = cut_parts(tracks, 600, int(np.median(tracks.body[:, 15, 1])) - 60)
    assert set(cut) == {"feet"}
    assert cut["feet"] > 0.9
    verdict, reasons = judge(good_figures(), cut)
    assert verdict == "not fit"
    assert "feet are outside the picture" in reasons[0]
    assert "step back" in reasons[0]


def test_frames_after_damage_are_left_out_unless_they_are_too_many():
    good = np.ones(20, bool)
    good[:3] = False
    kept, notes = without_smears(good, [])
    assert (kept == good).all() and notes == []
    kept, notes = without_smears(good, [1, 2, 9, 10, 11])
    assert np.flatnonzero(kept).tolist() == [*range(3, 9), *range(12, 20)]
    assert notes == ["3 frames after the damage dropped, because they may be smeared"]
    kept, notes = without_smears(good, list(range(8, 20)))
    assert (kept == good).all()
    assert "12 frames after the damage may be smeared, too many to drop" in notes[0]


def test_no_person_is_an_error_that_says_what_to_film(tracks):
    empty = replace(tracks, body_confidence=tracks.body_confidence * 0)
    with pytest.raises(UserError, match=r"me\.mp4: no person found .* film one person"):
        check_person(empty, Path("me.mp4"))


def test_two_people_are_said(tracks):
    people = np.ones(20, dtype=int)
    people[4:] = 2
    note = crowd_note(replace(tracks, people=people))
    assert "2 people" in note
    assert "frame 4" in note
    assert "larger" in note


def good_figures(**changed) -> Figures:
    values = dict.fromkeys(Figures.__dataclass_fields__, 1.0)
    values |= {"frames": 300, "person_pixels": 800, "error": 0.4, "iou": 0.82, "face": 0.8}
    values["burnt_in"] = 0.0
    return Figures(**(values | changed))


@pytest.mark.parametrize(
    ("changed", "verdict", "words"),
    [
        ({}, "fit for training", None),
        ({"error": 1.2}, "usable", "1.20 % of the height"),
        ({"error": 3.0}, "not fit", "even light"),
        ({"iou": 0.6}, "usable", "overlap 0.60"),
        ({"person_pixels": 200}, "usable", "200 pixels high"),
        ({"frames": 10}, "not fit", "only 10 frames"),
        ({"burnt_in": 0.003}, "usable", "text, a logo or a bar covers part of the person"),
        ({"face": 0.0}, "usable", "a face is visible in only 0% of the frames"),
    ],
)
def test_verdicts_have_reasons_and_advice(changed, verdict, words):
    found, reasons = judge(good_figures(**changed), {})
    assert found == verdict
    assert len(reasons) == (words is not None)
    assert words is None or words in reasons[0]


def test_shrunk_masks_keep_their_share():
    mask = np.zeros((900, 700), np.uint8)
    mask[:, :350] = 255
    small = shrink(mask)
    assert max(small.shape) <= 384
    assert small.mean() == pytest.approx(mask.mean(), rel=0.02)


def test_what_could_not_be_measured_is_null_in_the_record():
    record = good_figures(hand_error=float("nan")).rounded()
    assert record["hand_error"] is None
    assert record["iou"] == 0.82
