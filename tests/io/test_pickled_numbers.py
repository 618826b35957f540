"""Pickles of numbers come back as they are; what else a pickle names is refused, and not run."""

import os
import pickle
import zlib
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.sparse import csc_matrix, csr_matrix

from avatar_kit.errors import UserError
from avatar_kit.io.pickled_numbers import read_pickled_numbers

TYPES = ("bool", "int8", "uint8", "int64", "float16", "float32", "float64", ">f4", ">i2")
numbers = st.one_of(
    st.sampled_from(TYPES).flatmap(
        lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0))
    ),
    st.floats(allow_nan=False),
    st.integers(),
    st.booleans(),
    st.text(max_size=8),
    st.none(),
)
nested = st.recursive(
    numbers,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


EVERY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def same(a, b):
    if isinstance(b, np.ndarray | np.generic):
        assert np.asarray(a).dtype == b.dtype and np.shape(a) == b.shape
        np.testing.assert_array_equal(a, b)
    elif isinstance(b, dict):
        assert list(a) == list(b)
        for key in b:
            same(a[key], b[key])
    elif isinstance(b, list | tuple):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert a == b and type(a) is type(b)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=nested, protocol=st.integers(0, 5))
def test_comes_back(tmp_path, value, protocol):
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    same(read_pickled_numbers(path), value)


def test_arrays_in_fortran_order_sparse_and_ordered(tmp_path):
    path, dense = tmp_path / "file.pkl", np.random.default_rng(0).random((3, 5)).round()
    held = OrderedDict(f=np.asfortranarray(dense), c=csc_matrix(dense), r=csr_matrix(dense))
    held["scalar"] = np.float32(0.5)
    path.write_bytes(pickle.dumps(held, protocol=2))
    found = read_pickled_numbers(path)
    for key in "fcr":
        np.testing.assert_array_equal(found[key], dense)
    assert found["scalar"] == np.float32(0.5)


@pytest.mark.parametrize("compress", [0, 3])
def test_files_of_joblib(tmp_path, compress):
    joblib = pytest.importorskip("joblib", reason="writes the file that we read")
    held = {1: {"pose": np.random.default_rng(1).random((4, 72)), "names": ["a", "b"]}}
    held[2] = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    joblib.dump(held, tmp_path / "file.pkl", compress=compress)
    same(read_pickled_numbers(tmp_path / "file.pkl"), held)


def test_an_npy_with_an_object(tmp_path):
    held = {"cams": {"K": [np.eye(3)]}, "ims": [{"ims": np.array(["a.jpg", "b.jpg"])}]}
    np.save(tmp_path / "file.npy", held, allow_pickle=True)
    same(read_pickled_numbers(tmp_path / "file.npy"), held)


class Calls:
    def __init__(self, *what):
        self.what = what

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize(
    ("evil", "named"),
    [
        (lambda p: Calls(os.mkdir, (str(p),)), "mkdir"),
        (lambda p: Calls(eval, (f"__import__('os').mkdir({str(p)!r})",)), "eval"),
        (lambda p: Calls(getattr, (os, "mkdir")), "getattr"),
        (lambda p: np.array([Calls(os.mkdir, (str(p),))], dtype=object), "mkdir"),
        (lambda p: {"a": [Calls(os.mkdir, (str(p),))]}, "mkdir"),
    ],
)
def test_nothing_runs(tmp_path, evil, named):
    made, path = tmp_path / "made", tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps(evil(made) if named != "getattr" else Calls(getattr, (int, "x"))))
    with pytest.raises(UserError, match=named) as caught:
        read_pickled_numbers(path)
    assert not made.exists() and str(path) in str(caught.value)


def test_a_compressed_file_that_grows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("avatar_kit.io.pickled_numbers._LARGEST", 1 << 20)
    path = tmp_path / "file.pkl"
    path.write_bytes(zlib.compress(pickle.dumps(np.zeros(1 << 20, np.uint8)) + bytes(1 << 22)))
    with pytest.raises(UserError, match="unpacks to more than"):
        read_pickled_numbers(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(0, 400), at=st.integers(0, 400), byte=st.integers(0, 255))
def test_damage_is_a_user_error(tmp_path, cut, at, byte):
    """Cut or changed anywhere, a file is read, or refused in one line; never a traceback."""
    raw = bytearray(pickle.dumps({"a": np.arange(20.0), "b": [1, "x"]}, protocol=2))
    raw[at % len(raw)] = byte
    path = tmp_path / "file.pkl"
    path.write_bytes(bytes(raw[: cut or None]))
    try:
        read_pickled_numbers(path)
    except UserError as error:
        assert "\n" not in str(error).replace(str(path), "")


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_pickled_numbers(tmp_path / "absent.pkl")
