"""Gaussians to ellipses on the picture, forwards and backwards.

With a mean ``p = R m + t`` in the camera, ``u = p_x / p_z`` and ``v = p_y / p_z``, the covariance
on the picture is ``T S T^T + eps2d I``, where ``S`` is the covariance in the world and ``T = J R``
with the Jacobian ``J`` of the projection, taken at ``(u, v)`` clamped to a little beyond the
picture (EWA splatting, Zwicker et al., 2001; the clamp and all thresholds are gsplat's).

A drawn Gaussian becomes a row of ``splats``: centre x and y; A, B, C of the exponent
``A dx^2 + B dx dy + C dy^2`` and the logarithm of the opacity, all to base 2; then the values that
are composited. What is computed for one Gaussian is in double, which costs a scalar program
nothing.
"""

from __future__ import annotations

import numpy as np

from avatar_kit.graphics.jit import kernel
from avatar_kit.graphics.quaternion_kernels import quaternion_backward, rotation_of

#: Columns of a splat before its values, and of a splat's gradient.
SHAPE = 6
#: An alpha below it is not drawn.
FAINTEST = 1 / 255

_LOG2_E = 1.4426950408889634
_LOG2_FAINTEST = float(np.log2(FAINTEST))


def camera_rows(K: np.ndarray, R: np.ndarray, t: np.ndarray, width: int, height: int) -> np.ndarray:
    """Cameras as the kernels take them.

    Args:
        K: [B, 3, 3] intrinsics in pixels.
        R: [B, 3, 3] world to camera.
        t: [B, 3].
        width: Of the picture in pixels.
        height: Of the picture in pixels.

    Returns:
        [B, 20] float64: focal lengths; principal point; least and largest u, then v, of the
        Jacobian; R row by row; t.
    """
    rows = np.empty((len(K), 20))
    focal, centre = K[:, (0, 1), (0, 1)].astype(float), K[:, :2, 2].astype(float)
    size = np.array([width, height])
    margin = 0.3 * 0.5 * size / focal
    rows[:, 0:2], rows[:, 2:4] = focal, centre
    rows[:, 4:8:2], rows[:, 5:8:2] = -centre / focal - margin, (size - centre) / focal + margin
    rows[:, 8:17], rows[:, 17:20] = R.reshape(-1, 9), t
    return rows


@kernel
def project(
    means, quaternions, scales, covariances, opacities, features, visible, camera, settings,
    start, stop, splats, boxes, depths,
):  # fmt: skip
    """Gaussians [start, stop) of one picture.

    Either ``covariances`` or ``quaternions`` and ``scales`` have no rows, and ``visible`` has none
    if all are. Writes rows of ``splats`` [N, 6 + P], of ``boxes`` [N, 4] (x0, x1, y0, y1,
    half-open: the pixels that may be covered, empty where the Gaussian is not drawn), and of
    ``depths`` [N] float32. If there are more values than features, the last one is the depth.
    """
    width, height, eps2d, near, far = settings
    channels = features.shape[1]
    for n in range(start, stop):
        boxes[n, 0] = boxes[n, 1] = boxes[n, 2] = boxes[n, 3] = 0
        opacity = float(opacities[n])
        if (visible.shape[0] and not visible[n]) or not opacity >= FAINTEST:
            continue
        x, y, z = _in_camera(camera, means, n)
        if not (near <= z <= far):
            continue
        S = _covariance(quaternions, scales, covariances, n)
        T0, T1, (u, _), (v, _) = _linearised(camera, x, y, z)
        A0, A1 = _times_symmetric(T0, S), _times_symmetric(T1, S)
        a, b, c = _dot(A0, T0) + eps2d, _dot(A0, T1), _dot(A1, T1) + eps2d
        det = a * c - b * b
        column, row = camera[0] * u + camera[2], camera[1] * v + camera[3]
        opacity_bits = np.log2(opacity)
        reach = 2.0 * (opacity_bits - _LOG2_FAINTEST) / _LOG2_E  # squared, in standard deviations
        rx, ry = np.sqrt(reach * a), np.sqrt(reach * c)
        unknown = (column - column) + (row - row) + (rx - rx) + (ry - ry)  # 0 if all are finite
        for k in range(channels):
            unknown += features[n, k] - features[n, k]
            splats[n, SHAPE + k] = features[n, k]
        if not det > 0.0 or unknown != 0.0:
            continue
        splats[n, 0], splats[n, 1] = column, row
        scale = _LOG2_E / det
        splats[n, 2], splats[n, 3], splats[n, 4] = 0.5 * scale * c, -scale * b, 0.5 * scale * a
        splats[n, 5] = opacity_bits
        if splats.shape[1] > SHAPE + channels:
            splats[n, SHAPE + channels] = z
        depths[n] = z
        slack = 1e-2  # every pixel has its own test: the box need only be large enough
        x0 = int(min(max(np.ceil(column - rx - 0.5 - slack), 0.0), width))
        x1 = int(min(max(np.floor(column + rx + 0.5 + slack), 0.0), width))
        y0 = int(min(max(np.ceil(row - ry - 0.5 - slack), 0.0), height))
        y1 = int(min(max(np.floor(row + ry + 0.5 + slack), 0.0), height))
        if x0 < x1 and y0 < y1:
            boxes[n, 0], boxes[n, 1], boxes[n, 2], boxes[n, 3] = x0, x1, y0, y1


