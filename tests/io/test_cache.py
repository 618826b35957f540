"""The cache stays within its limit and keeps what is in use."""

import os

import pytest

from avatar_kit.errors import UserError
from avatar_kit.io.cache import cache_limit, mark_used


@pytest.fixture
def entries(tmp_path):
    """Three folders of 100 bytes each; the first was used longest ago."""
    made = []
    for k in range(3):
        folder = tmp_path / f"entry{k}"
        folder.mkdir()
        (folder / "frames.npy").write_bytes(b"x" * 100)
        os.utime(folder, (1000 + k, 1000 + k))
        made.append(folder)
    return made


@pytest.mark.parametrize(
    ("used", "limit", "stay"),
    [(2, 300, {0, 1, 2}), (2, 299, {1, 2}), (2, 150, {2}), (0, 200, {0, 2}), (1, 10, {1})],
)
def test_what_was_not_used_longest_goes_first(entries, used, limit, stay):
    mark_used(entries[used], limit)
    assert {k for k, folder in enumerate(entries) if folder.exists()} == stay


def test_use_counts_from_the_last_time(entries):
    mark_used(entries[0], 300)
    mark_used(entries[2], 200)
    assert [folder.exists() for folder in entries] == [True, False, True]


@pytest.mark.parametrize("text", ["many", "0", "-3", "nan"])
def test_a_limit_that_is_none_is_said(monkeypatch, text):
    monkeypatch.setenv("AVATAR_KIT_CACHE_GIB", text)
    with pytest.raises(UserError, match=f"AVATAR_KIT_CACHE_GIB={text}: expected a positive number"):
        cache_limit()


def test_the_limit_is_twenty_gib(monkeypatch):
    monkeypatch.delenv("AVATAR_KIT_CACHE_GIB", raising=False)
    assert cache_limit() == 20 * 2**30


def test_a_cache_that_is_deleted_meanwhile_is_no_error(tmp_path):
    gone = tmp_path / "frames" / "key"
    assert mark_used(gone, 100) == 0
    gone.parent.mkdir()
    assert mark_used(gone, 100) == 0


def test_folders_within_an_entry_count(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name / "masks").mkdir(parents=True)
        (tmp_path / name / "masks" / "all.bin").write_bytes(b"0" * 300)
    os.utime(tmp_path / "old", (0, 0))
    assert mark_used(tmp_path / "new", 400) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_links_count_as_links(tmp_path):
    """Of folders that are not ours to follow: a circle, and a file that is not there."""
    folder = tmp_path / "entry"
    folder.mkdir()
    (folder / "circle").symlink_to("circle")
    (folder / "nowhere").symlink_to(tmp_path / "absent")
    (folder / "file").write_bytes(bytes(100))
    assert mark_used(folder, 10_000) == 0
