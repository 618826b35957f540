"""The kernels of :mod:`avatar_kit.graphics.warp_zbuffer`; importing this imports Warp.

The arithmetic is that of :mod:`avatar_kit.graphics.zbuffer`, operation by operation, in float64.
Products are not fused with sums (``fuse_fp``): two triangles compute the edge they share with
exactly opposite signs only while every product is rounded by itself.

A pixel is one 64-bit number: the key of the nearest surface in the upper half, as an unsigned
number in the order of the float, and the inverted triangle in the lower, so that of equal keys the
first triangle stays. 0: nothing seen.
"""

from typing import Any

import warp as wp

wp.set_module_options({"enable_backward": False, "fuse_fp": False})

#: A triangle over more pixels than this is drawn by many threads.
LARGE = wp.constant(1024)
#: Into how many interleaved sets of rows a large triangle is cut.
STRIPS = wp.constant(128)
#: Stands for "strictly positive" in edge tests, as in zbuffer.py.
POSITIVE = wp.constant(wp.float64(1e-300))
#: Added to boxes on every side, in pixels, as in zbuffer.py.
SLACK = wp.constant(wp.float64(1e-6))
HALF = wp.constant(wp.float64(0.5))
ZERO = wp.constant(wp.float64(0.0))
ONE = wp.constant(wp.float64(1.0))
SIGN = wp.constant(wp.uint32(0x80000000))
LOWER = wp.constant(wp.uint64(0xFFFFFFFF))


@wp.func
def _centre(index: int) -> wp.float64:
    return wp.float64(index) + HALF


@wp.func
def _first(low: wp.float64, size: int) -> int:
    """The first pixel whose centre is not left of ``low``."""
    at = wp.clamp(wp.ceil(low - HALF - SLACK), ZERO, wp.float64(size))
    return wp.clamp(int(at), 0, size)


@wp.func
def _end(high: wp.float64, size: int) -> int:
    """Behind the last pixel whose centre is not right of ``high``."""
    at = wp.clamp(wp.floor(high + HALF + SLACK), ZERO, wp.float64(size))
    return wp.clamp(int(at), 0, size)


@wp.func
def _box(A: wp.vec4d, B: wp.vec4d, C: wp.vec4d, near: wp.float64, width: int, height: int):
    """Pixels that the part before the near plane may cover: x0, x1, y0, y1, half-open."""
    x0 = wp.float64(wp.inf)
    y0 = wp.float64(wp.inf)
    x1 = -wp.float64(wp.inf)
    y1 = -wp.float64(wp.inf)
    corners = wp.matrix_from_rows(A, B, C, A)
    for i in range(3):
        V = corners[i]
        U = corners[i + 1]
        if near < V[2]:
            x = V[0] / V[2]
            y = V[1] / V[2]
            x0 = wp.min(x0, x)
            x1 = wp.max(x1, x)
            y0 = wp.min(y0, y)
            y1 = wp.max(y1, y)
        if (near < V[2]) != (near < U[2]):  # the edge meets the near plane
            s = (near - V[2]) / (U[2] - V[2])
            x = (V[0] + s * (U[0] - V[0])) / near
            y = (V[1] + s * (U[1] - V[1])) / near
            x0 = wp.min(x0, x)
            x1 = wp.max(x1, x)
            y0 = wp.min(y0, y)
            y1 = wp.max(y1, y)
    return wp.vec4i(_first(x0, width), _end(x1, width), _first(y0, height), _end(y1, height))


@wp.func
def _edge(A: wp.vec4d, B: wp.vec4d, sign: wp.float64):
    """Coefficients (a, b, c) of the edge function a x + b y + c."""
    return wp.vec3d(
        sign * (A[1] * B[2] - B[1] * A[2]),
        sign * (A[2] * B[0] - B[2] * A[0]),
        sign * (A[0] * B[1] - B[0] * A[1]),
    )


@wp.func
def _least(edge: wp.vec3d) -> wp.float64:
    """The least value of an edge function inside: top and left edges own their zeros."""
    if edge[0] > ZERO or (edge[0] == ZERO and edge[1] > ZERO):
        return ZERO
    return POSITIVE


