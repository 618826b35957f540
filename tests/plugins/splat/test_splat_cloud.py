"""What the Gaussians of `splat` do with a light, and without one."""

import json
from dataclasses import replace

import pytest
import torch
from avatar_kit_splat.cloud import SurfaceGaussians
from avatar_kit_splat.config import SurfaceGaussiansConfig

from avatar_kit.config import resolve_method
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view, set_up
from avatar_kit.errors import UserError
from avatar_kit.gaussians import pose_gaussians
from avatar_kit.interfaces import Setup
from avatar_kit.testing import world
from avatar_kit.testing.capture import small_capture
from avatar_kit.testing.method import step_through


@pytest.fixture
def cloud():
    made = SurfaceGaussians(SurfaceGaussiansConfig(points=300, hull=0), world.setup())
    with torch.no_grad():
        made.colours.fill_(0.5)
        made.slope.copy_(torch.tensor([0.5, 0.0]))
    return made.eval()


@torch.no_grad()
def test_only_a_light_that_was_found_throws_shadows(cloud, monkeypatch):
    frames = world.context([0, 1])
    plain = cloud(frames).features
    torch.testing.assert_close(plain, torch.full_like(plain, 0.5))
    cloud.found.fill_(True)
    monkeypatch.setattr(cloud, "lit", lambda context, direction: torch.zeros(2, 300))
    _, normals, _ = cloud.carried(frames)
    towards = torch.tensor([-0.5, 1.0, 0.0]) / 1.25**0.5
    expected = 0.5 * (1 - 0.3 * (normals @ towards).clamp(min=0))
    torch.testing.assert_close(cloud(frames).features, expected[..., None].expand(-1, -1, 3))


@torch.no_grad()
@pytest.mark.parametrize("found", [True, False])
def test_rigged_it_has_the_colours_and_shapes_that_it_draws(cloud, found):
    cloud.found.fill_(found)
    draw = torch.Generator().manual_seed(0)
    for value, size in ((cloud.ambient, 0.1), (cloud.offsets, 0.02), (cloud.quaternions, 1.0)):
        value.copy_(size * torch.randn(value.shape, generator=draw))
    cloud.direct.fill_(0.5)
    frames = world.context([1, 2])
    drawn = cloud(frames)
    lit = cloud.lit(frames, cloud.light.direction)
    rigged = cloud.rigged_gaussians()
    posed = pose_gaussians(rigged, frames.body.bone_transforms, lit=lit, camera=frames.camera)
    for name in ("means", "covariances", "features", "opacities"):
        torch.testing.assert_close(getattr(posed, name), getattr(drawn, name))
    assert torch.equal(posed.visible, drawn.visible)
    assert bool(rigged.light.direct.any()) == found


@torch.no_grad()
def test_a_shade_is_bounded_whatever_was_learned(cloud):
    cloud.found.fill_(True)
    cloud.direct.fill_(50.0)
    cloud.ambient.copy_(40 * torch.randn(8, 3, generator=torch.Generator().manual_seed(0)))
    shade = cloud(world.context([0])).features / 0.5
    assert float(shade.min()) == pytest.approx(0.2) and float(shade.max()) == pytest.approx(2.0)


def test_a_budget_that_leaves_a_part_without_gaussians_is_refused(body):
    setup = Setup(body.rest(body.default_shape()), world.setup().cameras, 1, ())
    with pytest.raises(UserError, match=r"points: 12 Gaussians leave .*without any; give more"):
        SurfaceGaussians(SurfaceGaussiansConfig(points=12), setup)


def test_a_body_without_skinning_weights_is_refused():
    setup = world.setup()
    bare = replace(setup.body, skinning_weights=torch.zeros_like(setup.body.skinning_weights))
    with pytest.raises(UserError, match="skinning weights"):
        SurfaceGaussians(SurfaceGaussiansConfig(points=300), replace(setup, body=bare))


@pytest.mark.parametrize("frames", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_training_of_few_frames(tmp_path, frames, caplog):
    """It starts, learns, and says what no picture shows: everybody here looks at the camera."""
    small_capture(tmp_path / "few", frames=frames, test_frames=1)
    overrides = {
        "data": {"type": "capture", "path": str(tmp_path / "few")},
        "size": 64,
        "steps": 4,
        "encoders": {"cloud": {"points": 500, "hull": 50}},
    }
    config = resolve_method("splat", preset="demo", overrides=overrides).config
    training = set_up(config, RunFolder(tmp_path / "run"), open_view(config))
    assert training.config.refine is None  # nobody tracked these poses
    losses = step_through(training, 3)
    assert all(torch.isfinite(value) for values in losses for value in values.values())
    assert "do not show the person's back" in caplog.text


@pytest.mark.slow  # a training of its own; tests/engine/test_refining.py holds refinement itself
def test_tracked_poses_are_refined(tmp_path):
    small_capture(tmp_path / "seen", frames=3, test_frames=1)
    record = tmp_path / "seen" / "capture.json"
    about = json.loads(record.read_text())
    about["provenance"]["tracker"] = "mediapipe"
    record.write_text(json.dumps(about))
    overrides = {
        "data": {"type": "capture", "path": str(tmp_path / "seen")},
        "size": 64,
        "steps": 4,
        "encoders": {"cloud": {"points": 500, "hull": 50}},
    }
    config = resolve_method("splat", preset="demo", overrides=overrides).config
    training = set_up(config, RunFolder(tmp_path / "run"), open_view(config))
    assert training.config.refine is not None
    step_through(training, 2)
    assert training.avatar.refinement.rotation.abs().max() > 0
    plain = resolve_method("splat", preset="demo", overrides={**overrides, "refine": None}).config
    assert set_up(plain, RunFolder(tmp_path / "plain"), open_view(plain)).config.refine is None
