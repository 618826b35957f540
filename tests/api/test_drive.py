"""Driving, against what it must equal: the same poses shown one by one, orbits turned by hand."""

import gc
import json
import resource
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

import avatar_kit as ak
from avatar_kit.errors import UserError
from avatar_kit.io import save_motion, write_image
from avatar_kit.scene import PosedBody
from tests.aligners.poses import waving


def test_training_poses_driven_are_the_poses_shown_one_by_one(free):
    """Placing leaves a motion alone that stands where the avatar was trained."""
    poses = free.training_motion()
    shift = poses.transl.median(dim=0).values - poses.transl[0]
    offset = torch.tensor([1.0, 0.0, 1.0]) * shift
    driven = list(free.drive(poses, align="none"))
    assert len(driven) == len(poses) == 16
    moved = replace(poses, transl=poses.transl + offset)
    for k in (0, 7):
        assert np.abs(driven[k].astype(int) - free.render(moved[k])).max() <= 1


def test_pictures_as_bytes_and_as_tensors(free):
    pose, camera = free.training_motion()[0], free.camera
    picture, tensor = free.render(pose), free.render(pose, output="torch")
    assert picture.shape == (camera.height, camera.width, 3) and picture.dtype == np.uint8
    assert tensor.shape == (3, camera.height, camera.width) and tensor.dtype == torch.float32
    assert not tensor.requires_grad and tensor.device == free.device
    assert tensor.min() >= 0 and tensor.max() <= 1
    assert np.array_equal(picture, (255 * tensor).round().byte().permute(1, 2, 0).numpy())


def test_a_file_and_its_motion_drive_alike(free, tmp_path):
    motion = waving(4, fps=free.fps)
    save_motion(tmp_path / "wave.npz", motion)
    for path in (tmp_path / "wave.npz", str(tmp_path / "wave.npz")):
        pairs = zip(free.drive(path), free.drive(motion), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)


def test_a_motion_of_doubles_with_gradients_drives(free):
    motion = waving(2, fps=free.fps)
    double = replace(motion, transl=motion.transl.double().requires_grad_())
    pairs = zip(free.drive(double), free.drive(motion), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_where_a_motion_is_placed(painted):
    """Driven from far away and in the air, it is shown as from anywhere else."""
    motion = waving(3, fps=painted.fps)
    away = replace(motion, transl=motion.transl + torch.tensor([30.0, 5.0, -8.0]))
    for a, b in zip(painted.drive(motion), painted.drive(away), strict=True):
        assert np.abs(a.astype(int) - b).max() <= 1


def test_what_is_done_to_the_training_poses_changes_nothing(free):
    before = free.render(free.training_motion()[0])
    free.training_motion().transl.zero_()
    assert np.array_equal(free.render(free.training_motion()[0]), before)


def test_frame_rates(free):
    motion = waving(9, fps=2 * free.fps)
    assert len(list(free.drive(motion))) == 5
    assert len(list(free.drive(motion, fps=2 * free.fps))) == 9
    assert len(list(free.drive(orbit=90, fps=1))) == 6  # six seconds of the first training pose


def test_an_aligner_by_name_and_with_values(free):
    motion = waving(3, fps=free.fps, reach=1.2)
    plain = list(free.drive(motion, align="none"))
    assert all(map(np.array_equal, plain, free.drive(motion)))  # its own aligner is none
    aligned = list(free.drive(motion, align="nearest_pose"))
    assert not all(map(np.array_equal, plain, aligned))
    none = free.drive(motion, align="nearest_pose", strength=0)
    assert all(map(np.array_equal, plain, none))
    loose, tight = (free.drive(motion, align={"type": "pca_clamp", "sigmas": s}) for s in (9, 0.1))
    assert not all(map(np.array_equal, loose, tight))


def test_one_camera_one_a_frame_and_an_orbit(free):
    motion = free.training_motion()[:3]
    own = list(free.drive(motion))
    assert all(map(np.array_equal, own, free.drive(motion, camera=free.camera)))
    assert all(map(np.array_equal, own, free.drive(motion, camera=free.camera.expand(3))))
    turned = list(free.drive(motion, orbit=90))
    assert np.array_equal(turned[0], own[0]) and not np.array_equal(turned[2], own[2])


@pytest.mark.parametrize("scale", [0.5, 2])
def test_a_camera_of_another_size(free, scale):
    width, height = round(scale * free.camera.width), round(scale * free.camera.height)
    camera = free.camera.crop_resize(0, 0, scale, width, height)
    assert free.render(free.training_motion()[0], camera).shape == (height, width, 3)


def test_a_camera_path_is_followed(free, tmp_path):
    path = tmp_path / "path.json"
    path.write_text('{"keys": [{"time": 0, "eye": [0, 0, 3.5], "target": [0, 0, 0]}], "fov_y": 50}')
    near, own = (next(free.drive(free.training_motion(), camera=c)) for c in (str(path), None))
    assert near.shape == own.shape and not np.array_equal(near, own)


def test_before_a_painted_background_the_person_moves(painted):
    """A camera that goes to the right shows what the own one shows of a person gone to the left."""
    pose, camera = painted.training_motion()[0], painted.camera
    right = camera.R[:, 0] * 0.2  # camera x axis in the world
    shifted = replace(camera, t=camera.t - torch.tensor([[0.2, 0.0, 0.0]]))
    gone = replace(pose, transl=pose.transl - right)
    seen = painted.render(pose, shifted).astype(int)
    assert np.abs(seen - painted.render(gone)).max() <= 1
    assert np.abs(seen - painted.render(pose)).max() > 1


def test_what_is_behind_the_person(free, painted, tmp_path):
    pose = free.training_motion()[0]
    cut = free.render(pose, background="transparent")
    assert cut.shape == (free.camera.height, free.camera.width, 4) and cut.dtype == np.uint8
    torch_cut = next(free.drive(pose, background="transparent", output="torch"))
    assert torch_cut.shape == (4, free.camera.height, free.camera.width)
    alpha = cut[..., 3:] / 255
    over = alpha * cut[..., :3] + (1 - alpha) * [0, 0, 255]
    blue = free.render(pose, background="blue")
    assert np.abs(over - blue).max() <= 1
    write_image(tmp_path / "blue.png", np.full((9, 30, 3), (0, 0, 255), np.uint8))
    assert np.array_equal(free.render(pose, background=tmp_path / "blue.png"), blue)
    assert np.array_equal(free.render(pose, background="plate"), free.render(pose))
    with pytest.raises(UserError, match=r"background 'blue': method 'ram' .* offers no person"):
        painted.drive(pose, background="blue")


def test_loading_leaves_the_callers_generator_alone(runs):
    root = runs("anr")  # a training seeds the generator
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    ak.load(root, device="cpu")
    assert torch.equal(torch.rand(3), wanted)


def test_no_more_than_two_bodies_are_kept(free):
    def bodies():
        gc.collect()
        return sum(type(o) is PosedBody for o in gc.get_objects())

    before = bodies()
    pictures = free.drive(free.training_motion())
    for _ in range(10):
        next(pictures)
    assert bodies() - before <= 3  # this frame's, the one before, and the state's


@pytest.mark.slow
def test_memory_stays_flat_over_thousands_of_frames(free):
    poses = free.training_motion()
    long = poses[[k % len(poses) for k in range(3000)]]

    def grown():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    for k, _ in enumerate(free.drive(long)):
        if k == 500:
            early = grown()
    assert grown() - early < 20  # MiB


def test_what_is_known_of_an_avatar(free, runs):
    assert free.run == runs("anr") and free.step == 2 and free.fps == 25
    assert list(free.cameras) == ["main"]
    assert free.model.body.asset.name and not free.model.training
    assert repr(free) == f"TrainedAvatar('{free.run}', step 2, 64x64, cpu)"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"output": "jpeg"}, "output 'jpeg': expected numpy or torch"),
        ({"fps": 0}, "fps 0: must be a positive number"),
        ({"strength": 2}, "strength 2: must lie between 0 and 1"),
        ({"align": "nearest_pos"}, "unknown aligner 'nearest_pos'; did you mean 'nearest_pose'"),
        ({"align": {"sigmas": 1}}, "align: the key 'type' is missing"),
        ({"align": {"type": "pca_clamp", "sigma": 1}}, "sigma: unknown key; did you mean"),
        ({"motion": "none.npz"}, "none.npz: no such motion file"),
        ({"motion": ak.Motion.rest(0)}, "motion: it holds no frame"),
        ({"camera": "none.json"}, "none.json: no such camera path"),
        ({"camera": "path.json", "orbit": 90}, "camera and orbit: the camera can follow one"),
    ],
)
def test_what_cannot_be_is_said_at_once(free, words, says):
    with pytest.raises(UserError, match=says):
        free.drive(**{"motion": waving(2), **words})


