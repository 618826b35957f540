"""HDF5 files: what h5py writes comes back, and damage anywhere is a message that names the file."""

import numpy as np
import pytest
from avatar_kit_datasets.hdf5 import open_hdf5
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError

h5py = pytest.importorskip("h5py", reason="needs the extra datasets")

ARRAYS = {
    "SMPLx/betas": np.arange(10.0),
    "Mask/0/mask/0": np.full((5, 4), 255, np.uint8),
    "rows": np.arange(12).reshape(4, 3),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("hdf5") / "whole.h5"
    with h5py.File(path, "w") as file:
        for key, values in ARRAYS.items():
            file.create_dataset(key, data=values, chunks=values.shape, compression="gzip")
        file["word"], file["one"] = "text", 3.0
    return path


def test_arrays_come_back(path):
    with open_hdf5(path, "test") as file:
        assert sorted(file.names()) == ["Mask", "SMPLx", "one", "rows", "word"]
        for key, values in ARRAYS.items():
            np.testing.assert_array_equal(file.array(key), values)
        np.testing.assert_array_equal(file.array("rows", 2), ARRAYS["rows"][2])
        assert file.count("rows") == 4 and "Mask/0" in file and "Mask/1" not in file
        assert file.names("rows") == file.names("nothing") == []


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda f: f.array("SMPLx"), "key 'SMPLx' holds no array"),
        (lambda f: f.array("SMPLx/nothing"), r"'SMPLx/nothing' is missing \(keys: .*rows"),
        (lambda f: f.array("word"), "key 'word' holds object, expected numbers"),
        (lambda f: f.array("rows", 4), r"key 'rows' has no row 4 \(shape \(4, 3\)\)"),
        (lambda f: f.count("one"), "key 'one' is a single value"),
    ],
)
def test_what_is_not_there_is_said(path, read, message):
    with open_hdf5(path, "test") as file, pytest.raises(UserError, match=message):
        read(file)


def test_an_array_that_claims_too_much_is_refused(tmp_path):
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("large", (1 << 20, 1 << 12), "f8", chunks=(1, 4096))
    with open_hdf5(path, "test") as file, pytest.raises(UserError, match=r"claims .* than is read"):
        file.array("large")


@settings(deadline=None, max_examples=300)
@given(at=st.integers(0, 10**6), byte=st.integers(0, 255), length=st.integers(1, 16))
def test_damage_is_a_message_that_names_the_file(path, tmp_path_factory, at, byte, length):
    data = bytearray(path.read_bytes())
    at %= len(data)
    data[at : at + length] = bytes([byte]) * length
    broken = tmp_path_factory.getbasetemp() / "broken.h5"
    broken.write_bytes(data)
    try:
        with open_hdf5(broken, "test") as file:
            for key in ("/", "SMPLx", "Mask", "Mask/0", "Mask/0/mask"):
                file.names(key)
            for key in ARRAYS:
                file.array(key)
    except UserError as error:
        assert "broken.h5" in str(error)
