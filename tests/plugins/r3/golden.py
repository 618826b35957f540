"""Small cases that another implementation computed; the formulas are told beside them."""

import numpy as np
import torch

from tests.conftest import shared_file


def golden(name, dtype=torch.float64):
    """The arrays of a case by name; skips the test where they are absent."""
    with np.load(shared_file(f"golden/r3_{name}.npz")) as file:
        found = {key: torch.from_numpy(file[key]) for key in file.files}
    return {k: v.to(dtype) if v.is_floating_point() else v.long() for k, v in found.items()}


def close(found, expected, tolerance=1e-6):
    """Within a share of the largest value."""
    away = float((found - expected).abs().max()) / float(expected.abs().max())
    assert away <= tolerance, f"{away:.1e} of the largest value apart"