def test_cameras_that_do_not_fit(free, painted):
    motion = waving(4, fps=free.fps)
    with pytest.raises(
        UserError, match="camera: 3 cameras for 4 frames; give one camera, or one for"
    ):
        free.drive(motion, camera=free.camera.expand(3))
    tiny = free.camera.crop_resize(0, 0, 1, 2, 2)
    with pytest.raises(UserError, match="'two_stage_unet' draws no picture of 2x2 pixels"):
        free.drive(motion, camera=tiny)
    larger = painted.camera.crop_resize(0, 0, 2, 128, 128)
    zoomed = replace(painted.camera, K=painted.camera.K * torch.tensor([[1.1], [1.1], [1.0]]))
    for camera in (larger, zoomed):
        with pytest.raises(UserError, match=r"paints the background of one camera.*64 wide and 64"):
            painted.drive(motion, camera=camera)


def test_poses_that_cannot_be_shown(free):
    with pytest.raises(UserError, match="pose: 2 frames; choose one"):
        free.render(waving(2))
    bad = waving(1)
    with pytest.raises(UserError, match="pose: the pose of frame 0 is not finite"):
        free.render(replace(bad, transl=bad.transl * torch.nan))


def test_runs_that_cannot_be_loaded(runs, tmp_path):
    with pytest.raises(UserError, match="not a run folder"):
        ak.load(tmp_path)
    with pytest.raises(UserError, match="not a checkpoint"):
        ak.load(str(runs("anr")), step=7)
    with pytest.raises(UserError, match="unknown device 'gpu'"):
        ak.load(runs("anr"), device="gpu")


def test_a_camera_that_the_renderer_cannot_draw_for_is_refused_on_loading(runs, tmp_path):
    root = shutil.copytree(runs("anr"), tmp_path / "run")
    subject = json.loads((root / "subject.json").read_text())
    subject["cameras"]["main"]["width"] = 3
    (root / "subject.json").write_text(json.dumps(subject))
    with pytest.raises(UserError, match=r"subject\.json: cameras\.main: .* draws .*3x"):
        ak.load(root)
