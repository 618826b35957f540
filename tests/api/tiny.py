"""Values that make a training small enough for a test: every part is there, narrow."""

_SHARED = {
    "size": 64,
    "batch_size": 2,
    "device": "cpu",
    "evaluation.max_frames": 2,
    "evaluation.metrics": ["psnr"],
}

TINY = {
    "ram": {**_SHARED, "encoders.body.size": 32, "encoders.body.channels": 4},
    "anr": {
        **_SHARED,
        "crop.size": 48,
        "encoders.texture.size": 32,
        "renderer.widths": [6, 8],
        "loss": {"feature": 0.0, "adversarial": 0.0},
    },
    "splat": {
        **_SHARED,
        "batch_size": 1,
        "encoders.cloud.points": 600,
        "encoders.cloud.hull": 0,
        "encoders.cloud.light": False,
        "encoders.cloud.self_shadow": False,
    },
}
