"""An avatar is exported whole or not at all, and what was written looks like the avatar."""

import math
import re
from dataclasses import replace

import pytest
import torch

from avatar_kit.engine.driving import contexts
from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.gaussians import pose_gaussians
from avatar_kit.graphics import harmonic_colors, splat
from avatar_kit.io import load_rigged_gaussians, read_gaussian_ply
from avatar_kit.scene import Camera
from avatar_kit.testing.poses import swaying_motion


def cloud_of(avatar, pose):
    """The frame and the cloud that the avatar itself draws."""
    context = next(contexts(avatar._loaded, pose, avatar.camera))
    with torch.no_grad():
        return context, avatar.model.encode(context, None)[0]["cloud"]


def drawn(cloud, camera, colours=None):
    colours = cloud.features if colours is None else colours
    shape = (cloud.quaternions, cloud.scales, cloud.opacities, colours, camera)
    with torch.no_grad():
        return splat(cloud.means, *shape, covariances=cloud.covariances, visible=cloud.visible)


def decibels(a, b):
    """PSNR, 200 dB for equal pictures."""
    return -10 * math.log10(max(float((a - b).square().mean()), 1e-20))


def y_down(camera):
    """The same view of a world that is turned by 180 degrees about x."""
    return Camera(
        camera.K, camera.R @ torch.diag(torch.tensor([1.0, -1, -1])), camera.t, camera.width,
        camera.height,
    )  # fmt: skip


@pytest.mark.parametrize("axes", ["y_down", "y_up"])
def test_a_ply_looks_like_the_avatar(axes, avatar, tmp_path):
    result = avatar.export(tmp_path / "a.ply", frame=3, options={"axes": axes})
    assert result.files == (tmp_path / "a.ply",)
    assert result.bytes == (tmp_path / "a.ply").stat().st_size
    read = read_gaussian_ply(tmp_path / "a.ply")
    camera = avatar.camera if axes == "y_up" else y_down(avatar.camera)
    seen = drawn(read, camera, harmonic_colors(read.spherical_harmonics, read.means, camera))
    _, cloud = cloud_of(avatar, avatar.training_motion()[3])
    # viewers draw all sides, and colours of at least 0
    expected = drawn(replace(cloud, visible=None, features=cloud.features.clamp(min=0)),
                     avatar.camera)  # fmt: skip
    assert float(expected.alpha.mean()) > 0.05
    assert decibels(seen.features, expected.features) > 80
    assert decibels(seen.features, drawn(cloud, avatar.camera).features) > 30


def test_a_rigged_file_looks_like_the_avatar_in_every_pose(avatar, tmp_path):
    avatar.export(tmp_path / "a.safetensors")
    read = load_rigged_gaussians(tmp_path / "a.safetensors")
    assert read.about["method"] == "splat" and read.about["body_licence"]
    for frame in (0, 2, 3):
        context, cloud = cloud_of(avatar, avatar.training_motion()[frame])
        again = pose_gaussians(read.gaussians, context.body.bone_transforms, camera=context.camera)
        found = decibels(drawn(again, avatar.camera).features, drawn(cloud, avatar.camera).features)
        assert found > 32, frame


def test_an_spz_looks_like_the_avatar(avatar, tmp_path):
    gsply = pytest.importorskip("gsply", reason="the extra export is not installed")
    result = avatar.export(tmp_path / "a.spz")
    assert "rounded" in str(result)
    read = gsply.read_spz(tmp_path / "a.spz")
    tensors = (torch.from_numpy(v.copy())[None] for v in (read.means, read.quats, read.scales,
               read.opacities, read.sh0))  # fmt: skip
    means, quaternions, scales, opacities, dc = tensors
    colours = (0.5 + 0.28209479177387814 * dc).clamp(min=0)
    with torch.no_grad():
        seen = splat(means, quaternions, scales.exp(), opacities.sigmoid(), colours, avatar.camera)
    _, cloud = cloud_of(avatar, avatar.training_motion()[0])
    expected = drawn(replace(cloud, visible=None, features=cloud.features.clamp(min=0)),
                     avatar.camera)  # fmt: skip
    assert decibels(seen.features, expected.features) > 40


