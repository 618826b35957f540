"""What is seen of people in videos that go wrong: real clips, spoiled."""

import numpy as np
import pytest
from scipy import ndimage

from avatar_kit.errors import UserError
from avatar_kit.io.read_options import ReadOptions
from avatar_kit.io.video import read_video
from avatar_kit.registry import catalog
from avatar_kit.tracking.heading import AS_READ, find_heading, wrapped
from avatar_kit.tracking.observe import decode, observe
from avatar_kit.tracking.scene import find_scene
from avatar_kit.tracking.stages import Silent, Stages, digest
from avatar_kit.tracking.tracks import Tracks
from avatar_kit.tracking.watch import watch
from tests.conftest import shared_file

pytest.importorskip("mediapipe")
pytestmark = pytest.mark.slow


@pytest.fixture
def look(tmp_path, monkeypatch):
    """A function that observes a file; the stages it kept them in."""
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path))

    def look(name, person=None, rotate=0):
        options = ReadOptions(rotate=rotate)
        reader = decode(shared_file(f"video/wild/{name}"), options, Silent())
        kept = Stages(digest(reader.files, options.record()), Silent())
        tracker = catalog().get("tracker", catalog().default("tracker"))
        (observed,) = observe([reader], tracker, [kept], person)
        return observed, kept

    return look


@pytest.mark.parametrize("name", ["faceblur.mp4", "facehidden.mp4"])
def test_a_person_whose_face_is_hidden_is_not_turned_around(look, name):
    seen, _ = look(name)
    yaw = np.degrees(find_heading(seen.tracks, seen.clips, 30.0).yaw)
    assert np.abs(yaw[:20]).max() < 40  # she faces the camera, and then turns a little
    assert np.abs(yaw).max() < 110
    assert any("left and right" in note for note in seen.notes)


def test_two_people_are_refused_and_either_can_be_chosen(look):
    with pytest.raises(
        UserError, match="person 1 in frames 0-35, 72-107; person 2 in frames 36-71"
    ):
        look("concat2p.mp4")
    assert look("concat2p.mp4", "1")[0].frames.tolist() == [*range(36), *range(72, 108)]
    seen, kept = look("concat2p.mp4", "2")
    assert seen.frames.tolist() == list(range(36, 72))
    other, others = look("concat2p.mp4", "1")
    plates = [find_scene(s, k).plates for s, k in ((seen, kept), (other, others))]
    assert [len(p) for p in plates] == [1, 2]


def test_a_picture_on_its_side_is_said_and_can_be_turned(look):
    assert any(note.endswith("--rotate 270") for note in look("sideways.mp4")[0].notes)
    upright = look("sideways.mp4", rotate=270)[0]
    assert not any("--rotate" in note for note in upright.notes)


def test_a_picture_that_stands_is_no_dissolve(look):
    seen, _ = look("freeze.mp4")
    assert [note for note in seen.notes if "dissolve" in note or "cut" in note] == [
        "dissolve, frames 117 to 126 dropped"
    ]


def test_a_camera_that_moves_is_said(look):
    scene = find_scene(*look("shake.mp4"))
    assert not scene.believed
    assert "the camera moves" in scene.notes()[0]


def test_a_turn_with_the_face_blurred_throughout_is_the_same_turn():
    """The tracker takes front for back in half of the frames; hands, knees and feet tell."""
    frames = list(read_video(shared_file("video/turntable_dress.mp4")))[::3]
    component = catalog().get("tracker", catalog().default("tracker"))
    tracker = component.load()(component.config(type=component.name))

    def tracked(pictures):
        found = watch(tracker, pictures, lambda done: None)
        return Tracks(**{name: found[name] for name in Tracks.__dataclass_fields__})

    def blurred(picture, points):
        (x, y), r = points[:5].mean(0), int(0.055 * np.ptp(points[:21, 1])) + 8
        part = (slice(max(0, int(y) - r), int(y) + r), slice(max(0, int(x) - r), int(x) + r))
        picture = picture.copy()
        picture[part] = ndimage.uniform_filter(picture[part].astype(float), (r, r, 1))
        return picture

    clear, clips = tracked(frames), [(0, len(frames))]
    truth = find_heading(clear, clips, 10.0)
    hidden = tracked([blurred(f, p) for f, p in zip(frames, clear.body, strict=True)])
    found = find_heading(hidden, clips, 10.0)
    assert (truth.way == AS_READ).all()
    assert (hidden.face_confidence > 0).mean() < 0.05
    assert (found.way != AS_READ).mean() > 0.2
    off = np.degrees(np.abs(wrapped(found.yaw - truth.yaw)))
    assert np.median(off) < 10
    assert np.quantile(off, 0.9) < 30
