"""Splats on the rows of a band, front to back, and their gradients, back to front.

Eight pixels of a row are computed at a time (:mod:`lanes`); the rules are gsplat's:
``alpha = min(0.999, opacity exp(-sigma))`` counts where it is at least 1/255, and the splat that
would leave a pixel at most 1e-4 of its light is not added and closes it.

``left`` is the light a pixel lets through. Its sign says that the pixel is closed, which costs the
inner loop nothing: what is below 1e-4 is not added, and nothing negative is above it.
"""

from __future__ import annotations

import numpy as np

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
from avatar_kit.graphics.splat_projection import FAINTEST, SHAPE

_LARGEST = 0.999
_CLOSED = 1e-4
_LOG2_FAINTEST = float(np.log2(FAINTEST))


def padded(width: int) -> int:
    """Length of a row: lanes may begin in the last pixel."""
    return width + WIDTH - 1


@kernel
def composite(splats, boxes, entries, begin, end, row0, row1, left, last, features, depth, alpha):
    """Draw one band.

    Args:
        splats: [N, 6 + P].
        boxes: [N, 4].
        entries: Splats of all bands; those of this one are [begin, end).
        begin: See entries.
        end: See entries.
        row0: The band's rows are [row0, row1).
        row1: See row0.
        left: [H, padded] light let through at the end; negative where closed.
        last: [H, padded] number of the last entry that was added to each pixel, from ``begin``
            on; -1 if none.
        features: [P or P - 1, H, W]; receives the first values.
        depth: [0 or 1, H, W]; receives the last.
        alpha: [H, W].
    """
    number = left.dtype.type
    channels, values = features.shape[0], splats.shape[1] - SHAPE
    width, length = alpha.shape[1], left.shape[1]
    left[row0:row1, :width] = 1.0
    left[row0:row1, width:] = -1.0
    last[row0:row1] = -1.0
    painted = np.zeros((row1 - row0, values, length), left.dtype)
    zero, one, closed = spread(number(0)), spread(number(1)), spread(number(_CLOSED))
    limits = _limits(left)
    for e in range(begin, end):
        n = entries[e]
        shape = (splats[n, 0], splats[n, 1], splats[n, 2], splats[n, 3], splats[n, 4], splats[n, 5])
        box0, box1 = boxes[n, 0], boxes[n, 1]
        entry, A, opacity = spread(number(e - begin)), spread(shape[2]), spread(shape[5])
        for row in range(max(boxes[n, 2], row0), min(boxes[n, 3], row1)):
            x0, x1, B, C = _row_of(shape, box0, box1, row)
            for x in range(x0, x1, WIDTH):
                at = row * length + x
                before = load(left, at)
                dx = count_up(number(x + 0.5 - shape[0]))
                a, _ = _alpha(A, spread(number(B)), spread(number(C)), opacity, dx, limits)
                after = before * (one - a)
                weight = where_more(after, closed, a * before, zero)
                shut = where_more(before, zero, zero - before, before)
                store(left, at, where_more(after, closed, after, shut))
                store(last, at, where_more(weight, zero, entry, load(last, at)))
                at = (row - row0) * values * length + x
                for k in range(values):
                    value = spread(splats[n, SHAPE + k])
                    store(painted, at, multiply_add(weight, value, load(painted, at)))
                    at += length
    for row in range(row0, row1):
        for k in range(channels):
            features[k, row] = painted[row - row0, k, :width]
        for k in range(channels, values):
            depth[k - channels, row] = painted[row - row0, k, :width]
        for x in range(width):
            alpha[row, x] = number(1) - abs(left[row, x])


