"""What pictures say of themselves, read by other programs' readers."""

from xml.etree import ElementTree

import av
import numpy as np
import pytest
from PIL import Image

from avatar_kit.io.image import write_image
from avatar_kit.io.picture_folder import PictureFolder
from avatar_kit.io.synthetic import COMPOSITE, TRAINED, Synthetic
from avatar_kit.io.video_writer import VideoWriter

SAID = Synthetic("ada <1>", "splat-ada", "splat", 'yes & "gladly"')
PICTURE = np.zeros((8, 10, 3), np.uint8)


def source_type(xmp) -> str:
    text = xmp if isinstance(xmp, str) else xmp.decode()
    tree = ElementTree.fromstring(text)
    name = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    return next(tree.iter(name)).text


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_say_it_in_xmp_and_in_a_line(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_image(path, PICTURE, synthetic=SAID)
    with Image.open(path) as image:
        info = image.info
        np.testing.assert_array_equal(np.asarray(image), PICTURE)
    xmp = info["XML:com.adobe.xmp"] if suffix == ".png" else info["xmp"]
    assert source_type(xmp) == TRAINED
    line = info["Description"] if suffix == ".png" else info["comment"].decode()
    assert line == SAID.line()
    for word in ("Synthetic", "ada <1>", "avatar-kit", "splat-ada", 'consent: yes & "gladly"'):
        assert word in line


def test_recorded_pictures_say_nothing(tmp_path):
    write_image(tmp_path / "a.png", PICTURE)
    with Image.open(tmp_path / "a.png") as image:
        assert not image.info


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_videos_say_it_in_their_comment(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with VideoWriter(path, 25, (10, 8), synthetic=SAID.beside_recorded()) as film:
        film.write(PICTURE)
    with av.open(str(path)) as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
    assert found["comment"] == f"{SAID.line()}; {COMPOSITE}"


def test_so_do_the_pictures_of_a_folder(tmp_path):
    with PictureFolder(tmp_path / "film", {}, SAID) as folder:
        folder.write(PICTURE)
    with Image.open(tmp_path / "film/000000.png") as image:
        assert source_type(image.info["XML:com.adobe.xmp"]) == TRAINED


def test_without_consent_nothing_is_said_of_it():
    assert "consent" not in Synthetic("ada", "run", "ram").line()
