"""A folder of pictures: gone on with where it stopped, and never mixed with another."""

import json

import numpy as np
import pytest

from avatar_kit.errors import UserError
from avatar_kit.io import read_image
from avatar_kit.io.picture_folder import RECORD, PictureFolder

ABOUT = {"motion": "abc", "size": (4, 3)}


def picture(i):
    return np.full((3, 4, 4), i, np.uint8)


def test_it_goes_on_after_what_is_there(tmp_path):
    root = tmp_path / "out" / "frames"
    with pytest.raises(RuntimeError), PictureFolder(root, ABOUT) as folder:
        for i in range(3):
            folder.write(picture(i))
        raise RuntimeError
    (root / ".000003.1-abc.partial.png").write_bytes(b"half")
    again = PictureFolder(root, ABOUT)
    assert again.done == 3
    with again:
        again.write(picture(3))
    assert sorted(p.name for p in root.iterdir()) == [*(f"{i:06d}.png" for i in range(4)), RECORD]
    assert all((read_image(again.path(i), mode="RGBA") == i).all() for i in range(4))


def test_a_hole_is_filled_and_what_follows_is_written_anew(tmp_path):
    with PictureFolder(tmp_path, ABOUT) as folder:
        for i in range(3):
            folder.write(picture(i))
    folder.path(1).unlink()
    assert PictureFolder(tmp_path, ABOUT).done == 1


def test_another_rendering_is_refused_and_left_alone(tmp_path):
    with PictureFolder(tmp_path, ABOUT) as folder:
        folder.write(picture(0))
    with pytest.raises(UserError, match="another rendering, which differs in motion; choose"):
        PictureFolder(tmp_path, {**ABOUT, "motion": "xyz"})
    with pytest.raises(UserError, match="differs in fps"):
        PictureFolder(tmp_path, {**ABOUT, "fps": 25})
    assert json.loads((tmp_path / RECORD).read_text())["motion"] == "abc"


def test_what_is_no_rendering_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match=r"not empty, and no rendering \(no rendering.json\)"):
        PictureFolder(tmp_path, ABOUT)
    with pytest.raises(UserError, match=r"thesis\.txt: is a file"):
        PictureFolder(tmp_path / "thesis.txt", ABOUT)
    (tmp_path / RECORD).write_text("[")
    with pytest.raises(UserError, match=r"rendering\.json: not valid JSON"):
        PictureFolder(tmp_path, ABOUT)
    assert (tmp_path / "thesis.txt").read_text() == "precious"