def test_without_the_package_the_extra_is_named(avatar, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gsply", None)
    monkeypatch.delitem(sys.modules, "avatar_kit.exporters.spz", raising=False)
    with pytest.raises(MissingExtra, match=r'pip install "avatar-kit\[export\]"'):
        avatar.export(tmp_path / "a.spz")


def test_a_motion_is_a_file_for_each_frame(avatar, tmp_path):
    motion = swaying_motion(6)
    result = avatar.export(tmp_path / "walk" / "w%03d.ply", motion=motion, frames=4, fps=12.5)
    names = [p.name for p in sorted((tmp_path / "walk").iterdir())]
    assert names == ["w000.ply", "w001.ply", "w002.ply"]  # 6 frames at 25 fps are 3 at 12.5
    assert [p.name for p in result.files] == names and "in 3 files" in str(result)
    one = avatar.export(tmp_path / "one.ply", motion=motion, frame=2, fps=12.5)
    assert one.files[0].read_bytes() == (tmp_path / "walk" / "w002.ply").read_bytes()
    with pytest.raises(UserError, match=r"1 files of another sequence \(w002.ply"):
        avatar.export(tmp_path / "walk" / "w%03d.ply", motion=motion[:4], fps=12.5)


def test_a_pose_by_itself_is_what_render_shows(avatar, tmp_path):
    """A training pose is taken where it was recorded, not placed."""
    avatar.export(tmp_path / "a.ply", frame=1, options={"axes": "y_up"})
    _, cloud = cloud_of(avatar, avatar.training_motion()[1])
    torch.testing.assert_close(read_gaussian_ply(tmp_path / "a.ply").means, cloud.means)


REFUSED = [
    ("a.foo", {}, "no exporter writes this suffix; supported: .npz (amass), .bvh (bvh), .ply (gau"),
    ("a.ply", {"options": {"axes": "sideways"}}, "exporter 'gaussian_ply': axes"),
    ("a.ply", {"options": {"degre": 1}}, "did you mean 'degree'"),
    ("a.ply", {"options": {"type": "spz"}}, "exporter 'spz' writes .spz"),
    ("a.ply", {"options": {"encoder": "clod"}}, "did you mean 'cloud'"),
    ("a.ply", {"frame": 4}, "the training poses has frames 0 to 3"),
    ("a.ply", {"frame": -1}, "has frames 0 to 3"),
    ("a.ply", {"fps": 10}, "applies to a driving motion; give --motion"),
    ("a.ply", {"motion": swaying_motion(3), "fps": 0}, "--fps 0: must be positive"),
    ("a.ply", {"motion": swaying_motion(3), "frames": 2}, "use --frame N, or --to a_%05d.ply"),
    ("a%05d.ply", {}, "a file for each frame needs --motion"),
    ("a%05d.ply", {"motion": swaying_motion(3), "frame": 1}, "names a file for every frame"),
    ("a%s.ply", {"motion": swaying_motion(3)}, "may contain %05d once"),
    ("%d/a.ply", {"motion": swaying_motion(3)}, "may contain %05d once"),
    ("a.safetensors", {"motion": swaying_motion(3)}, "stores an avatar without a motion"),
    ("a.safetensors", {"frame": 1}, "does not store single poses"),
    ("", {}, "is a folder; name a file"),
]


@pytest.mark.parametrize(("to", "given", "words"), REFUSED)
def test_what_does_not_fit_is_refused_and_leaves_nothing(to, given, words, avatar, tmp_path):
    with pytest.raises(UserError, match=re.escape(words)):
        avatar.export(tmp_path / to, **given)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("a.ply", "a PLY of Gaussians needs an encoder that yields gaussians; the encoders of "
                  "method 'anr' yield other conditions (texture: feature maps"),
        ("a.safetensors", "needs an encoder with rigged_gaussians(); the encoders of method 'anr'"),
    ],
)  # fmt: skip
def test_an_avatar_without_gaussians_is_refused(to, words, painted, tmp_path):
    with pytest.raises(UserError, match=re.escape(words)):
        painted.export(tmp_path / to)
    assert not list(tmp_path.iterdir())


def test_an_error_halfway_leaves_the_old_files(avatar, tmp_path, monkeypatch):
    from avatar_kit.exporters.ply import GaussianPly

    avatar.export(tmp_path / "w%d.ply", motion=swaying_motion(3))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    write, calls = GaussianPly.export, []

    def fails(self, source, out, report):
        calls.append(out)
        if len(calls) == 3:
            raise UserError("the disk is full")
        return write(self, source, out, report)

    monkeypatch.setattr(GaussianPly, "export", fails)
    with pytest.raises(UserError, match="the disk is full"):
        avatar.export(tmp_path / "w%d.ply", motion=swaying_motion(6)[[3, 4, 5]])
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_the_command(run, tmp_path, monkeypatch, capsys):
    import sys

    from avatar_kit.cli.main import main

    def command(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["avatar-kit", "export", str(run), *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert (ended.value.code or 0) == code, captured
        return captured.out + captured.err

    text = command("--to", tmp_path / "a.ply", "axes=y_up", "--frame", 2, "--device", "cpu")
    ply = (tmp_path / "a.ply").read_bytes()
    count = int(re.search(rb"element vertex (\d+)", ply)[1])
    assert b"y up" in ply[:200]
    assert f"a.ply: {count:,} Gaussians, {len(ply) / 1e6:.1f} MB; frame 2 of the training" in text
    assert text.count("\n") == 1
    assert "give --motion FILE" in command("--to", tmp_path / "b.ply", "--clip", "x", code=2)
    assert "no exporter writes" in command("--to", tmp_path / "b.usd", code=2)
    assert [p.name for p in tmp_path.iterdir()] == ["a.ply"]


def test_the_block_on_the_page_runs(run, tmp_path, monkeypatch):
    from pathlib import Path

    from avatar_kit.io import save_motion

    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    block = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "splat").symlink_to(run, target_is_directory=True)
    save_motion(tmp_path / "walk.npz", swaying_motion(20))
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "export.md", "exec"), {})
    assert sorted(p.name for p in (tmp_path / "walk").iterdir()) == [
        f"0000{i}.ply" for i in range(3)
    ]
    assert (tmp_path / "ada.ply").stat().st_size > 100_000


def test_the_door_takes_files_of_motions(avatar, tmp_path):
    from avatar_kit.io import save_motion

    save_motion(tmp_path / "sway.npz", swaying_motion(3))
    result = avatar.export(tmp_path / "a.ply", motion=tmp_path / "sway.npz")
    assert "frame 0 of sway.npz" in str(result)
