from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.identity import appearance, changes, difference, people
from avatar_kit.tracking.one_person import in_box, one_person
from avatar_kit.tracking.place import static_camera
from avatar_kit.tracking.watch import lying_note
from tests.tracking.stick_person import StickBody, observed, turning_person

SIZE = (600, 800)
ANNA, BEN = (200, 60, 90), (40, 60, 160)


@pytest.fixture(scope="module")
def tracks():
    body = StickBody()
    points = body.keypoints(body.from_motion(turning_person(60, 6.0), torch.tensor([0.5])))
    found = observed(points, static_camera(*SIZE)[0])
    return replace(found, masks=np.full((60, 384, 288), 255, np.uint8))


def filmed(tracks, shirts, gain=1.0):
    """Small pictures in which all is trousers below the hips and the shirt of a frame above."""
    pictures = np.zeros((len(tracks), 160, 120, 3), np.float32)
    hips = tracks.body[:, BODY_KEYPOINTS.index("left_hip"), 1] * 160 / SIZE[1]
    rows = np.arange(160)[None, :, None, None]
    above = rows < hips[:, None, None, None]
    shirt = np.array(shirts, np.float32)[:, None, None]
    trousers = np.array([50, 50, 55], np.float32)
    return np.where(above, shirt, trousers).clip(0, 255) * gain + 0 * pictures


def test_the_same_clothes_are_the_same_person_in_any_light(tracks):
    one = appearance(tracks, filmed(tracks, [ANNA] * 60), SIZE[0])
    other = appearance(tracks, filmed(tracks, [ANNA] * 60, gain=1.15), SIZE[0])
    assert difference(one[3], other[40]) < 25
    assert people(np.concatenate([one, other]), [(0, 60), (60, 120)]) == [0, 0]


def test_another_shirt_after_a_cut_is_another_person(tracks):
    looks = appearance(tracks, filmed(tracks, [ANNA] * 20 + [BEN] * 20 + [ANNA] * 20), SIZE[0])
    assert people(looks, [(0, 20), (20, 40), (40, 60)]) == [0, 1, 0]


def test_who_turns_around_in_one_clip_is_known_from_both_sides(tracks):
    front, back = ANNA, BEN  # a shirt that is red in front and blue behind
    shirts = [front] * 20 + [back] * 20 + [front] * 10 + [back] * 10
    looks = appearance(tracks, filmed(tracks, shirts), SIZE[0])
    assert people(looks, [(0, 20), (20, 40), (40, 60)]) == [0, 0, 0]


def test_somebody_who_walks_in_is_noticed_and_a_turn_is_not(tracks):
    looks = appearance(tracks, filmed(tracks, [ANNA] * 30 + [BEN] * 30), SIZE[0])
    assert changes(tracks, looks, [(0, 60)]) == []  # at the same place: a shirt of two colours
    body = tracks.body.copy()
    body[30:, :, 0] += 150
    moved = replace(tracks, body=body)
    looks = appearance(moved, filmed(moved, [ANNA] * 30 + [BEN] * 30), SIZE[0])
    assert changes(moved, looks, [(0, 60)]) == [30]
    same = appearance(moved, filmed(moved, [ANNA] * 60), SIZE[0])
    assert changes(moved, same, [(0, 60)]) == []


def shown(*shirts):
    """[T, 3, 3] looks at people in shirts, one after another."""
    trousers = np.full((2, 3), 50.0)
    return np.stack([np.concatenate([np.array([shirt], float), trousers]) for shirt in shirts])


