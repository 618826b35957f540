"""What OpenCV's FileStorage writes, in the versions that people have."""

import numpy as np
import pytest
from avatar_kit_datasets.formats.easymocap import opencv_yaml

from avatar_kit.errors import UserError

MATRIX = "K_1: !!opencv-matrix\n   rows: 2\n   cols: 3\n   dt: d\n   data: [1, 2, 3, 4, 5, 6]\n"
VECTOR = "dist_1: !!opencv-nd-matrix\n   sizes: [ 3 ]\n   dt: d\n   data: [ 1., 2., 3. ]\n"


@pytest.mark.parametrize("head", ["%YAML:1.0\n---\n", "%YAML 1.2\n---\n"])
def test_matrices_and_vectors(tmp_path, head):
    path = tmp_path / "intri.yml"
    path.write_text(head + MATRIX + VECTOR)
    found = opencv_yaml(path)
    np.testing.assert_array_equal(found.array("K_1", (2, 3)), [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(found.array("dist_1", (None,)), [1, 2, 3])


@pytest.mark.parametrize("sizes", ["[ 4 ]", "[ x ]", "3", "[ -1, -1 ]"])
def test_sizes_that_do_not_fit_are_refused(tmp_path, sizes):
    path = tmp_path / "intri.yml"
    path.write_text("%YAML 1.2\n---\n" + VECTOR.replace("[ 3 ]", sizes))
    with pytest.raises(UserError, match=r"intri\.yml: not valid YAML"):
        opencv_yaml(path)
