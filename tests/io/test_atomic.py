import subprocess
import sys

import pytest

from avatar_kit.errors import UserError
from avatar_kit.io import atomic_path


def test_appears_whole_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "new" / "file.npz"
    with atomic_path(target) as partial:
        assert partial.suffix == ".npz"
        partial.write_text("done")
        assert not target.exists()
    assert target.read_text() == "done"
    assert list(target.parent.iterdir()) == [target]


def test_error_keeps_what_was_there(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("before")
    with pytest.raises(RuntimeError, match="half way"), atomic_path(target) as partial:
        partial.write_text("half")
        raise RuntimeError("half way")
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("file/a.npz", "a file of that name is there already"),
        ("folder", "it is a folder; name a file"),
        ("x" * 300 + ".npz", "the name is too long"),
        ("loop/a.npz", "a file of that name is there already"),
    ],
)
def test_where_nothing_can_be_written(tmp_path, name, says):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.rglob("*"))
    with (
        pytest.raises(UserError, match=f"cannot be written: {says}"),
        atomic_path(tmp_path / name) as partial,
    ):
        partial.write_text("x")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_the_umask_whoever_wrote_the_file(tmp_path, mask):
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from avatar_kit.io import atomic_path\n"
        f"os.umask({mask})\n"
        "with atomic_path(sys.argv[1]) as partial:\n"
        "    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600))\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "a"], check=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
