"""Numbers out of pickles, and nothing else."""

import io
import os
import pickle
import pickletools
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csc_matrix, csr_matrix

from avatar_kit.errors import UserError
from avatar_kit.io.plain_pickle import read_pickle, unpickled

DTYPES = ["<f4", ">f8", "<i2", "|b1", "<u8"]

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | hnp.arrays(
        st.sampled_from(["<f4", ">f8", "<i2", "|b1", "<u8"]), hnp.array_shapes(max_dims=3)
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


def same(a, b):
    if isinstance(a, np.ndarray):
        ours = a.astype(a.dtype.newbyteorder("="))  # torch reads no other order
        return ours.dtype == b.dtype and a.shape == b.shape and ours.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@settings(max_examples=150, deadline=None)
@given(value=PLAIN, protocol=st.integers(0, 5))
def test_what_pickle_writes_is_read(value, protocol):
    assert same(value, unpickled(pickle.dumps(value, protocol), "a"))


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_any_order_and_shared_ones(protocol):
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    value = {"a": fortran, "again": fortran, "scalar": np.float32(2.5), "cut": np.arange(9)[::2]}
    found = unpickled(pickle.dumps(value, protocol), "a")
    assert found["a"] is found["again"] and found["scalar"] == 2.5
    np.testing.assert_array_equal(found["a"], fortran)
    np.testing.assert_array_equal(found["cut"], value["cut"])


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3)])
def test_what_joblib_writes_is_read(compress, tmp_path):
    joblib = pytest.importorskip("joblib")
    value = {"x": [np.arange(12.0).reshape(3, 4), {"y": np.ones((2, 3, 3), np.float32)}], 5: "text",
             "objects": np.array([{"a": np.arange(3)}, None], dtype=object)}  # fmt: skip
    joblib.dump(value, tmp_path / "a.pkl", compress=compress)
    found = read_pickle(tmp_path / "a.pkl")
    np.testing.assert_array_equal(found["x"][0], value["x"][0])
    np.testing.assert_array_equal(found["x"][1]["y"], value["x"][1]["y"])
    assert found[5] == "text"
    np.testing.assert_array_equal(found["objects"][0]["a"], np.arange(3))


class Calls:
    """Unpickled by pickle, this would make a folder."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "harm",
    [(os.mkdir, "harm"), (eval, "__import__('os').mkdir('harm')"), (getattr, "text", "upper")],
)
def test_nothing_is_called(harm, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"poses": np.zeros(3), "x": Calls(*harm)}, protocol)
    with pytest.raises(UserError, match="may run code"):
        unpickled(content, "a.pkl")
    assert not (tmp_path / "harm").exists()
    if harm[0] is os.mkdir:  # and it is a pickle that does run
        pickle.loads(content)
        assert (tmp_path / "harm").exists()


def test_old_instructions_that_call_are_refused():
    for content in (b"(S'ls'\nios\nsystem\n.", b"\x80\x02\x82\x01.", b"Pid\n.", b"]Q."):
        with pytest.raises(UserError, match=r"may run code|damaged"):
            unpickled(content, "a.pkl")


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 400), byte=st.integers(0, 255), cut=st.booleans())
def test_damage_is_a_user_error_or_harmless(at, byte, cut):
    content = bytearray(pickle.dumps({"poses": np.zeros((3, 4)), "n": [1, {"a": (2.0, "b")}]}, 4))
    at %= len(content)
    content[at] = byte
    try:
        unpickled(bytes(content[:at] if cut else content), "a.pkl")
    except UserError as error:
        assert str(error).startswith("a.pkl: ")


def test_sizes_are_checked_before_anything_is_allocated():
    content = pickle.dumps(np.zeros((2, 2)), 2)
    names = [op.name for op, _, _ in pickletools.genops(io.BytesIO(content))]
    assert "BUILD" in names
    huge = content.replace(b"K\x02K\x02", b"J\xff\xff\xff\x7fK\x02")
    assert huge != content
    with pytest.raises(UserError, match="damaged"):
        unpickled(huge, "a.pkl")


def test_a_bomb_of_zeros_is_refused(tmp_path, monkeypatch):
    import zlib

    import avatar_kit.io.plain_pickle as module

    monkeypatch.setattr(module, "LARGEST", 1 << 20)
    (tmp_path / "a.pkl").write_bytes(zlib.compress(bytes(4 << 20)))
    with pytest.raises(UserError, match="unpacks to more than"):
        read_pickle(tmp_path / "a.pkl")


def test_sparse_matrices_and_ordered_mappings(tmp_path):
    dense = np.random.default_rng(0).random((3, 5)).round()
    held = OrderedDict(c=csc_matrix(dense), r=csr_matrix(dense), empty=csr_matrix((2, 1)))
    for protocol in range(6):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(held, protocol))
        found = read_pickle(tmp_path / "a.pkl")
        np.testing.assert_array_equal(found["c"], dense)
        np.testing.assert_array_equal(found["r"], dense)
        assert found["empty"].shape == (2, 1)


def test_the_array_in_an_object_of_chumpy():
    """As Python 2 wrote it: copy_reg rebuilds an object and sets its attributes."""
    array = pickle.dumps(np.arange(3.0), 2)[2:-1]
    content = b"ccopy_reg\n_reconstructor\n(cchumpy.ch\nCh\nc__builtin__\nobject\nNtR"
    content += b"}(U\x01x" + array + b"U\x05dirtyI01\nub."
    np.testing.assert_array_equal(unpickled(content, "a"), np.arange(3.0))
    with pytest.raises(UserError, match="damaged"):
        unpickled(content.replace(b"cchumpy.ch\nCh", b"c__builtin__\ndict"), "a")


def test_an_npy_with_an_object(tmp_path):
    held = {"cams": {"K": [np.eye(3)]}, "ims": [{"ims": np.array(["a.jpg", "b.jpg"])}]}
    np.save(tmp_path / "a.npy", held, allow_pickle=True)
    found = read_pickle(tmp_path / "a.npy")
    np.testing.assert_array_equal(found["cams"]["K"][0], np.eye(3))
    assert found["ims"][0]["ims"].tolist() == ["a.jpg", "b.jpg"]
    np.save(tmp_path / "b.npy", np.eye(3))
    with pytest.raises(UserError, match="of plain numbers"):
        read_pickle(tmp_path / "b.npy")
