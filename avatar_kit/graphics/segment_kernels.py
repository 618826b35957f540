"""The kernel of :func:`avatar_kit.graphics.draw_segments` on CUDA; importing it imports Warp."""

import warp as wp

wp.set_module_options({"enable_backward": False, "fuse_fp": False})

HALF = wp.constant(wp.float64(0.5))
ZERO = wp.constant(wp.float64(0.0))
ONE = wp.constant(wp.float64(1.0))


@wp.kernel
def draw(
    lines: wp.array2d(dtype=wp.vec4d),
    owner: wp.array1d(dtype=wp.int32),
    reach: wp.float64,
    picture: wp.array4d(dtype=wp.float32),
):
    """A thread a pixel: all segments [S] = (ax, ay, bx, by) into the zeros of [B, C, H, W]."""
    b, row, column = wp.tid()
    x = wp.float64(column) + HALF
    y = wp.float64(row) + HALF
    for s in range(lines.shape[1]):
        line = lines[b, s]
        ax = line[0]
        ay = line[1]
        dx = line[2] - ax
        dy = line[3] - ay
        px = x - ax
        py = y - ay
        near_x = wp.min(ZERO, dx) - reach <= px and px <= wp.max(ZERO, dx) + reach
        near_y = wp.min(ZERO, dy) - reach <= py and py <= wp.max(ZERO, dy) + reach
        if near_x and near_y and wp.isfinite(ax + ay + line[2] + line[3]):
            squared = wp.max(dx * dx + dy * dy, wp.float64(1e-12))
            along = wp.clamp((px * dx + py * dy) / squared, ZERO, ONE)
            px -= along * dx
            py -= along * dy
            coverage = wp.float32(wp.min(reach - wp.sqrt(px * px + py * py), ONE))
            if coverage > picture[b, owner[s], row, column]:
                picture[b, owner[s], row, column] = coverage
