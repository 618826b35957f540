"""The viewer: what it opens, what its controls do to a pose, its pictures, and its loop."""

from types import SimpleNamespace

import numpy as np
import pytest
import roma
import torch
import viser

from avatar_kit.errors import UserError
from avatar_kit.io.motion import save_motion
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, SMPLX_JOINTS
from avatar_kit.testing.capture import small_capture
from avatar_kit.testing.poses import swaying_motion
from avatar_kit.viewer import Viewer, open_subject
from avatar_kit.viewer.page import browser_camera, pose_of
from avatar_kit.viewer.pictures import difference, sheet
from avatar_kit.viewer.subject import with_edits


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return small_capture(tmp_path_factory.mktemp("capture") / "one").root


def test_a_capture_is_opened_with_its_cameras_and_pictures(capture):
    subject = open_subject(capture)
    assert len(subject.motion) and subject.avatar is None
    name = next(iter(subject.cameras))
    picture = subject.recorded(2, name)
    camera = subject.cameras[name]
    assert picture.shape == (camera.height, camera.width, 3) and picture.dtype == np.uint8


def test_a_motion_is_opened(tmp_path):
    save_motion(tmp_path / "walk.npz", swaying_motion(5))
    subject = open_subject(tmp_path / "walk.npz")
    assert len(subject.motion) == 5 and not subject.cameras
    assert "walk.npz" in subject.title


def test_what_cannot_be_shown_is_refused(tmp_path, capture):
    with pytest.raises(UserError, match=r"neither a run .* nor a capture"):
        open_subject(tmp_path)
    with pytest.raises(UserError, match="no such run, capture or motion file"):
        open_subject(tmp_path / "none")
    with pytest.raises(UserError, match="--motion: drives the avatar of a run"):
        open_subject(capture, swaying_motion(3))


def test_a_joint_turns_further_in_its_own_axes():
    elbow = SMPLX_JOINTS.index("left_elbow")
    pose = swaying_motion(4)[2:3]
    pose = Motion.from_rotvec(
        pose.fps,
        pose.transl,
        0.3 * torch.randn(1, 55, 3, generator=torch.Generator().manual_seed(0)),
        pose.expression,
        pose.confidence,
    )
    turned = with_edits(pose, {elbow: (0.0, 0.5, 0.0)}, {})
    before, after = (roma.rotvec_to_rotmat(m.rotvec()[0, elbow]) for m in (pose, turned))
    expected = before @ roma.rotvec_to_rotmat(torch.tensor([0.0, 0.5, 0.0]))
    torch.testing.assert_close(after, expected, atol=1e-6, rtol=0)
    others = [j for j in range(55) if j != elbow]
    torch.testing.assert_close(turned.rotvec()[:, others], pose.rotvec()[:, others])


def test_an_expression_is_set_and_nothing_else():
    smile = ARKIT_CHANNELS.index("mouthSmileLeft")
    pose = swaying_motion(1)
    shown = with_edits(pose, {}, {smile: 0.7})
    assert float(shown.expression[0, smile]) == pytest.approx(0.7)
    torch.testing.assert_close(shown.rotvec(), pose.rotvec())
    assert with_edits(pose, {}, {}) is pose


def test_a_camera_of_ours_goes_to_the_browser_and_back():
    own = Camera.look_at((1.0, 0.7, 2.5), (0.1, 0.2, 0.0), width=300, height=200, fov_y=37)
    wxyz, position = pose_of(own)
    seen = SimpleNamespace(wxyz=wxyz, position=position, fov=np.radians(37), aspect=1.5)
    back = browser_camera(SimpleNamespace(camera=seen), 200)
    assert (back.width, back.height) == (300, 200)
    for name in ("K", "R", "t"):
        torch.testing.assert_close(
            getattr(back, name), getattr(own, name).float(), atol=1e-4, rtol=1e-5
        )


def test_pictures_of_maps():
    assert sheet(torch.rand(1, 6, 8)).shape == (6, 8, 3)
    colour = sheet(torch.stack([torch.linspace(0, 1, 48).view(6, 8), torch.zeros(6, 8)]))
    assert colour.shape == (6, 8, 3)
    assert colour[..., 0].max() == 255 and not colour[..., 1:].any()
    assert sheet(torch.rand(5, 6, 8)).shape == (12, 24, 3), "six fields, one of them empty"
    assert sheet(torch.rand(32, 6, 8)).shape == (18, 24, 3), "no more than nine"


def test_a_difference_is_black_where_there_is_none():
    one = np.full((4, 5, 3), 100, np.uint8)
    assert not difference(one, one).any()
    assert (difference(one, one + 64) == 255).all(), "a quarter of the range is white"


@pytest.mark.parametrize("what", ["capture", "motion"])
def test_the_loop_shows_the_body_of_the_frame_that_is_wanted(what, capture, tmp_path):
    path = capture
    if what == "motion":
        path = tmp_path / "walk.npz"
        save_motion(path, swaying_motion(6))
    subject = open_subject(path)
    viewer = Viewer(subject, port=0)
    try:
        viewer.page.changed.set()
        viewer.step()
        shown = []
        for frame in (0, 3):
            viewer.page._note(frame=frame)
            viewer.step()
            shown.append(np.array(viewer.page._mesh.vertices))
            parameters = subject.body.from_motion(subject.motion[frame : frame + 1], subject.shape)
            expected = subject.body(parameters).vertices[0].detach().numpy()
            np.testing.assert_allclose(shown[-1], expected, atol=1e-5)
        assert np.abs(shown[0] - shown[1]).max() > 1e-3
        assert "confidence" in viewer.page.line.content
    finally:
        viewer.server.stop()


def test_only_this_machine_reaches_it(capture):
    viewer = Viewer(open_subject(capture), port=0)
    try:
        assert isinstance(viewer.server, viser.ViserServer)
        assert viewer.address.startswith("http://127.0.0.1:")
    finally:
        viewer.server.stop()
