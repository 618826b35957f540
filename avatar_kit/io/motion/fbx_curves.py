"""Animation curves of an FBX file: keys, and the values between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.fbx import FbxObject, FbxScene

#: Units of time in a second.
TICKS = 46_186_158_000

#: Times that are closer are the same: rates such as 29.97 are rounded.
_SLACK = 1000

# flags of a key
_CONSTANT, _CUBIC, _NEXT = 0x2, 0x8, 0x100  # _NEXT: the constant is the value of the next key
_AUTO, _TCB, _USER, _CLAMP = 0x100, 0x200, 0x400, 0x1000
_RIGHT_WEIGHT, _NEXT_LEFT_WEIGHT = 0x1000000, 0x2000000

#: Weights of tangents are parts of the time between keys, packed into 16 bits each.
_WEIGHT_ONE, _USUAL_WEIGHT = 9999.0, 1 / 3

#: ASCII files hold slopes as the bits of a float; whole numbers from here on are no slope.
_BITS_FROM = 2**23

#: No value or slope of a motion is larger.
_LARGEST = 1e12

#: Steps by which the parameter of a weighted spline is found; each halves the error.
_HALVINGS = 40


@dataclass(frozen=True)
class Curve:
    """One animated number with K keys.

    Attributes:
        ticks: [K] times in 1 / 46186158000 s, rising.
        values: [K].
        flags: [K] how the value changes until the next key.
        slopes: [K - 1, 2] of cubic segments at their start and end, per second.
        weights: [K - 1, 2] of their tangents, 0 to 1.
    """

    ticks: np.ndarray
    values: np.ndarray
    flags: np.ndarray
    slopes: np.ndarray
    weights: np.ndarray

    def at(self, ticks: np.ndarray) -> np.ndarray:
        """[T] values at times; before the first key and after the last one they are held."""
        if len(self.ticks) == 1:
            return np.full(len(ticks), self.values[0])
        low = np.searchsorted(self.ticks, ticks + _SLACK, side="right") - 1
        low = low.clip(0, len(self.ticks) - 2)
        step = self.ticks[low + 1] - self.ticks[low]
        share = ((ticks - self.ticks[low]) / np.maximum(step, 1)).clip(0, 1)
        start, end = self.values[low], self.values[low + 1]
        found = start + share * (end - start)
        flags = self.flags[low]
        constant, cubic = (flags & _CONSTANT) > 0, (flags & _CUBIC) > 0
        held = np.where((share >= 1) | ((flags & _NEXT) > 0), end, start)
        found = np.where(constant, held, found)
        if cubic.any():
            rows = low[cubic]
            found[cubic] = self._spline(rows, share[cubic], step[cubic] / TICKS)
        return found

    def _spline(self, rows: np.ndarray, share: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """[C] values of segments ``rows``, as Bezier curves of time and value."""
        right, left = self.weights[rows].T
        u = share.copy()
        bent = (right != _USUAL_WEIGHT) | (left != _USUAL_WEIGHT)
        if bent.any():
            u[bent] = _parameter(share[bent], right[bent], left[bent])
        start, end = self.values[rows], self.values[rows + 1]
        out, into = (self.slopes[rows] * seconds[:, None]).T
        return _bezier(u, start, start + right * out, end - left * into, end)


def _bezier(u: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray):
    v = 1 - u
    return v**3 * a + 3 * v**2 * u * b + 3 * v * u**2 * c + u**3 * d


def _parameter(share: np.ndarray, right: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Parameters at which weighted splines reach parts of their time, by bisection."""
    low, high = np.zeros_like(share), np.ones_like(share)
    zero, one = np.zeros_like(share), np.ones_like(share)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        early = _bezier(middle, zero, right, 1 - left, one) < share
        low, high = np.where(early, middle, low), np.where(early, high, middle)
    return (low + high) / 2


def read_curve(scene: FbxScene, curve: FbxObject) -> Curve | None:
    """A curve of a file; None if it has no keys.

    Raises:
        UserError: Keys whose times do not rise, values that are not finite, or arrays that do not
            fit each other. Names the file and the curve.
    """
    what = f"{scene.path}: AnimationCurve {curve.number}"
    times = scene.array(curve, curve.node, "KeyTime")
    values = scene.array(curve, curve.node, "KeyValueFloat")
    if times is None or values is None or not len(times):
        return None
    if len(times) != len(values):
        raise UserError(f"{what}: {len(times)} times of keys but {len(values)} values")
    if not np.isfinite(times).all() or (np.diff(times) < 0).any() or abs(times).max() > 2**62:
        raise UserError(f"{what}: the times of its keys do not rise; export the file again")
    if not (np.abs(values) <= _LARGEST).all():  # of NaN neither
        raise UserError(
            f"{what}: a value is not finite or above {_LARGEST:g}; export the file again"
        )
    ticks, count = times.astype(np.int64), len(times)
    flags, data = _attributes(scene, curve, count, what)
    slopes, weights = _tangents(ticks / TICKS, values, flags, data)
    if not (np.abs(slopes) <= _LARGEST).all():
        raise UserError(
            f"{what}: a tangent is not finite or above {_LARGEST:g}; export the file again"
        )
    return Curve(ticks, values, flags, slopes, weights)