@wp.func
def _ordered(key: wp.float32) -> wp.uint64:
    """An unsigned number that is larger where the key is."""
    bits = wp.cast(key + wp.float32(0.0), wp.uint32)  # -0 becomes 0
    if (bits & SIGN) != wp.uint32(0):
        bits = ~bits
    else:
        bits = bits | SIGN
    return wp.uint64(bits) << wp.uint64(32)


@wp.func
def _draw(
    A: wp.vec4d,
    B: wp.vec4d,
    C: wp.vec4d,
    b: int,
    f: int,
    box: wp.vec4i,
    first_row: int,
    row_step: int,
    near: wp.float64,
    perspective: bool,
    seen: wp.array3d(dtype=wp.uint64),
):
    """Draw the rows ``first_row``, ``first_row + row_step`` ... of a triangle's box."""
    edge = _edge(B, C, ONE)
    det = A[0] * edge[0] + A[1] * edge[1] + A[2] * edge[2]
    if det == ZERO:
        return
    sign = ONE
    if not det > ZERO:
        sign = -ONE
    e0 = _edge(B, C, sign)
    e1 = _edge(C, A, sign)
    e2 = _edge(A, B, sign)
    least0 = _least(e0)
    least1 = _least(e1)
    least2 = _least(e2)
    scale = ONE / wp.abs(det)
    ka = (e0[0] * A[3] + e1[0] * B[3] + e2[0] * C[3]) * scale
    kb = (e0[1] * A[3] + e1[1] * B[3] + e2[1] * C[3]) * scale
    kc = (e0[2] * A[3] + e1[2] * B[3] + e2[2] * C[3]) * scale
    farthest = -wp.float32(wp.inf)
    most = wp.float64(wp.inf)
    if perspective:
        farthest = wp.float32(0.0)
        most = ONE / near
    inverted = LOWER - wp.uint64(f)
    for row in range(first_row, box[3], row_step):
        y = _centre(row)
        r0 = e0[1] * y + e0[2]
        r1 = e1[1] * y + e1[2]
        r2 = e2[1] * y + e2[2]
        rk = kb * y + kc
        entered = bool(False)  # noqa: UP018 - Warp takes a bare False for a constant
        column = int(box[0])
        while column < box[1]:
            x = _centre(column)
            if e0[0] * x + r0 >= least0 and e1[0] * x + r1 >= least1 and e2[0] * x + r2 >= least2:
                entered = True
                key = wp.float32(ka * x + rk)
                if key > farthest and wp.float64(key) <= most:
                    found = _ordered(key) | inverted
                    if found > seen[b, row, column]:  # spares most of the atomics
                        wp.atomic_max(seen, b, row, column, found)
            elif entered:
                column = box[1]
            column += 1


@wp.kernel
def project(
    vertices: wp.array2d(dtype=Any),
    matrix: wp.array3d(dtype=wp.float64),
    points: wp.array2d(dtype=wp.vec4d),
):
    """Perspective rows of world points, a thread a vertex."""
    b, v = wp.tid()
    p = vertices[b, v]
    x = wp.float64(p[0])
    y = wp.float64(p[1])
    z = wp.float64(p[2])
    points[b, v] = wp.vec4d(
        matrix[b, 0, 0] * x + matrix[b, 0, 1] * y + matrix[b, 0, 2] * z + matrix[b, 0, 3],
        matrix[b, 1, 0] * x + matrix[b, 1, 1] * y + matrix[b, 1, 2] * z + matrix[b, 1, 3],
        matrix[b, 2, 0] * x + matrix[b, 2, 1] * y + matrix[b, 2, 2] * z + matrix[b, 2, 3],
        ONE,
    )


