import pytest

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
