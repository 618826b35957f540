"""What ``benchmarks/soak.py`` watches of real processes, but for the long runs."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.fixture(scope="module")
def soak():
    spec = importlib.util.spec_from_file_location("soak", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_two_first_starts_at_once_with_an_empty_cache(soak, tmp_path):
    found = soak.two_first_starts(tmp_path)
    assert found["own folders"] == [0, 0] and found["one folder"] == [0, 2]
    assert found["good"], found


@pytest.mark.slow
def test_a_cache_that_is_deleted_below_a_training(soak, tmp_path, capture_folder):
    assert soak.deleted_cache(tmp_path, capture_folder) == {"exit": 0, "good": True}


@pytest.mark.slow
def test_the_cache_stays_below_its_limit(soak, tmp_path):
    found = soak.limited_cache(tmp_path, captures=3)
    assert found["good"] and max(found["bytes_after_each"]) <= found["limit"], found