@wp.kernel
def draw_small(
    points: wp.array2d(dtype=wp.vec4d),
    faces: wp.array1d(dtype=wp.vec3i),
    near: wp.float64,
    perspective: bool,
    waiting: wp.array1d(dtype=wp.vec2i),
    count: wp.array1d(dtype=wp.int32),
    seen: wp.array3d(dtype=wp.uint64),
):
    """A thread a triangle; large ones are put down in ``waiting`` instead."""
    b, f = wp.tid()
    A = points[b, faces[f][0]]
    B = points[b, faces[f][1]]
    C = points[b, faces[f][2]]
    for i in range(3):
        if not wp.isfinite(A[i] + B[i] + C[i]):
            return
    box = _box(A, B, C, near, seen.shape[2], seen.shape[1])
    if box[0] >= box[1] or box[2] >= box[3]:
        return
    if (box[1] - box[0]) * (box[3] - box[2]) > LARGE:
        waiting[wp.atomic_add(count, 0, 1)] = wp.vec2i(b, f)
    else:
        _draw(A, B, C, b, f, box, box[2], 1, near, perspective, seen)


@wp.kernel
def draw_large(
    points: wp.array2d(dtype=wp.vec4d),
    faces: wp.array1d(dtype=wp.vec3i),
    near: wp.float64,
    perspective: bool,
    waiting: wp.array1d(dtype=wp.vec2i),
    count: wp.array1d(dtype=wp.int32),
    seen: wp.array3d(dtype=wp.uint64),
    threads: int,
):
    """A fixed number of threads share the strips of what waits, so nobody has to ask how many."""
    for task in range(wp.tid(), count[0] * STRIPS, threads):
        what = waiting[task // STRIPS]
        face = faces[what[1]]
        A = points[what[0], face[0]]
        B = points[what[0], face[1]]
        C = points[what[0], face[2]]
        box = _box(A, B, C, near, seen.shape[2], seen.shape[1])
        row = box[2] + task % STRIPS
        _draw(A, B, C, what[0], what[1], box, row, STRIPS, near, perspective, seen)


@wp.kernel
def resolve(
    points: wp.array2d(dtype=wp.vec4d),
    faces: wp.array1d(dtype=wp.vec3i),
    perspective: bool,
    seen: wp.array3d(dtype=wp.uint64),
    triangle: wp.array3d(dtype=wp.int64),
    barycentrics: wp.array4d(dtype=Any),
    depth: wp.array3d(dtype=Any),
):
    """Triangle, barycentrics and depth, a thread a pixel."""
    b, row, column = wp.tid()
    found = seen[b, row, column]
    if found == wp.uint64(0):
        triangle[b, row, column] = wp.int64(-1)
        for i in range(3):
            barycentrics[b, row, column, i] = barycentrics.dtype(0.0)
        depth[b, row, column] = depth.dtype(0.0)
        return
    f = int(LOWER - (found & LOWER))
    x = _centre(column)
    y = _centre(row)
    A = points[b, faces[f][0]]
    B = points[b, faces[f][1]]
    C = points[b, faces[f][2]]
    Ax = A[0] - x * A[2]
    Ay = A[1] - y * A[2]
    Bx = B[0] - x * B[2]
    By = B[1] - y * B[2]
    Cx = C[0] - x * C[2]
    Cy = C[1] - y * C[2]
    e0 = Bx * Cy - By * Cx
    e1 = Cx * Ay - Cy * Ax
    e2 = Ax * By - Ay * Bx
    total = ONE / (e0 + e1 + e2)
    e0 = e0 * total
    e1 = e1 * total
    e2 = e2 * total
    triangle[b, row, column] = wp.int64(f)
    barycentrics[b, row, column, 0] = barycentrics.dtype(e0)
    barycentrics[b, row, column, 1] = barycentrics.dtype(e1)
    barycentrics[b, row, column, 2] = barycentrics.dtype(e2)
    if perspective:
        depth[b, row, column] = depth.dtype(e0 * A[2] + e1 * B[2] + e2 * C[2])
    else:
        depth[b, row, column] = -depth.dtype(e0 * A[3] + e1 * B[3] + e2 * C[3])


for _number, _vector in ((wp.float32, wp.vec3f), (wp.float64, wp.vec3d)):
    wp.overload(project, {"vertices": wp.array2d(dtype=_vector)})
    wp.overload(
        resolve,
        {"barycentrics": wp.array4d(dtype=_number), "depth": wp.array3d(dtype=_number)},
    )
