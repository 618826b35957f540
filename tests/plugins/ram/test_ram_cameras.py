"""RAM with several cameras: the person alone before the scene of each, or a clear refusal."""

import torch

from avatar_kit.config import resolve_method
from avatar_kit.engine.evaluation import evaluate
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import open_view, set_up
from avatar_kit.testing.capture import small_capture
from avatar_kit.testing.method import step_through


def test_it_paints_the_person_before_the_scene_of_every_camera(tmp_path):
    root = small_capture(tmp_path / "three", cameras=3, held_out_camera=True).root
    values = {
        "data": {"type": "capture", "path": str(root)},
        "size": 64,
        "steps": 24,
        "encoders": {"body": {"size": 32}, "shell": None, "shadow": {"frames": 2}},
        "renderer": {
            "background": "composite",
            "shadow": None,
            "channel_multiplier": 0.125,
            "max_channels": 16,
            "style": 16,
        },
        "loss": {"perceptual": 0.0},
        "evaluation": {"metrics": ["psnr"], "max_frames": 2},
    }
    config = resolve_method("ram", preset="demo", overrides=values).config
    training = set_up(config, RunFolder(tmp_path / "run"), open_view(config))
    losses = step_through(training, 24)
    assert {"alpha", "pixel"} <= set(losses[0]) and losses[-1]["loss"] < 0.6 * losses[0]["loss"]
    scene = training.avatar.renderer.scene
    assert len(scene.pictures) == 2, "a plate for each camera that trained"
    assert torch.isfinite(training.avatar.encoders["shadow"].floor)
    splits = evaluate(training.avatar, training.view, training.config)["splits"]
    assert set(splits) == {"test", "novel_view"} and splits["novel_view"]["psnr"] > 8
