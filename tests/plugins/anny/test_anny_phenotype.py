import itertools

import pytest
import torch
from avatar_kit_anny.phenotype import (
    ANCESTRIES,
    SHAPE_NAMES,
    VARIATIONS,
    coefficients,
    corner_table,
)

ADULT = {"gender": 0.25, "age": 0.75, "muscle": 0.4, "weight": 0.9}


def shape_of(**values):
    return torch.tensor([[values.get(name, 0.5) for name in SHAPE_NAMES]])


def test_weights_of_a_grid_sum_to_one():
    labels = ["-".join(c) for c in itertools.product(*(VARIATIONS[n] for n in ADULT))]
    c = coefficients(torch.rand(20, len(SHAPE_NAMES)), corner_table(labels))
    assert torch.allclose(c.sum(1), torch.ones(20), atol=1e-6)


def test_coefficient_is_the_product_of_linear_weights():
    table = corner_table(["female-old-averagemuscle-maxweight", "male-young-minmuscle-maxweight"])
    found = coefficients(shape_of(**ADULT), table)[0]
    # age 0.75 lies a quarter of the way from young (2/3) to old (1)
    expected = [0.25 * 0.25 * 0.8 * 0.8, 0.75 * 0.75 * 0.2 * 0.8]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_ancestries_share_one():
    table = corner_table(list(ANCESTRIES))
    assert coefficients(shape_of(african=0.6, asian=0.2, caucasian=0.0), table).tolist()[
        0
    ] == pytest.approx([0.75, 0.25, 0.0])
    none = coefficients(shape_of(african=0.0, asian=0.0, caucasian=0.0), table)
    assert none.tolist()[0] == pytest.approx([1 / 3] * 3)


def test_values_outside_are_clamped():
    table = corner_table(["male-baby", "female-old"])
    assert coefficients(shape_of(gender=-3.0, age=-1.0), table).tolist() == [[1.0, 0.0]]
    assert coefficients(shape_of(gender=2.0, age=9.0), table).tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_grid_points_keep_a_slope(value):
    shape = shape_of(muscle=value).requires_grad_()
    coefficients(shape, corner_table(["averagemuscle"])).sum().backward()
    assert abs(shape.grad[0, SHAPE_NAMES.index("muscle")].item()) == 2.0


def test_gradient_of_the_interior():
    labels = ["female-old-averagemuscle-maxweight-mincup-maxfirmness", "asian-female-young"]
    shape = (torch.rand(2, len(SHAPE_NAMES), dtype=torch.float64) * 0.2 + 0.7).requires_grad_()
    table = corner_table(labels)
    assert torch.autograd.gradcheck(lambda s: coefficients(s, table), shape)
