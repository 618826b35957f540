"""Presets of RAM-Avatar: what differs from the defaults, which are the paper's figures."""

from __future__ import annotations

from typing import Any

RAM_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "renderer": {"bare_skips": True},
        "loss": {"pixel": 10.0, "smooth": 0.025},
        "optimizer": {"betas": (0.9, 0.999), "end": 0.05, "clip": 1.0},
    },
    "light": {
        "size": 512,
        "steps": 40_000,
        "batch_size": 2,
        "encoders": {"body": {"size": 512}},
        "renderer": {"channel_multiplier": 1.0},
        "optimizer": {"learning_rate": 1e-3, "texture_learning_rate": 1e-2},
        "discriminator": {"channel_multiplier": 1.0, "learning_rate": 1e-3},
        "average": 500.0,
    },
    "demo": {
        "size": 256,
        "steps": 500,
        "batch_size": 2,
        "encoders": {
            "body": {
                "type": "neural_texture",
                "channels": 16,
                "size": 256,
                "levels": 4,
                "normals": True,
            },
            "shell": {
                "type": "neural_texture",
                "channels": 8,
                "size": 256,
                "levels": 4,
                "expansion": 0.03,
            },
            "face": {"channels": 4},
            "hands": {"channels": 4},
            "shadow": {"type": "cast_shadow"},
            "style": None,
        },
        "renderer": {
            "channel_multiplier": 0.1875,
            "max_channels": 64,
            "style": 64,
            "background": "plate",
            "shadow": "shadow",
            "shortcut": True,
        },
        "checkpoint": {"every": 200},
        "average": None,
        "stages": {"texture_until": 150_000},
        "discriminator": {
            "channel_multiplier": 0.125,
            "max_channels": 64,
            "learning_rate": 2e-3,
        },
        "loss": {
            "hand": 0.0,
            "adversarial": 0.0,
            "smooth": 0.05,
            "perceptual": 0.15,
            "perceptual_stages": 2,
            "perceptual_crop": 64,
        },
        "optimizer": {
            "learning_rate": 1e-2,
            "texture_learning_rate": 2e-2,
            "weight_decay": 0.0,
        },
    },
}

_DEMO = RAM_PRESETS["demo"]

#: As ``demo``, with a network of a quarter of the work.
RAM_PRESETS["live"] = {
    **_DEMO,
    "renderer": {**_DEMO["renderer"], "channel_multiplier": 0.09375, "max_channels": 32},
}