@kernel
def project_backward(
    means, quaternions, scales, covariances, opacities, camera, settings, parts, first,
    start, stop, to_means, to_quaternions, to_scales, to_covariances, to_opacities, to_features,
    to_camera,
):  # fmt: skip
    """Gradients of Gaussians [start, stop) from those of their splats.

    Args (those that :func:`project` does not have):
        parts: [S, 6 + P] gradients of splats: the sums over pixels of ``v = alpha dL/dalpha`` times
            1, dx, dx^2, dy, dy^2, dx dy, then those of the values. A Gaussian's is the sum of
            rows ``first[n]`` to ``first[n + 1]``.
        first: [N + 1].
        to_camera: [12] gradient of R row by row and t; these Gaussians are added.
    All gradients have to be 0 before.
    """
    eps2d = settings[2]
    channels = to_features.shape[1]
    for n in range(start, stop):
        if first[n + 1] == first[n]:
            continue
        m0 = m1 = m2 = m3 = m4 = m5 = dz = 0.0
        for s in range(first[n], first[n + 1]):
            m0, m1, m2 = m0 + parts[s, 0], m1 + parts[s, 1], m2 + parts[s, 2]
            m3, m4, m5 = m3 + parts[s, 3], m4 + parts[s, 4], m5 + parts[s, 5]
            for k in range(channels):
                to_features[n, k] += parts[s, SHAPE + k]
            if parts.shape[1] > SHAPE + channels:
                dz += parts[s, SHAPE + channels]
        to_opacities[n] = m0 / opacities[n]

        x, y, z = _in_camera(camera, means, n)
        S = _covariance(quaternions, scales, covariances, n)
        T0, T1, (u, free_u), (v, free_v) = _linearised(camera, x, y, z)
        A0, A1 = _times_symmetric(T0, S), _times_symmetric(T1, S)
        a, b, c = _dot(A0, T0) + eps2d, _dot(A0, T1), _dot(A1, T1) + eps2d
        det = a * c - b * b
        p, q, r = c / det, -b / det, a / det  # the inverse; its gradient is -(m2 m5, m5 m4) / 2
        du, dv = camera[0] * (p * m1 + q * m3), camera[1] * (q * m1 + r * m3)
        # Symmetric gradient of the covariance: inverse (m2 m5, m5 m4) / 2 inverse.
        e0, e1, f0, f1 = p * m2 + q * m5, p * m5 + q * m4, q * m2 + r * m5, q * m5 + r * m4
        da, db, dc = 0.5 * (e0 * p + e1 * q), 0.5 * (e0 * q + e1 * r), 0.5 * (f0 * q + f1 * r)

        H0, H1 = _mix(da, T0, db, T1), _mix(db, T0, dc, T1)
        dS = (
            T0[0] * H0[0] + T1[0] * H1[0], T0[0] * H0[1] + T1[0] * H1[1],
            T0[0] * H0[2] + T1[0] * H1[2], T0[1] * H0[1] + T1[1] * H1[1],
            T0[1] * H0[2] + T1[1] * H1[2], T0[2] * H0[2] + T1[2] * H1[2],
        )  # fmt: skip
        if covariances.shape[0]:
            _put_symmetric(dS, to_covariances, n)
        else:
            _covariance_backward(quaternions, scales, n, dS, to_quaternions, to_scales)

        # T0 = fx / z (R0 - u R2), T1 = fy / z (R1 - v R2)
        dT0, dT1 = _mix(2.0 * da, A0, 2.0 * db, A1), _mix(2.0 * db, A0, 2.0 * dc, A1)
        R2 = (camera[14], camera[15], camera[16])
        sx, sy = camera[0] / z, camera[1] / z
        clamped_u = min(max(u, camera[4]), camera[5])
        clamped_v = min(max(v, camera[6]), camera[7])
        if free_u:
            du -= sx * _dot(dT0, R2)
        if free_v:
            dv -= sy * _dot(dT1, R2)
        dx, dy = du / z, dv / z
        dz -= (u * du + v * dv + _dot(dT0, T0) + _dot(dT1, T1)) / z
        for i in range(3):
            mean = float(means[n, i])
            to_means[n, i] = camera[8 + i] * dx + camera[11 + i] * dy + camera[14 + i] * dz
            d0, d1 = sx * dT0[i], sy * dT1[i]
            to_camera[i] += dx * mean + d0
            to_camera[3 + i] += dy * mean + d1
            to_camera[6 + i] += dz * mean - clamped_u * d0 - clamped_v * d1
        to_camera[9] += dx
        to_camera[10] += dy
        to_camera[11] += dz