@kernel
def composite_backward(
    splats, boxes, entries, begin, end, row0, row1, left, last, features, depth, alpha, rows, parts
):
    """Gradients of the splats of one band; see :func:`composite`.

    Args (those that differ):
        features: [C, H, W] gradient of the picture; also ``depth`` and ``alpha``.
        rows: [S] the row of ``parts`` that belongs to each entry.
        parts: [S, 6 + P] gradients, see :func:`splat_projection.project_backward`; the rows of
            this band's entries are written.
    """
    number = left.dtype.type
    channels, values = features.shape[0], splats.shape[1] - SHAPE
    width, length = alpha.shape[1], left.shape[1]
    given = np.zeros((row1 - row0, values, length), left.dtype)
    light = np.abs(left[row0:row1])
    # What lies behind the entry at hand, weighed by the gradient of the picture.
    behind = np.zeros((row1 - row0, length), left.dtype)
    for row in range(row0, row1):
        for k in range(channels):
            given[row - row0, k, :width] = features[k, row]
        for k in range(channels, values):
            given[row - row0, k, :width] = depth[k - channels, row]
        for x in range(width):
            behind[row - row0, x] = -alpha[row, x] * light[row - row0, x]
    sums = np.empty(values * WIDTH, left.dtype)
    zero, one = spread(number(0)), spread(number(1))
    limits = _limits(left)
    for e in range(end - 1, begin - 1, -1):
        n = entries[e]
        shape = (splats[n, 0], splats[n, 1], splats[n, 2], splats[n, 3], splats[n, 4], splats[n, 5])
        box0, box1 = boxes[n, 0], boxes[n, 1]
        entry, A, opacity = spread(number(e - begin)), spread(shape[2]), spread(shape[5])
        m0 = m1 = m2 = m3 = m4 = m5 = zero
        sums[:] = 0
        for row in range(max(boxes[n, 2], row0), min(boxes[n, 3], row1)):
            x0, x1, B, C = _row_of(shape, box0, box1, row)
            dy = spread(number(row + 0.5 - shape[1]))
            for x in range(x0, x1, WIDTH):
                dx = count_up(number(x + 0.5 - shape[0]))
                a, raw = _alpha(A, spread(number(B)), spread(number(C)), opacity, dx, limits)
                a = where_more(entry, load(last, row * length + x), zero, a)
                at = (row - row0) * length + x
                rest = one - a
                before = load(light, at) / rest
                store(light, at, before)
                weight = a * before
                shade = zero
                value = (row - row0) * values * length + x
                for k in range(values):
                    gradient = load(given, value)
                    shade = multiply_add(gradient, spread(splats[n, SHAPE + k]), shade)
                    store(sums, k * WIDTH, multiply_add(weight, gradient, load(sums, k * WIDTH)))
                    value += length
                rear = load(behind, at)
                store(behind, at, multiply_add(weight, shade, rear))
                v = a * (before * shade - rear / rest)
                v = where_more(raw, limits[2], zero, v)
                v_dx, v_dy = v * dx, v * dy
                m0, m1, m2 = m0 + v, m1 + v_dx, multiply_add(v_dx, dx, m2)
                m3, m4 = m3 + v_dy, multiply_add(v_dy, dy, m4)
                m5 = multiply_add(v_dx, dy, m5)
        part = parts[rows[e]]
        part[0], part[1], part[2] = total(m0), total(m1), total(m2)
        part[3], part[4], part[5] = total(m3), total(m4), total(m5)
        for k in range(values):
            part[SHAPE + k] = total(load(sums, k * WIDTH))


@kernel
def _row_of(shape, x0, x1, row):
    """Pixels x0 to x1 of a row that a splat may cover, and B dy and C dy^2 there."""
    x, y, A, B, C, opacity = shape
    dy = row + 0.5 - y
    B, C = B * dy, C * dy * dy
    if x1 - x0 > 2 * WIDTH:  # else the root costs more than it saves
        inverse = 1.0 / A
        middle = -0.5 * B * inverse
        square = middle * middle - (C - opacity + _LOG2_FAINTEST) * inverse
        reach = 1.001 * np.sqrt(max(square, 0.0)) + 0.5
        x0 = max(x0, int(np.ceil(x + middle - reach - 0.5)))
        x1 = min(x1, int(np.floor(x + middle + reach + 0.5)))
    return x0, x1, B, C


@kernel
def _limits(like):
    """0, the faintest and the largest alpha, and the lowest power of 2."""
    number = like.dtype.type
    return (
        spread(number(0)),
        spread(number(FAINTEST)),
        spread(number(_LARGEST)),
        spread(number(-100)),
    )


@kernel
def _alpha(A, B, C, opacity, dx, limits):
    """Alpha of eight pixels, 0 where it does not count; and before the limit."""
    zero, faintest, largest, lowest = limits
    exponent = multiply_add(multiply_add(A, dx, B), dx, C)
    power = opacity - exponent
    raw = exp2(where_more(power, lowest, power, lowest))
    a = where_more(raw, largest, largest, raw)
    a = where_more(faintest, a, zero, a)
    return where_more(zero, exponent, zero, a), raw
