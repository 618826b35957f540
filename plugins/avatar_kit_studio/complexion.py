"""Skin, eyes and hair as procedural surfaces."""

from __future__ import annotations

import math

from avatar_kit.graphics.jit import kernel
from avatar_kit_studio.noise import fractal, value_noise
from avatar_kit_studio.samples import segment, step


@kernel
def _blush(x, y, z, face):
    """Warmth of the cheeks and the nose tip, about [0, 1]."""
    total = 0.0
    for k in range(3):
        dx, dy, dz = x - face[k, 0], y - face[k, 1], z - face[k, 2]
        wide = 0.00042 if k < 2 else 0.00020
        total += math.exp(-(dx * dx + dy * dy + dz * dz) / wide)
    return total


@kernel
def _freckle(x, y, z, blush, fine):
    """Coverage of freckles in [0, 1]: two noises, one turned, where the face is warm."""
    spots = value_noise(x * 310, y * 310, z * 310) + 0.5 * value_noise(
        x * 200 + 0.6 * y * 200, y * 170, z * 230 - 40 * x
    )
    cover = 0.2 + 0.8 * min(1.0, blush * 1.3)
    return cover * step(0.55, 0.85, spots) * (0.35 + 0.65 * fine)


@kernel
def _brow(x, y, z, face, thick, fine):
    """Coverage in [0, 1] of the brows, drawn along the points of ``face``."""
    hairs = 0.0
    for side in range(2):
        best, along = 1.0, 0.0
        for piece in range(2):
            a, b = 4 + 3 * side + piece, 5 + 3 * side + piece
            d, t = segment(x, y, face[a, 0], face[a, 1], face[b, 0], face[b, 1])
            if d < best:
                best, along = d, 0.5 * (piece + t)
        if best < 0.02 and z > face[4 + 3 * side + 2, 2] - 0.02:
            half = 0.0050 * thick * (1 - 0.62 * along) * (0.75 + 0.5 * step(0.0, 0.18, along))
            slant = value_noise((x * (1 - 2 * side) - 0.55 * y) * 1100, y * 240, 3.3)
            edge = step(half * 1.35, half * 0.45, best + 0.0018 * slant * fine)
            hairs = max(hairs, edge * (0.90 + 0.10 * slant * fine))
    return hairs


@kernel
def skin(rows, samples, colours, face, freckles, beard, brow, roots):
    """Skin, lips, nails, brows, the roots of hair.

    Args:
        rows: [n] samples that are skin.
        samples: All samples; values are lips, nails, lids, ears, mouth, scalp [m], beard.
        colours: [3, 3] skin, lips, hair.
        face: [10, 3] cheeks (2), nose tip, chin, and three points of each brow, inner to outer.
        freckles: Strength in [0, 1].
        beard: Strength in [0, 1].
        brow: Thickness of the brows, 1 is average.
        roots: Metres above the hair line from and to which roots thicken, metres by which streaks
            move it, and how much of the skin roots cover in the end.
    """
    fine = 1.0 - step(0.0012, 0.005, samples.footprint)
    for r in range(rows.shape[0]):
        i = rows[r]
        x, y, z = samples.surface[i, 0], samples.surface[i, 1], samples.surface[i, 2]
        mottle = fractal(x * 38, y * 38, z * 38, 3)
        grain = fractal(x * 330 + 5, y * 330, z * 330, 2) * fine
        blush = _blush(x, y, z, face)
        red = (
            0.10 * blush + 0.10 * samples.values[i, 3] + 0.05 * samples.values[i, 2] + 0.05 * mottle
        )
        tone_ = 1.0 + 0.05 * mottle + 0.05 * grain
        c0 = colours[0, 0] * tone_ * (1 + 0.10 * red)
        c1 = colours[0, 1] * tone_ * (1 - 0.85 * red)
        c2 = colours[0, 2] * tone_ * (1 - 0.80 * red)
        shine, power = 0.035, 22.0
        if freckles > 0:
            spot = freckles * _freckle(x, y, z, blush, fine)
            c0, c1, c2 = c0 * (1 - 0.22 * spot), c1 * (1 - 0.38 * spot), c2 * (1 - 0.45 * spot)
        lips = step(0.25, 0.75, samples.values[i, 0])
        crease = 0.08 * value_noise(x * 900, y * 90, z * 300) * fine
        c0 += lips * (colours[1, 0] * (1 + crease) - c0) * 0.85
        c1 += lips * (colours[1, 1] * (1 + crease) - c1) * 0.85
        c2 += lips * (colours[1, 2] * (1 + crease) - c2) * 0.85
        shine += 0.025 * lips
        power += 12 * lips
        nail = step(0.3, 0.7, samples.values[i, 1])
        c0 += nail * (0.30 + 0.62 * colours[0, 0] - c0) * 0.6
        c1 += nail * (0.16 + 0.72 * colours[0, 1] - c1) * 0.6
        c2 += nail * (0.14 + 0.76 * colours[0, 2] - c2) * 0.6
        shine += 0.08 * nail
        power += 50 * nail
        # Roots of the hair: streaks of scalp and hair at the hair line.
        streak = value_noise(x * 420, y * 130, z * 260)
        root = step(roots[0], roots[1], samples.values[i, 5] + roots[2] * streak)
        hairs = 0.0
        if beard > 0 and samples.values[i, 6] > 0:
            stubble = value_noise(x * 800, y * 600, z * 800) * fine
            hairs = (
                beard
                * step(0.15, 0.85, samples.values[i, 6] + 0.22 * mottle + 0.25 * stubble)
                * 0.86
            )
        hairs = max(hairs, _brow(x, y, z, face, brow, fine))
        hairs = max(root * roots[3], hairs)
        c0 += hairs * (colours[2, 0] * 0.45 - c0)
        c1 += hairs * (colours[2, 1] * 0.45 - c1)
        c2 += hairs * (colours[2, 2] * 0.45 - c2)
        mouth = step(0.35, 0.75, samples.values[i, 4]) * (1 - lips)
        c0 += mouth * (0.16 - c0)
        c1 += mouth * (0.035 - c1)
        c2 += mouth * (0.030 - c2)
        shine *= 1 - 0.7 * hairs
        samples.albedo[i, 0], samples.albedo[i, 1], samples.albedo[i, 2] = c0, c1, c2
        samples.gloss[i, 0], samples.gloss[i, 1] = shine, power
        if fine > 0:
            t = 0.05 * fine * (1 - 0.5 * lips)
            samples.normal[i, 0] += t * value_noise(x * 700, y * 700, z * 700)
            samples.normal[i, 1] += t * value_noise(x * 700 + 9, y * 700, z * 700)


