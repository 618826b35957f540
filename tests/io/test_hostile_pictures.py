"""Pictures that somebody else made: nothing is decoded that claims too much or starts a program."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from avatar_kit.errors import UserError
from avatar_kit.io import read_image
from avatar_kit.io.image import decoded_image, opened_image


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + b"".join(chunks) + _chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_a_picture_that_claims_too_many_pixels_is_not_decoded(tmp_path, side):
    path = tmp_path / "bomb.png"
    path.write_bytes(_png(side, side, _chunk(b"IDAT", zlib.compress(b"\0" * 10_000))))
    with pytest.raises(UserError, match=r"bomb.png: .*claims (pictures of 9000x9000|more) pixels"):
        read_image(path)


def test_a_text_that_unpacks_to_a_gigabyte_is_refused(tmp_path):
    path = tmp_path / "text.png"
    text = b"a\0\0" + zlib.compress(b"\0" * (80 << 20), 9)
    path.write_bytes(_png(2, 2, _chunk(b"zTXt", text), _chunk(b"IDAT", zlib.compress(b"\0" * 14))))
    with pytest.raises(UserError, match=r"text.png: cannot be read as a picture \(Decompressed"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nquit\n"),
        ("b.jpg", b"GIF89a" + bytes(20)),
        ("c.png", b"8BPS" + bytes(40)),
    ],
)
def test_formats_that_no_camera_writes_are_not_opened(tmp_path, name, start):
    with pytest.raises(UserError, match=r"key 'x': cannot be read as a picture"):
        decoded_image(start, "a.smc: key 'x'")
    (tmp_path / name).write_bytes(start)
    with pytest.raises(UserError, match="expected PNG, JPEG, WEBP, BMP, TIFF"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_values_of_16_bits_are_not_cut(tmp_path, mode):
    path = tmp_path / "mask.png"
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(path)
    with pytest.raises(UserError, match=r"mask.png: its values have 16 bits or more.*8 bits"):
        read_image(path, mode=mode)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UserError, match="is a pipe; expected a picture"):
        read_image(tmp_path / "a.png")


def test_the_header_alone_is_read(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(_png(30, 20, _chunk(b"IDAT", b"no pixels")))
    with opened_image(path) as image:
        assert image.size == (30, 20)
    with pytest.raises(UserError, match=r"a.png: cannot be read as a picture"):
        read_image(path)
