"""What the process that watches does beside following a person."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from avatar_kit.live import watching


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin")
@pytest.mark.parametrize(("cores", "kept"), [({0, 1}, [0]), ({2, 5, 3}, [2, 3]), ({4}, None)])
def test_one_core_is_left_to_the_drawing(monkeypatch, cores, kept):
    chosen = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: cores)
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, mask: chosen.append(mask))
    watching._leave_a_core()
    assert chosen == ([] if kept is None else [kept])


@pytest.mark.parametrize(("size", "shown"), [((1280, 720), (640, 360)), ((300, 200), (300, 200))])
def test_the_page_is_shown_the_whole_picture_small(size, shown):
    down, across = np.mgrid[0 : size[1], 0 : size[0]]
    picture = np.stack([255 * across / size[0], 255 * down / size[1], 0 * down], -1)
    with Image.open(io.BytesIO(watching._preview(picture.astype(np.uint8)))) as image:
        assert image.size == shown
        again = np.asarray(image.convert("RGB").resize(size), float)
    assert np.abs(again - picture).mean() < 3
