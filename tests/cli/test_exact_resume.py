"""Straight through, or stopped half-way and resumed: every method ends with the same bits."""

import os

import pytest
from safetensors.torch import load_file

from avatar_kit.registry import catalog

#: What makes a method small; one that is not here is trained as it is.
SMALL = {
    "ram": ("encoders.body.size=32", "encoders.body.channels=4"),
    "anr": ("crop.size=48", "encoders.texture.size=32", "renderer.widths=[6,8]"),
    "dnr": ("crop.size=48", "renderer.widths=[6,8]"),
    "splat": ("encoders.cloud.points=600", "encoders.cloud.hull=100"),
    "r3": ("encoders.cloud.points=600", "encoders.cloud.hull=100"),
    "mmlp": (
        *("encoders.cloud.points=600", "encoders.cloud.hull=100", "encoders.cloud.anchors=5"),
        *("encoders.cloud.controls=60", "loss.perceptual=0"),
    ),
}


def tensors(run):
    folder = run / "checkpoints" / "step-000012"
    return load_file(folder / "weights.safetensors") | load_file(folder / "training.safetensors")


@pytest.mark.slow  # three trainings of each method, with the threads that the machine has
@pytest.mark.parametrize("method", catalog().names("method"))
def test_six_steps_and_six_are_twelve(method, cli, capture_folder, tmp_path):
    words = ("--method", method, "--data", capture_folder, "size=64", "steps=12")
    measure = ("evaluation.metrics=[psnr]", "evaluation.max_frames=1", *SMALL.get(method, ()))
    threads = {f"{name}_NUM_THREADS": str(os.cpu_count()) for name in ("OMP", "NUMBA")}
    cli("train", *words, *measure, "--out", tmp_path / "straight", **threads)
    cli("train", *words, *measure, "--out", tmp_path / "halves", "stop_at=6", **threads)
    cli("train", "--resume", tmp_path / "halves", **threads)
    one, other = tensors(tmp_path / "straight"), tensors(tmp_path / "halves")
    assert one.keys() == other.keys()
    differ = [name for name in one if not one[name].equal(other[name])]
    assert not differ, f"{len(differ)} of {len(one)} tensors differ: {differ[:3]}"
