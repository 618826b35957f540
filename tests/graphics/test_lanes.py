"""Eight numbers at a time against numpy."""

import numpy as np
import pytest

from avatar_kit.graphics.jit import kernel
from avatar_kit.graphics.lanes import (
    WIDTH,
    count_up,
    exp2,
    load,
    multiply_add,
    spread,
    store,
    total,
    where_more,
)


@kernel
def everything(a, b, out, start):
    x, y = load(a, start), load(b, start)
    store(out[0], 0, x + y)
    store(out[1], 0, x - y)
    store(out[2], 0, x * y)
    store(out[3], 0, x / y)
    store(out[4], 0, multiply_add(x, y, spread(a[0])))
    store(out[5], 0, where_more(x, y, x, spread(a[1])))
    store(out[6], 0, count_up(b[2]))
    return total(x)


@kernel
def powers(values, out):
    for i in range(0, len(values), WIDTH):
        store(out, i, exp2(load(values, i)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arithmetic(dtype):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=30).astype(dtype) for _ in range(2))
    out, (x, y) = np.empty((7, WIDTH), dtype), (v[3 : 3 + WIDTH] for v in (a, b))
    found = everything(a, b, out, 3)
    expected = [x + y, x - y, x * y, x / y, x * y + a[0], np.where(x > y, x, a[1])]
    expected.append(b[2] + np.arange(WIDTH, dtype=dtype))
    np.testing.assert_allclose(out, expected, rtol=0, atol=10 * np.finfo(dtype).eps)
    assert found == pytest.approx(x.sum(), rel=1e-5)


def test_what_is_not_a_number_is_not_more():
    a = np.full(WIDTH, np.nan)
    out = np.empty((7, WIDTH))
    everything(a, np.zeros(WIDTH), out, 0)
    assert np.isnan(out[5]).all()  # spread(a[1]) is taken, which is NaN too
    a[1] = 7.0
    everything(a, np.zeros(WIDTH), out, 0)
    assert (out[5] == 7.0).all()


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 2.5e-7), (np.float64, 2e-15)])
def test_powers_of_two(dtype, error):
    values = np.linspace(-110, 110, 80_000).astype(dtype)
    out = np.empty_like(values)
    powers(values, out)
    exact = np.exp2(values.astype(np.longdouble))
    assert np.abs(out / exact - 1).max() < error