def test_several_people_are_refused_unless_it_is_said_who_is_meant():
    ranges = [(0, 36), (36, 72), (72, 108)]
    video = [(Path("us.mp4"), ranges, shown(*[ANNA] * 36, *[BEN] * 36, *[ANNA] * 36))]
    with pytest.raises(
        UserError, match=r"us\.mp4: shows 2 people .*person 1 in frames 0-35, 72-107"
    ):
        one_person(video, None)
    assert one_person(video, "1")[0] == [[(0, 36), (72, 108)]]
    kept, notes = one_person(video, "2")
    assert kept == [[(36, 72)]]
    assert "person 2 is used" in notes[0]
    assert one_person(video, "all") == ([ranges], [])
    for wrong in ("3", "0", "me"):
        with pytest.raises(UserError, match="expected 1 to 2, or all"):
            one_person(video, wrong)
    assert one_person([(Path("me.mp4"), ranges, shown(*[ANNA] * 108))], None) == ([ranges], [])
    assert one_person([(Path("me.mp4"), [], shown(ANNA))], None) == ([[]], [])


def test_the_same_person_is_asked_of_all_videos():
    one = (Path("x/a.mp4"), [(0, 20), (22, 40)], shown(*[ANNA] * 40))
    same = (Path("x/b.mp4"), [(0, 30)], shown(*[ANNA] * 30))
    other = (Path("x/c.mp4"), [(5, 30)], shown(*[BEN] * 30))
    assert one_person([one, same], None) == ([[(0, 20), (22, 40)], [(0, 30)]], [])
    words = (
        r"x/a\.mp4, x/c\.mp4: show 2 people one after another \(person 1 in frames 0-19, 22-39 of "
        r"a\.mp4; person 2 in frames 5-29 of c\.mp4\)"
    )
    with pytest.raises(UserError, match=words):
        one_person([one, other], None)
    with pytest.raises(UserError, match=r"x/c\.mp4: does not show person 1 .*; omit this video"):
        one_person([one, other], "1")
    assert one_person([one, other], "all")[0] == [one[1], other[1]]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_picture_that_was_turned_is_said_with_what_turns_it_back(tracks, degrees):
    """The note names the clockwise turn that makes the person stand: that of numpy is the other."""
    x, y = tracks.body[..., 0], tracks.body[..., 1]
    turned = {  # what is seen if the picture was turned so far counterclockwise
        0: np.stack([x, y], -1),
        90: np.stack([y, SIZE[0] - x], -1),
        180: np.stack([SIZE[0] - x, SIZE[1] - y], -1),
        270: np.stack([SIZE[1] - y, x], -1),
    }[degrees]
    note = lying_note(replace(tracks, body=turned))
    assert note.endswith(f"--rotate {degrees}") if degrees else note == ""


def test_a_box_says_who_is_meant():
    ranges = [(0, 20), (20, 40)]
    video = (Path("us.mp4"), ranges, shown(*[ANNA] * 20, *[BEN] * 20))
    kept, notes = one_person([video], None, [True])
    assert kept == [[(0, 20)]] and "person 1 is used" in notes[0]
    assert one_person([video], "all", [True])[0] == [ranges]
    other = (Path("b.mp4"), [(0, 30)], shown(*[BEN] * 30))
    with pytest.raises(UserError, match="show 2 people"):
        one_person([video, other], None, [True, True])
    assert one_person([other, video], None, [True, False])[0] == [[(0, 30)], [(20, 40)]]


@given(st.lists(st.tuples(*[st.integers(0, 500)] * 2), min_size=1, max_size=4, unique=True))
def test_everybody_is_found_by_her_own_box(places):
    boxes = np.array([(x, y, x + 60, y + 180) for x, y in places], float)
    for k, (x, y) in enumerate(places):
        assert in_box(boxes, (x, y, 60, 180), Path("a.mp4")) == k
    with pytest.raises(UserError, match=r"a\.mp4: --box 900,0,50,50 has nobody in its middle"):
        in_box(boxes, (900, 0, 50, 50), Path("a.mp4"))


def test_the_boxes_that_are_there_are_named():
    boxes = np.array([(10, 20, 110, 220), (300, 0, 350, 90)], float)
    with pytest.raises(UserError, match=r"people at 10,20,100,200 and 300,0,50,90$"):
        in_box(boxes, (0, 0, 5, 5), Path("a.mp4"))
    with pytest.raises(UserError, match="people at no place"):
        in_box(np.zeros((0, 4)), (0, 0, 5, 5), Path("a.mp4"))