@kernel
def eyes(rows, samples, centres, axes, iris):
    """Eyeballs: white, iris with a dark rim, pupil. ``centres`` and ``axes`` are [2, 3] at rest."""
    for r in range(rows.shape[0]):
        i = rows[r]
        side = 0 if samples.surface[i, 0] > 0 else 1
        dx = samples.surface[i, 0] - centres[side, 0]
        dy = samples.surface[i, 1] - centres[side, 1]
        dz = samples.surface[i, 2] - centres[side, 2]
        n = math.sqrt(dx * dx + dy * dy + dz * dz) + 1e-9
        ax, ay, az = axes[side, 0], axes[side, 1], axes[side, 2]
        cosine = (dx * ax + dy * ay + dz * az) / n
        angle = math.acos(max(-1.0, min(1.0, cosine)))
        spoke = value_noise(math.atan2(dy, dx) * 9.0, angle * 6.0, 2.0 + side)
        veins = step(0.35, 0.8, value_noise(dx * 900, dy * 500, dz * 900))
        c0, c1, c2 = 0.66, 0.62 - 0.05 * veins, 0.59 - 0.05 * veins
        white = step(0.42, 0.47, angle)
        pupil = step(0.19, 0.16, angle)
        rim = step(0.33, 0.42, angle)
        k = (0.9 + 0.45 * spoke + 0.5 * step(0.30, 0.18, angle)) * (1 - 0.75 * rim)
        c0 = white * c0 + (1 - white) * (1 - pupil) * iris[0] * k
        c1 = white * c1 + (1 - white) * (1 - pupil) * iris[1] * k
        c2 = white * c2 + (1 - white) * (1 - pupil) * iris[2] * k
        samples.albedo[i, 0], samples.albedo[i, 1], samples.albedo[i, 2] = c0, c1, c2
        samples.gloss[i, 0], samples.gloss[i, 1] = 0.45, 260.0


@kernel
def strands(rows, samples, colour, skin):
    """Hair: values are tint, depth in the hair, place from root to tip, and share of the skin."""
    for r in range(rows.shape[0]):
        i = rows[r]
        tint, depth, along = samples.values[i, 0], samples.values[i, 1], samples.values[i, 2]
        k = tint * (0.55 + 0.45 * depth) * (0.72 + 0.38 * along)
        for c in range(3):
            hair = colour[c] * k * (1.0 + 0.12 * along * (1 - c))
            samples.albedo[i, c] = hair + samples.values[i, 3] * (skin[c] - hair)
        samples.gloss[i, 0] = 0.45 + 0.55 * depth
        samples.gloss[i, 1] = 60.0
