"""What `mmlp` does with bad input, few frames, and what its schedule switches."""

import logging
from dataclasses import replace

import pytest
import torch
from avatar_kit_mmlp.cloud import MlpGaussians
from avatar_kit_mmlp.config import MlpGaussiansConfig

from avatar_kit.config import resolve_method
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view, set_up
from avatar_kit.engine.trainer import train
from avatar_kit.errors import UserError
from avatar_kit.gaussians import joined
from avatar_kit.interfaces import make_room
from avatar_kit.testing import world
from avatar_kit.testing.capture import small_capture
from avatar_kit.testing.method import step_through

CLOUD = {
    "points": 400,
    "hull": 30,
    "anchors": 4,
    "controls": 40,
    "widths": [8, 8],
    "grid": 16,
    "light": False,
}


@pytest.fixture
def ready(tmp_path):
    """Sets up a training on a small capture of some frames."""

    def make(frames=3, filmed_by=1, **values):
        root = tmp_path / f"capture{frames}-{filmed_by}"
        if not root.exists():
            small_capture(root, frames=frames, test_frames=1, cameras=filmed_by)
        overrides = {
            "data": {"type": "capture", "path": str(root)},
            "size": 64,
            "steps": 8,
            "encoders": {"cloud": CLOUD, "shadow": None},
            "schedule": {"bases": 2, "harmonics": 3, "perceptual": 4, "patches": 5},
            "loss": {"perceptual": 0.1, "patch": 32},
            **values,
        }
        config = resolve_method("mmlp", preset="demo", overrides=overrides).config
        return set_up(config, RunFolder(tmp_path / "run"), open_view(config))

    return make


@pytest.mark.parametrize("name", ["anchors", "controls"])
def test_fewer_gaussians_than_places_are_refused(name):
    config = MlpGaussiansConfig(**{"points": 40, "controls": 4, "anchors": 4, name: 41})
    with pytest.raises(UserError, match=f"{name}: 41 cannot be chosen among 40 Gaussians; give"):
        MlpGaussians(config, world.setup())


@pytest.mark.parametrize("weights", [torch.zeros(0), torch.zeros(len(world.ball()[0]), 1)])
def test_a_body_without_skinning_weights_is_refused(weights):
    setup = world.setup()
    bare = replace(setup, body=replace(setup.body, skinning_weights=weights))
    with pytest.raises(UserError, match=r"skinning weights.*use another body"):
        MlpGaussians(MlpGaussiansConfig(), bare)


def test_fewer_cameras_than_asked_for_are_refused(ready):
    asked = r"cameras: the config requires at least 2 training cameras.*'train' has 1; give"
    with pytest.raises(UserError, match=asked):
        ready(cameras=2)
    assert len(ready(filmed_by=2, cameras=2).method.cloud.setup.cameras) == 2


def test_paper_asks_for_several_cameras():
    assert resolve_method("mmlp", preset="paper", overrides={}).config.cameras > 1


@pytest.mark.parametrize("frames", [1, 3])
def test_a_training_of_few_frames(ready, frames, caplog):
    """It starts, learns, and says what no picture shows."""
    caplog.set_level(logging.WARNING)
    training = ready(frames)
    losses = step_through(training, 6)
    assert all(torch.isfinite(value) for values in losses for value in values.values())
    assert "do not show the person's back" in caplog.text
    assert ("only one pose: the effect of the pose cannot be learned" in caplog.text) == (
        frames == 1
    )


class Noted(Progress):
    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


def test_an_opacity_that_is_not_finite_is_named_and_undone(ready):
    training = ready(checkpoint={"every": 2}, report_every=1)
    train(replace(training, config=training.config.model_copy(update={"stop_at": 2})), Progress())
    training.step = 2
    with torch.no_grad():
        training.method.cloud.opacities[7] = float("nan")
    noted = Noted()
    train(training, noted)
    [text] = [line for line in noted.said if "not finite" in line]
    assert text.startswith("step 3: not finite") and "back to step 2" in text
    assert "parameter 'encoders.cloud.opacities' (" in text
    assert bool(training.method.cloud.opacities.isfinite().all())


def test_the_schedule_switches_parts_on(ready):
    training = ready()
    cloud = training.method.cloud
    before = {name: value.detach().clone() for name, value in cloud.named_parameters()}
    live = []
    for step in range(6):
        (losses,) = step_through(training, 1, first=step)
        moved = {n for n, v in cloud.named_parameters() if not torch.equal(v, before[n])}
        live.append(("basis" in moved, "sh1" in moved, "perceptual" in losses))
    assert live == [
        (False, False, False),
        (False, False, False),
        (True, False, False),
        (True, True, False),
        (True, True, True),
        (True, True, True),
    ]
    assert not [n for n, v in cloud.named_parameters() if torch.equal(v, before[n])]


def test_before_a_random_colour_the_scene_does_not_count(ready):
    training = ready(random_background=True, loss={"boundary": 2, "perceptual": 0})
    batch = training.frames.all()[0]
    torch.manual_seed(0)
    output = training.method.avatar(batch.context)
    painted, wanted = training.method._compared(output, batch)
    empty = batch.mask[0, 0] == 0
    assert wanted[0][:, empty].std(1).max() < 1e-6  # one colour, whatever the scene is
    far = empty & (output.alpha[0, 0] == 0)
    assert torch.equal(painted[0][:, far], wanted[0][:, far])


@torch.no_grad()
def test_the_pose_moves_gaussians_only_once_bases_count():
    cloud = MlpGaussians(
        MlpGaussiansConfig(points=200, hull=0, anchors=4, controls=20, light=False), world.setup()
    ).eval()
    cloud.control_basis.mul_(10)
    frames = world.context([0, 3])
    still = replace(frames, body=frames.body[[0, 0]])
    moved = cloud(still)
    assert (moved.means[0] - moved.means[1]).abs().max() > 1e-5
    cloud.live_bases.fill_(False)
    rigid = cloud(still)
    assert torch.equal(rigid.means[0], rigid.means[1])
    assert torch.equal(rigid.features[0], rigid.features[1])


@torch.no_grad()
def test_half_precision_moves_nothing():
    cloud = MlpGaussians(MlpGaussiansConfig(**CLOUD), world.setup()).eval()
    expected = cloud(world.context([1])).means
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(cloud(world.context([1])).means, expected)


@torch.no_grad()
def test_what_is_loaded_draws_the_same_with_points_off_the_surface():
    values = {key: value for key, value in CLOUD.items() if key != "light"}
    cloud, other = (
        MlpGaussians(MlpGaussiansConfig(**values), world.setup()).eval() for _ in range(2)
    )
    ties, rest = cloud.anchors, cloud.setup.body
    normals = ties.at_vertices(rest.normals, rest.topology.faces)
    cloud._place(joined(ties, replace(ties, offsets=0.05 * normals)))
    assert int(cloud.off_surface.sum()) == 400
    for value in cloud.parameters():
        value.add_(0.01 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1)))
    state = {name: value.clone() for name, value in cloud.state_dict().items()}
    make_room(other, state)
    other.load_state_dict(state)
    for name in ("means", "covariances", "features", "opacities"):
        found, expected = (getattr(c(world.context([1])), name) for c in (other, cloud))
        assert torch.equal(found, expected), name
