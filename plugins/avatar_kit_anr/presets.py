"""Presets of ANR and DNR: what differs from the defaults, which are the papers' figures."""

from __future__ import annotations

from typing import Any

ANR_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "light": {
        "size": 512,
        "steps": 40_000,
        "batch_size": 4,
        "crop": {"size": 256},
        "renderer": {"widths": (32, 64, 128, 256, 256), "residual": True},
        "discriminator": {"width": 32},
        "optimizer": {"cosine": True},
    },
    "demo": {
        "size": 256,
        "steps": 800,
        "batch_size": 4,
        "crop": {"size": 128, "scale": (0.75, 1.25), "person": 0.8},
        "encoders": {"texture": {"jitter": 0.005}},
        "renderer": {"widths": (16, 32, 64, 96), "norm": "none", "residual": True},
        "loss": {"adversarial": 0.0, "feature": 1.0, "composite": 10.0},
        "features": {"stages": (1.0, 1.0), "crop": 48},
        # With a few hundred steps the texture needs all of them: see docs/methods/anr.md.
        "split": None,
        "optimizer": {
            "learning_rate": 5e-3,
            "texture_learning_rate": 5e-2,
            "betas": (0.9, 0.99),
            "cosine": True,
        },
        "checkpoint": {"every": 200},
    },
}

DNR_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "light": {
        "size": 512,
        "steps": 40_000,
        "batch_size": 4,
        "encoders": {"texture": {"size": 512}},
        "renderer": {"widths": (32, 64, 128, 256, 256)},
        "optimizer": {"learning_rate": 2e-4, "texture_learning_rate": 2e-3, "cosine": True},
    },
    "demo": {
        "size": 256,
        "steps": 900,
        "batch_size": 4,
        "crop": {"size": 128, "scale": (0.75, 1.25), "person": 0.8},
        "encoders": {"texture": {"size": 256}},
        "renderer": {"widths": (16, 32, 64, 96), "norm": "none"},
        "loss": {"feature": 0.1},
        "features": {"stages": (1.0, 1.0), "crop": 48},
        "optimizer": {
            "learning_rate": 5e-3,
            "texture_learning_rate": 5e-2,
            "betas": (0.9, 0.99),
            "cosine": True,
        },
        "checkpoint": {"every": 200},
    },
}
