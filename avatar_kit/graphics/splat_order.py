"""Which splats a band of rows holds, front to back."""

from __future__ import annotations

import numpy as np

from avatar_kit.graphics.jit import kernel

#: Rows of a band. It is drawn by one thread, in a buffer that stays in its cache.
BAND = 16

_DIGIT = 11  # bits of a depth that are sorted at a time


@kernel
def front_to_back(depth_bits, boxes):
    """Indices of the drawn splats by depth, then by index.

    Args:
        depth_bits: [N] uint32, the bits of positive float32 depths, which are in their order.
        boxes: [N, 4] int32; an empty box is a splat that is not drawn.

    Returns:
        [M] int32.
    """
    order, count = np.empty(len(boxes), np.int32), 0
    low, high = np.uint32(0xFFFFFFFF), np.uint32(0)
    for n in range(len(boxes)):
        if boxes[n, 3] > 0:
            order[count] = n
            count += 1
            low, high = min(low, depth_bits[n]), max(high, depth_bits[n])
    order, other = order[:count], np.empty(count, np.int32)
    shift = 0
    while count and (high - low) >> shift:
        places = np.zeros((1 << _DIGIT) + 1, np.int64)
        for i in range(count):
            digit = ((depth_bits[order[i]] - low) >> shift) & ((1 << _DIGIT) - 1)
            places[digit + 1] += 1
        for digit in range(1 << _DIGIT):
            places[digit + 1] += places[digit]
        for i in range(count):
            digit = ((depth_bits[order[i]] - low) >> shift) & ((1 << _DIGIT) - 1)
            other[places[digit]] = order[i]
            places[digit] += 1
        order, other = other, order
        shift += _DIGIT
    return order


@kernel
def bands_of(order, boxes, height):
    """Hand splats to the bands they touch.

    Args:
        order: [M] int32 indices of the drawn splats, front to back.
        boxes: [N, 4] int32.
        height: Of the picture in pixels.

    Returns:
        ``entries`` [S] int32, the splats of the bands, one band after another, each front to back;
        ``rows`` [S] int64, where the gradient of each entry is kept, so that those of one splat lie
        together, from its uppermost band to its lowest; ``starts`` [bands + 1] int64, where the
        entries of each band begin; ``first`` [N + 1] int64, where the gradients of each splat do.
    """
    bands = (height + BAND - 1) // BAND
    starts = np.zeros(bands + 1, np.int64)
    first = np.zeros(len(boxes) + 1, np.int64)
    for n in range(len(boxes)):
        first[n + 1] = first[n]
        if boxes[n, 3] > 0:
            top, bottom = boxes[n, 2] // BAND, (boxes[n, 3] - 1) // BAND
            first[n + 1] += bottom + 1 - top
            for band in range(top, bottom + 1):
                starts[band + 1] += 1
    for band in range(bands):
        starts[band + 1] += starts[band]
    entries, rows = np.empty(starts[bands], np.int32), np.empty(starts[bands], np.int64)
    places = starts.copy()
    for n in order:
        top = boxes[n, 2] // BAND
        for band in range(top, (boxes[n, 3] - 1) // BAND + 1):
            entries[places[band]] = n
            rows[places[band]] = first[n] + band - top
            places[band] += 1
    return entries, rows, starts, first
