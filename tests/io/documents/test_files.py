"""Only regular files are read, and none that is larger than what it should be."""

import os

import pytest

from avatar_kit.errors import UserError
from avatar_kit.io.documents import opened, read_bytes, read_text


def _pipe(path):
    os.mkfifo(path)


def _loop(path):
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_pipe, "is a pipe; expected a plan"),
        (lambda path: path.mkdir(), "is a folder; expected a plan"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device; expected a plan"),
        (_loop, "its links lead in a circle"),
        (lambda path: None, "no such plan; write one"),
        (lambda path: path.parent.joinpath("f").touch(), "no such plan; write one"),
    ],
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, make, says):
    path = tmp_path / "here"
    make(path)
    with pytest.raises(UserError, match=says) as refused:
        read_bytes(path, what="plan", limit=10, fix="write one")
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("file/below", "a part of the path is a file"),
        ("x" * 300, "the name is too long"),
        ("a\0b", "no file can have"),
    ],
)
def test_names_that_no_file_has(tmp_path, name, says):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=says):
        read_bytes(tmp_path / name, limit=10)


def test_what_is_larger_than_it_can_be_is_not_read(tmp_path):
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no room
    with pytest.raises(UserError, match=r"huge.json: has 1.05e\+06 MiB, more than any plan"):
        read_bytes(huge, what="plan", limit=1 << 20)


def test_text_is_utf_8(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffgrün".encode())
    assert read_text(path, limit=100) == "grün"
    path.write_bytes(b"gr\xfcn")
    with pytest.raises(UserError, match=r"a.txt: is no text \(byte 2 is not UTF-8\)"):
        read_text(path, limit=100)


def test_an_error_of_whoever_reads_is_left_alone(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(OSError, match="truncated"), opened(tmp_path / "a"):
        raise OSError("truncated")
