"""The CPU z-buffer: which triangle is seen through which pixel.

Triangles are scan-converted in homogeneous screen coordinates (Olano and Greer, "Triangle Scan
Conversion using 2D Homogeneous Coordinates", 1997). A vertex is ``(X, Y, W)`` with pixel position
``(X / W, Y / W)``. With edge functions ``E_i(p) = p . (V_j x V_k)`` of a pixel ``p = (x, y, 1)``
and ``det = V_0 . (V_1 x V_2)``, the value ``E_i / det`` is corner i's barycentric weight divided
by depth. All three are positive exactly where the triangle covers the pixel *in front of* the
camera, so triangles that reach behind it need no clipping: the near plane is a test per pixel.

Two triangles that share an edge compute its edge function with exactly opposite signs (all
products are antisymmetric in the two vertices), and a top-left rule decides zeros, so a pixel on
the edge belongs to one of them: no cracks, no double cover. (Where a corner of many triangles
lies within float64 rounding of a pixel centre, the edges' signs are each consistent but may not
agree with one another; that one pixel can then be missed.) Nothing depends on how the rows are
split over threads.

A vertex row holds ``(X, Y, W, q)``, and the *key* of a surface point is ``sum_i E_i q_i / det``,
which is linear on the screen; the largest key is seen. Perspective: ``W = z``, ``q = 1``, key
``1 / z``. Orthographic: ``W = 1``, ``q = -z``, key ``-z``.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from avatar_kit.graphics.jit import in_parallel, kernel, spans, threads

#: Stands for "strictly positive" in edge tests; no non-zero edge function comes near it.
_POSITIVE = 1e-300
#: Cost of a triangle's set-up, in pixels; balances the rows over the threads.
_SETUP_COST = 16.0


def draw(
    points: np.ndarray,
    faces: np.ndarray,
    height: int,
    width: int,
    *,
    near: float | None,
    dtype: type = np.float32,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw B meshes of one topology.

    Args:
        points: [B, V, 4] float64 vertices ``(X, Y, W, q)``, see above.
        faces: [F, 3] int64 vertex indices, all in range.
        height: Image height in pixels.
        width: Image width in pixels.
        near: Near plane for perspective, in the unit of depth; None for orthographic.
        dtype: Type of the two float results.

    Returns:
        triangle [B, H, W] int64 (-1: none), barycentrics [B, H, W, 3], depth [B, H, W]; the
        last two are 0 where there is no triangle.
    """
    batch = points.shape[0]
    perspective = near is not None
    nearest = near if near is not None else 0.0
    shape = (batch, height, width)
    boxes = np.empty((batch, len(faces), 4), np.int32)
    # Every thread fills its own rows: at 1024 the first touch of these 28 MB takes a third of all.
    keys = np.empty(shape, np.float32)
    triangle = np.empty(shape, np.int64)
    barycentrics: np.ndarray = np.empty((*shape, 3), dtype)
    depth: np.ndarray = np.empty(shape, dtype)
    if batch == 0:
        return triangle, barycentrics, depth

    pieces = threads()
    bounds = [
        (points[b], faces, nearest, height, width, *span, boxes[b])
        for b in range(batch)
        for span in spans(len(faces), pieces)
    ]
    in_parallel(_bounds, bounds)
    bands = []
    for b in range(batch):
        scene, result = (points[b], faces, boxes[b]), (triangle[b], barycentrics[b], depth[b])
        for rows in pairwise(_balanced_rows(boxes[b], height, pieces)):
            bands.append((*scene, *rows, nearest, perspective, keys[b], *result))
    in_parallel(_draw_rows, bands)
    return triangle, barycentrics, depth


