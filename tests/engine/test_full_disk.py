"""On a disk that is really full nothing half-written is left, and the message says what to do."""

import os
import subprocess

import pytest
import torch

from avatar_kit.capture import CaptureView, Sample, open_capture
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.errors import UserError


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no command mount here")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_checkpoint(small_disk):
    small = {"w": torch.zeros(1000)}
    ckpt.save_checkpoint(small_disk, 1, small, small, {})
    large = {"w": torch.zeros(1_000_000)}
    for weights, training in ((large, small), (small, large)):
        with pytest.raises(UserError, match="the disk is full, checkpoint of step 2"):
            ckpt.save_checkpoint(small_disk, 2, weights, training, {})
        assert [p.name for p in small_disk.iterdir()] == ["step-000001"]
    (small_disk / "filler").write_bytes(b"0" * (os.statvfs(small_disk).f_bavail - 1) * 4096)
    with pytest.raises(UserError, match="the disk is full"):
        ckpt.save_checkpoint(small_disk, 2, small, small, {})
    assert ckpt.latest_checkpoint(small_disk)[0].step == 1


def test_the_cache_of_decoded_frames(small_disk, capture_folder, monkeypatch):
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(small_disk))
    view = CaptureView(open_capture(capture_folder), 256)
    with pytest.raises(
        UserError, match=r"the disk is full; .* move the cache \(AVATAR_KIT_CACHE\)"
    ):
        view.image(Sample(0, next(iter(view.cameras))))
    left = [p for p in small_disk.rglob("*") if p.is_file() and ".partial" in p.name]
    assert left == []