@kernel
def _in_camera(camera, means, n):
    x, y, z = float(means[n, 0]), float(means[n, 1]), float(means[n, 2])
    return (
        camera[8] * x + camera[9] * y + camera[10] * z + camera[17],
        camera[11] * x + camera[12] * y + camera[13] * z + camera[18],
        camera[14] * x + camera[15] * y + camera[16] * z + camera[19],
    )


@kernel
def _linearised(camera, x, y, z):
    """The two rows of T; u and v, each with whether the clamp leaves it alone."""
    u, v = x / z, y / z
    clamped_u = min(max(u, camera[4]), camera[5])
    clamped_v = min(max(v, camera[6]), camera[7])
    sx, sy = camera[0] / z, camera[1] / z
    T0 = (
        sx * (camera[8] - clamped_u * camera[14]),
        sx * (camera[9] - clamped_u * camera[15]),
        sx * (camera[10] - clamped_u * camera[16]),
    )
    T1 = (
        sy * (camera[11] - clamped_v * camera[14]),
        sy * (camera[12] - clamped_v * camera[15]),
        sy * (camera[13] - clamped_v * camera[16]),
    )
    return T0, T1, (u, u == clamped_u), (v, v == clamped_v)


@kernel
def _covariance(quaternions, scales, covariances, n):
    """Entries xx, xy, xz, yy, yz, zz of a Gaussian's covariance."""
    if covariances.shape[0]:
        return (
            float(covariances[n, 0, 0]),
            0.5 * (covariances[n, 0, 1] + covariances[n, 1, 0]),
            0.5 * (covariances[n, 0, 2] + covariances[n, 2, 0]),
            float(covariances[n, 1, 1]),
            0.5 * (covariances[n, 1, 2] + covariances[n, 2, 1]),
            float(covariances[n, 2, 2]),
        )
    turn, _, _ = rotation_of(
        quaternions[n, 0], quaternions[n, 1], quaternions[n, 2], quaternions[n, 3]
    )
    s0, s1, s2 = float(scales[n, 0]), float(scales[n, 1]), float(scales[n, 2])
    M0 = (turn[0] * s0, turn[1] * s1, turn[2] * s2)
    M1 = (turn[3] * s0, turn[4] * s1, turn[5] * s2)
    M2 = (turn[6] * s0, turn[7] * s1, turn[8] * s2)
    return _dot(M0, M0), _dot(M0, M1), _dot(M0, M2), _dot(M1, M1), _dot(M1, M2), _dot(M2, M2)


@kernel
def _covariance_backward(quaternions, scales, n, dS, to_quaternions, to_scales):
    """From the symmetric gradient of ``S = M M^T``, ``M = rotation diag(scale)``."""
    turn, unit, inverse = rotation_of(
        quaternions[n, 0], quaternions[n, 1], quaternions[n, 2], quaternions[n, 3]
    )
    s0, s1, s2 = float(scales[n, 0]), float(scales[n, 1]), float(scales[n, 2])
    # Columns of 2 dS rotation; those of dM are a scale longer.
    P0 = _times_symmetric((2.0 * turn[0], 2.0 * turn[3], 2.0 * turn[6]), dS)
    P1 = _times_symmetric((2.0 * turn[1], 2.0 * turn[4], 2.0 * turn[7]), dS)
    P2 = _times_symmetric((2.0 * turn[2], 2.0 * turn[5], 2.0 * turn[8]), dS)
    to_scales[n, 0] = s0 * _dot(P0, (turn[0], turn[3], turn[6]))
    to_scales[n, 1] = s1 * _dot(P1, (turn[1], turn[4], turn[7]))
    to_scales[n, 2] = s2 * _dot(P2, (turn[2], turn[5], turn[8]))
    # Gradient of the rotation: g_ij = P_j[i] s_j^2.
    q0, q1, q2 = s0 * s0, s1 * s1, s2 * s2
    to_turn = (
        q0 * P0[0], q1 * P1[0], q2 * P2[0], q0 * P0[1], q1 * P1[1], q2 * P2[1],
        q0 * P0[2], q1 * P1[2], q2 * P2[2],
    )  # fmt: skip
    w, x, y, z = quaternion_backward(to_turn, unit, inverse)
    to_quaternions[n, 0], to_quaternions[n, 1] = w, x
    to_quaternions[n, 2], to_quaternions[n, 3] = y, z


@kernel
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@kernel
def _mix(s, a, t, b):
    return s * a[0] + t * b[0], s * a[1] + t * b[1], s * a[2] + t * b[2]


@kernel
def _times_symmetric(a, S):
    return (
        a[0] * S[0] + a[1] * S[1] + a[2] * S[2],
        a[0] * S[1] + a[1] * S[3] + a[2] * S[4],
        a[0] * S[2] + a[1] * S[4] + a[2] * S[5],
    )


@kernel
def _put_symmetric(S, matrices, n):
    matrices[n, 0, 0], matrices[n, 1, 1], matrices[n, 2, 2] = S[0], S[3], S[5]
    matrices[n, 0, 1] = matrices[n, 1, 0] = S[1]
    matrices[n, 0, 2] = matrices[n, 2, 0] = S[2]
    matrices[n, 1, 2] = matrices[n, 2, 1] = S[4]