def project(vertices: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Perspective vertex rows [B, V, 4] of world points.

    In numba, because torch's own threads wait for each other even in work as small as this: on a
    busy machine that costs more than the drawing.

    Args:
        vertices: [B, V, 3] world positions.
        matrix: [B, 3, 4] float64, world to homogeneous pixels: ``K [R | t]``.
    """
    points = np.empty((*vertices.shape[:2], 4))
    in_parallel(_project, zip(vertices, matrix, points, strict=True))
    return points


@kernel
def _project(vertices, matrix, points):
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        for i in range(3):
            row = matrix[i]
            points[v, i] = row[0] * x + row[1] * y + row[2] * z + row[3]
        points[v, 3] = 1.0


@kernel
def _bounds(points, faces, near, height, width, start, stop, boxes):
    """Pixels whose centres each triangle may cover: boxes [F, 4] = x0, x1, y0, y1, half-open."""
    for f in range(start, stop):
        x0 = y0 = np.inf
        x1 = y1 = -np.inf
        finite = True
        for i in range(3):
            v = faces[f, i]
            u = faces[f, (i + 1) % 3]
            X, Y, W = points[v, 0], points[v, 1], points[v, 2]
            finite = finite and np.isfinite(X + Y + W)
            if near < W:
                x, y = X / W, Y / W
                x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
            if (near < W) != (points[u, 2] > near):  # the edge meets the near plane
                s = (near - W) / (points[u, 2] - W)
                x = (X + s * (points[u, 0] - X)) / near
                y = (Y + s * (points[u, 1] - Y)) / near
                x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
        if not finite:
            x0 = y0 = np.inf
            x1 = y1 = -np.inf
        slack = 1e-6
        boxes[f, 0] = int(min(max(np.ceil(x0 - 0.5 - slack), 0.0), float(width)))
        boxes[f, 1] = int(min(max(np.floor(x1 + 0.5 + slack), 0.0), float(width)))
        boxes[f, 2] = int(min(max(np.ceil(y0 - 0.5 - slack), 0.0), float(height)))
        boxes[f, 3] = int(min(max(np.floor(y1 + 0.5 + slack), 0.0), float(height)))
        if boxes[f, 1] <= boxes[f, 0]:
            boxes[f, 3] = boxes[f, 2]


@kernel
def _balanced_rows(boxes, height, pieces):
    """Row numbers [pieces + 1] that cut the image into bands of about equal work."""
    work = np.zeros(height + 1)
    for f in range(boxes.shape[0]):
        rows = boxes[f, 3] - boxes[f, 2]
        if rows > 0:
            cost = boxes[f, 1] - boxes[f, 0] + _SETUP_COST / rows
            work[boxes[f, 2]] += cost
            work[boxes[f, 3]] -= cost
    row_work, total = 1.0, 0.0
    for y in range(height):  # plain loops compile in a fraction of cumsum's and searchsorted's time
        row_work += work[y]
        total += row_work
        work[y] = total
    cuts, y = np.zeros(pieces + 1, np.int64), 0
    for i in range(1, pieces + 1):
        while y < height and work[y] <= total * i / pieces:
            y += 1
        cuts[i] = y
    cuts[pieces] = height
    return cuts


@kernel
def _edge(A, B, sign):
    """Coefficients (a, b, c) of the edge function a x + b y + c, and its least inside value."""
    a = sign * (A[1] * B[2] - B[1] * A[2])
    b = sign * (A[2] * B[0] - B[2] * A[0])
    c = sign * (A[0] * B[1] - B[0] * A[1])
    owns_zero = a > 0.0 or (a == 0.0 and b > 0.0)
    return a, b, c, 0.0 if owns_zero else _POSITIVE


@kernel
def _draw_rows(
    points, faces, boxes, start, stop, near, perspective, keys, triangle, barycentrics, depth
):
    """Draw all triangles into rows [start, stop) and write the results of those rows."""
    most = 1.0 / near if perspective else np.inf
    keys[start:stop] = 0.0 if perspective else -np.inf
    triangle[start:stop] = -1
    barycentrics[start:stop] = 0.0
    depth[start:stop] = 0.0
    for f in range(faces.shape[0]):
        y0, y1 = max(boxes[f, 2], start), min(boxes[f, 3], stop)
        if y0 >= y1:
            continue
        A, B, C = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
        a0, b0, c0, _ = _edge(B, C, 1.0)
        det = A[0] * a0 + A[1] * b0 + A[2] * c0
        if det == 0.0:
            continue
        sign = 1.0 if det > 0.0 else -1.0
        a0, b0, c0, least0 = _edge(B, C, sign)
        a1, b1, c1, least1 = _edge(C, A, sign)
        a2, b2, c2, least2 = _edge(A, B, sign)
        scale = 1.0 / abs(det)
        ka = (a0 * A[3] + a1 * B[3] + a2 * C[3]) * scale
        kb = (b0 * A[3] + b1 * B[3] + b2 * C[3]) * scale
        kc = (c0 * A[3] + c1 * B[3] + c2 * C[3]) * scale
        for row in range(y0, y1):
            y = row + 0.5
            r0, r1, r2, rk = b0 * y + c0, b1 * y + c1, b2 * y + c2, kb * y + kc
            entered = False
            for column in range(boxes[f, 0], boxes[f, 1]):
                x = column + 0.5
                inside = (a0 * x + r0 >= least0) & (a1 * x + r1 >= least1) & (a2 * x + r2 >= least2)
                if inside:
                    entered = True
                    key = np.float32(ka * x + rk)
                    if key > keys[row, column] and key <= most:
                        keys[row, column] = key
                        triangle[row, column] = f
                elif entered:
                    break
    _resolve_rows(points, faces, start, stop, perspective, triangle, barycentrics, depth)


@kernel
def _resolve_rows(points, faces, start, stop, perspective, triangle, barycentrics, depth):
    """Barycentrics and depth of the covered pixels of rows [start, stop)."""
    for row in range(start, stop):
        y = row + 0.5
        for column in range(triangle.shape[1]):
            f = triangle[row, column]
            if f < 0:
                continue
            x = column + 0.5
            A, B, C = points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]]
            Ax, Ay = A[0] - x * A[2], A[1] - y * A[2]
            Bx, By = B[0] - x * B[2], B[1] - y * B[2]
            Cx, Cy = C[0] - x * C[2], C[1] - y * C[2]
            e0, e1, e2 = Bx * Cy - By * Cx, Cx * Ay - Cy * Ax, Ax * By - Ay * Bx
            total = 1.0 / (e0 + e1 + e2)
            e0, e1, e2 = e0 * total, e1 * total, e2 * total
            barycentrics[row, column, 0] = e0
            barycentrics[row, column, 1] = e1
            barycentrics[row, column, 2] = e2
            if perspective:
                depth[row, column] = e0 * A[2] + e1 * B[2] + e2 * C[2]
            else:
                depth[row, column] = -(e0 * A[3] + e1 * B[3] + e2 * C[3])