def _attributes(
    scene: FbxScene, curve: FbxObject, count: int, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """[K] flags and [K, 4] data of the keys; linear if the file has none."""
    flags, data, repeats = (
        scene.array(curve, curve.node, name)
        for name in ("KeyAttrFlags", "KeyAttrDataFloat", "KeyAttrRefCount")
    )
    if flags is None or repeats is None or not len(flags):
        return np.zeros(count, np.int64), np.broadcast_to(0.0, (count, 4))
    data = np.zeros(4 * len(flags)) if data is None else data
    whole = np.isfinite(flags).all() and (np.abs(flags) < 2**53).all()
    fits = len(flags) == len(repeats) and data.size == 4 * len(flags) and (repeats >= 0).all()
    if not whole or not fits or repeats.sum() != count:
        raise UserError(
            f"{what}: KeyAttrFlags, KeyAttrDataFloat and KeyAttrRefCount do not fit its {count} "
            "keys; export the file again"
        )
    if len(flags) == 1:  # usual, and takes no memory
        return np.broadcast_to(flags.astype(np.int64), count), np.broadcast_to(
            data.reshape(1, 4), (count, 4)
        )
    rows = np.repeat(np.arange(len(flags)), repeats.astype(np.int64))
    return flags.astype(np.int64)[rows], data.reshape(-1, 4)[rows]


def _tangents(
    times: np.ndarray, values: np.ndarray, flags: np.ndarray, data: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[K - 1, 2] slopes and weights of the segments."""
    shape = (len(times) - 1, 2)
    cubic = (flags & _CUBIC) > 0
    if not cubic.any():
        return np.broadcast_to(0.0, shape), np.broadcast_to(_USUAL_WEIGHT, shape)
    out, into = _floats(data[:-1, 0]), _floats(data[:-1, 1])
    weights = np.full(shape, _USUAL_WEIGHT)
    computed = cubic & ((flags & (_AUTO | _TCB)) > 0) & ((flags & _USER) == 0)
    if computed.any():
        left, right = _computed_slopes(times, values, flags, data)
        out = np.where(computed[:-1], right[:-1], out)
        into = np.where(computed[1:], left[1:], into)
    packed = _packed_weights(data[:-1, 2])
    for column, flag in enumerate((_RIGHT_WEIGHT, _NEXT_LEFT_WEIGHT)):
        given = (flags[:-1] & flag) > 0
        weights[given, column] = packed[given, column].clip(0, 1)
    slopes = np.stack([out, into], 1)
    slopes[~cubic[:-1]] = 0.0
    return slopes, weights


def _computed_slopes(
    times: np.ndarray, values: np.ndarray, flags: np.ndarray, data: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[K] slopes before and after keys that store none; 0 at the first and the last key.

    Automatic keys: the slope between their neighbours; where they are clamped, 0 at an extremum.
    TCB keys: the tangents of Kochanek and Bartels.
    """
    left, right = np.zeros(len(times)), np.zeros(len(times))
    if len(times) < 3:
        return left, right
    gap = np.maximum(np.diff(times), 1 / TICKS)
    before, after = (np.diff(values) / gap)[:-1], (np.diff(values) / gap)[1:]
    auto = (values[2:] - values[:-2]) / np.maximum(times[2:] - times[:-2], 1 / TICKS)
    auto[((flags[1:-1] & _CLAMP) > 0) & (before * after <= 0)] = 0.0
    tension, continuity, bias = _floats(data[1:-1, :3].T)
    tcb = (flags[1:-1] & _TCB) > 0
    with np.errstate(over="ignore", invalid="ignore"):  # refused by the caller
        for side, sign in ((left, -1), (right, 1)):
            first = (1 - tension) * (1 + sign * continuity) * (1 + bias) / 2
            second = (1 - tension) * (1 - sign * continuity) * (1 - bias) / 2
            side[1:-1] = np.where(tcb, first * before + second * after, auto)
    return left, right


def _floats(data: np.ndarray) -> np.ndarray:
    """[K] slopes, where large whole numbers are the bits of a float of 32 bits."""
    bits = (np.abs(data) >= _BITS_FROM) & (np.abs(data) <= 2**31) & (data == np.round(data))
    whole = np.where(bits, data, 0).clip(-(2**31), 2**31 - 1).astype("<i4")
    return np.where(bits, whole.view("<f4").astype(float), data)


def _packed_weights(data: np.ndarray) -> np.ndarray:
    """[K, 2] weights that are two whole numbers of 16 bits in the place of one of 32.

    Binary files hold them as the bits of a float, which is tiny; ASCII files as a whole number.
    """
    bits = np.ascontiguousarray(np.nan_to_num(data).clip(-1, 1).astype("<f4")).view("<u4")
    whole = np.nan_to_num(data).clip(0, 2**32 - 1).astype("<u4")
    both = np.where(data >= 1, whole, bits)
    return np.stack([both & 0xFFFF, both >> 16], 1) / _WEIGHT_ONE
