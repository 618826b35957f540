"""ANR and DNR with parts of other plugins: what they learn, and what is refused."""

import pytest
import torch

from avatar_kit.config import resolve_method
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view, set_up
from avatar_kit.errors import UserError
from avatar_kit.testing.method import step_through


@pytest.fixture
def start(capture_folder, tmp_path):
    def make(method="anr", **values):
        data = {"type": "capture", "path": str(capture_folder)}
        small = {"size": 64, "steps": 20, "batch_size": 2, "crop": {"size": 32}, "data": data}
        small["loss"] = {"feature": 0.0}
        small["renderer"] = {"widths": (8, 12)}
        config = resolve_method(method, preset="demo", overrides={**small, **values}).config
        return set_up(config, RunFolder(tmp_path), open_view(config))

    return make


def test_a_shadow_finds_its_light(start):
    """The encoder of another plugin sees the pictures, though the method knows nothing of it."""
    training = start(encoders={"shadow": {"type": "cast_shadow", "frames": 2}})
    shadow = training.avatar.encoders["shadow"]
    assert -0.3 < float(shadow.floor) < 0.3, "the soles of the person"
    step_through(training, 2)


def test_a_strangers_texture_takes_the_rate_of_textures(start):
    neural = {"type": "neural_texture", "size": 32, "levels": 2, "channels": 8}
    training = start(encoders={"texture": neural})
    charts = {id(c) for c in training.avatar.charts().values()}
    owned = {id(p) for g in training.method.textures.param_groups for p in g["params"]}
    assert len(charts) == 2 and owned == charts
    before = [c.detach().clone() for c in training.avatar.charts().values()]
    step_through(training, 2)
    after = training.avatar.charts().values()
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_renderer_of_another_method_that_fits(start):
    """`train --method anr renderer=style_unet` with the background it offers alpha for."""
    renderer = {
        "type": "style_unet",
        "background": "composite",
        "channel_multiplier": 0.125,
        "max_channels": 16,
        "style": 16,
    }
    training = start(renderer=renderer, crop={"size": None})
    losses = step_through(training, 6)
    assert {"pixel", "mask", "tv_mask"} <= set(losses[0])
    assert losses[-1]["loss"] < losses[0]["loss"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"renderer": {"type": "style_unet"}}, "needs alpha and alpha_logit and person from its"),
        (
            {"renderer": {"type": "deferred_unet"}},
            "renderer 'deferred_unet' offers auxiliary, back",
        ),
        ({"encoders": {"texture": None}}, "needs an encoder with a texture, such as uv_texture"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(start, values, says):
    with pytest.raises(UserError, match=says):
        start(**values)


def test_a_loss_of_ram_that_its_renderer_cannot_feed():
    with pytest.raises(UserError, match="'ram' needs alpha_logit from its renderer"):
        resolve_method("ram", preset="paper", overrides={"loss": {"alpha": 0.3}})
    resolve_method("ram", preset="paper", overrides={"loss": {"alpha": 0.0}})
