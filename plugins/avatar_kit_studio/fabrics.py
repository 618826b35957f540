"""Procedural surfaces: skin, eyes, hair and cloth, evaluated at samples.

Every kernel reads ``values``, the columns a vertex carries (see :mod:`avatar_kit_studio.person`),
writes ``albedo`` and ``gloss`` and may tilt ``normal``. ``footprint`` is the width of a sample in
metres: detail finer than it is faded out instead of left to flicker.
"""

from __future__ import annotations

import math

import numpy as np

from avatar_kit.graphics.jit import kernel
from avatar_kit_studio.noise import fractal, value_noise


@kernel
def step(a, b, x):
    """Smooth step from 0 at ``a`` to 1 at ``b``."""
    t = max(0.0, min(1.0, (x - a) / (b - a)))
    return t * t * (3 - 2 * t)


@kernel
def _segment(px, py, ax, ay, bx, by):
    """Distance of a point from a segment, and where along it (0 to 1)."""
    dx, dy = bx - ax, by - ay
    t = ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy + 1e-12)
    t = max(0.0, min(1.0, t))
    ex, ey = px - ax - t * dx, py - ay - t * dy
    return math.sqrt(ex * ex + ey * ey), t


@kernel
def skin(
    rows, surface, values, colours, face, freckles, beard, brow, footprint, albedo, gloss, normal
):
    """Skin, lips, nails, brows, the roots of hair.

    Args:
        rows: [n] samples that are skin.
        surface: [N, 3] rest position in metres.
        values: [N, 7] lips, nails, lids, ears, mouth, scalp [m], beard.
        colours: [3, 3] skin, lips, hair.
        face: [10, 3] cheeks (2), nose tip, chin, and three points of each brow, inner to outer.
        freckles: Strength in [0, 1].
        beard: Strength in [0, 1].
        brow: Thickness of the brows, 1 is average.
        footprint: Width of a sample, metres.
        albedo: [N, 3] written.
        gloss: [N, 2] written.
        normal: [N, 3] tilted a little.
    """
    fine = 1.0 - step(0.0012, 0.005, footprint)
    for r in range(rows.shape[0]):
        i = rows[r]
        x, y, z = surface[i, 0], surface[i, 1], surface[i, 2]
        mottle = fractal(x * 38, y * 38, z * 38, 3)
        grain = fractal(x * 330 + 5, y * 330, z * 330, 2) * fine
        blush = 0.0
        for k in range(3):
            dx, dy, dz = x - face[k, 0], y - face[k, 1], z - face[k, 2]
            wide = 0.00042 if k < 2 else 0.00020
            blush += math.exp(-(dx * dx + dy * dy + dz * dz) / wide)
        red = 0.10 * blush + 0.10 * values[i, 3] + 0.05 * values[i, 2] + 0.05 * mottle
        tone_ = 1.0 + 0.05 * mottle + 0.05 * grain
        c0 = colours[0, 0] * tone_ * (1 + 0.10 * red)
        c1 = colours[0, 1] * tone_ * (1 - 0.85 * red)
        c2 = colours[0, 2] * tone_ * (1 - 0.80 * red)
        shine, power = 0.035, 22.0
        if freckles > 0:
            spots = value_noise(x * 310, y * 310, z * 310) + 0.5 * value_noise(
                x * 200 + 0.6 * y * 200, y * 170, z * 230 - 40 * x
            )
            cover = 0.2 + 0.8 * min(1.0, blush * 1.3)
            spot = freckles * cover * step(0.55, 0.85, spots) * (0.35 + 0.65 * fine)
            c0, c1, c2 = c0 * (1 - 0.22 * spot), c1 * (1 - 0.38 * spot), c2 * (1 - 0.45 * spot)
        lips = step(0.25, 0.75, values[i, 0])
        crease = 0.08 * value_noise(x * 900, y * 90, z * 300) * fine
        c0 += lips * (colours[1, 0] * (1 + crease) - c0) * 0.85
        c1 += lips * (colours[1, 1] * (1 + crease) - c1) * 0.85
        c2 += lips * (colours[1, 2] * (1 + crease) - c2) * 0.85
        shine += 0.025 * lips
        power += 12 * lips
        nail = step(0.3, 0.7, values[i, 1])
        c0 += nail * (0.30 + 0.62 * colours[0, 0] - c0) * 0.6
        c1 += nail * (0.16 + 0.72 * colours[0, 1] - c1) * 0.6
        c2 += nail * (0.14 + 0.76 * colours[0, 2] - c2) * 0.6
        shine += 0.08 * nail
        power += 50 * nail
        # Roots of the hair: streaks of scalp and hair at the hair line.
        streak = value_noise(x * 420, y * 130, z * 260)
        root = step(-0.004, 0.007, values[i, 5] + 0.004 * streak)
        hairs = 0.0
        if beard > 0 and values[i, 6] > 0:
            stubble = value_noise(x * 800, y * 600, z * 800) * fine
            hairs = beard * step(0.15, 0.85, values[i, 6] + 0.22 * mottle + 0.25 * stubble) * 0.86
        for side in range(2):
            best, along = 1.0, 0.0
            for piece in range(2):
                a, b = 4 + 3 * side + piece, 5 + 3 * side + piece
                d, t = _segment(x, y, face[a, 0], face[a, 1], face[b, 0], face[b, 1])
                if d < best:
                    best, along = d, 0.5 * (piece + t)
            if best < 0.02 and z > face[4 + 3 * side + 2, 2] - 0.02:
                half = 0.0050 * brow * (1 - 0.62 * along) * (0.75 + 0.5 * step(0.0, 0.18, along))
                slant = value_noise((x * (1 - 2 * side) - 0.55 * y) * 1100, y * 240, 3.3)
                edge = step(half * 1.35, half * 0.45, best + 0.0018 * slant * fine)
                hairs = max(hairs, edge * (0.90 + 0.10 * slant * fine))
        hairs = max(root * 0.93, hairs)
        c0 += hairs * (colours[2, 0] * 0.45 - c0)
        c1 += hairs * (colours[2, 1] * 0.45 - c1)
        c2 += hairs * (colours[2, 2] * 0.45 - c2)
        mouth = step(0.35, 0.75, values[i, 4]) * (1 - lips)
        c0 += mouth * (0.16 - c0)
        c1 += mouth * (0.035 - c1)
        c2 += mouth * (0.030 - c2)
        shine *= 1 - 0.7 * hairs
        albedo[i, 0], albedo[i, 1], albedo[i, 2] = c0, c1, c2
        gloss[i, 0], gloss[i, 1] = shine, power
        if fine > 0:
            t = 0.05 * fine * (1 - 0.5 * lips)
            normal[i, 0] += t * value_noise(x * 700, y * 700, z * 700)
            normal[i, 1] += t * value_noise(x * 700 + 9, y * 700, z * 700)


@kernel
def eyes(rows, surface, centres, axes, iris, albedo, gloss):
    """Eyeballs: white, iris with a dark rim, pupil. ``centres`` and ``axes`` are [2, 3] at rest."""
    for r in range(rows.shape[0]):
        i = rows[r]
        side = 0 if surface[i, 0] > 0 else 1
        dx = surface[i, 0] - centres[side, 0]
        dy = surface[i, 1] - centres[side, 1]
        dz = surface[i, 2] - centres[side, 2]
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
        albedo[i, 0], albedo[i, 1], albedo[i, 2] = c0, c1, c2
        gloss[i, 0], gloss[i, 1] = 0.45, 260.0


@kernel
def strands(rows, values, colour, albedo, gloss):
    """Hair: ``values`` are tint, depth in the hair, and place from root to tip."""
    for r in range(rows.shape[0]):
        i = rows[r]
        tint, depth, along = values[i, 0], values[i, 1], values[i, 2]
        k = tint * (0.55 + 0.45 * depth) * (0.72 + 0.38 * along)
        for c in range(3):
            albedo[i, c] = colour[c] * k * (1.0 + 0.12 * along * (1 - c))
        gloss[i, 0] = 0.45 + 0.55 * depth
        gloss[i, 1] = 60.0


@kernel
def _tilt(normal, i, dx, dy, dz):
    """Lean a normal against the gradient of a bump and make it unit again."""
    nx, ny, nz = normal[i, 0] - dx, normal[i, 1] - dy, normal[i, 2] - dz
    s = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
    normal[i, 0], normal[i, 1], normal[i, 2] = nx * s, ny * s, nz * s


@kernel
def cloth(
    rows,
    surface,
    values,
    weave,
    colour,
    second,
    shine,
    print_,
    chest,
    footprint,
    albedo,
    gloss,
    normal,
):
    """Woven and knitted cloth.

    Args:
        rows: [n] samples of this garment.
        surface: [N, 3] rest position, metres.
        values: [N, 7] metres along from the hem, to the edge, to the side seam; inner side;
            metres down the sleeve, and whether on it.
        weave: 0 knit, 1 stripes, 2 denim, 3 twill.
        colour: [3] linear.
        second: [3] linear.
        shine: Strength of the highlight.
        print_: [K, 4] strokes of the chest print in metres about ``chest``; none if K is 0.
        chest: [3] middle of the print.
        footprint: Width of a sample, metres.
        albedo: [N, 3] written.
        gloss: [N, 2] written.
        normal: [N, 3] tilted.
    """
    fine = 1.0 - step(0.0007, 0.0022, footprint)
    coarse = 1.0 - step(0.003, 0.010, footprint)
    for r in range(rows.shape[0]):
        i = rows[r]
        x, y, z = surface[i, 0], surface[i, 1], surface[i, 2]
        along, edge, side = values[i, 0], values[i, 1], values[i, 2]
        inner = values[i, 3]
        blend, dark = 0.0, 1.0
        dark += 0.05 * fractal(x * 14 + 3, y * 14, z * 14, 3)
        neck = y > chest[1] + 0.09 and abs(x) < 0.14
        band = 0.020 if neck else 0.024
        if weave == 1:
            run = 0.30 - values[i, 4] if values[i, 5] > 0 else along
            wave = run / 0.036 - math.floor(run / 0.036)
            soft = max(0.02, 0.5 * footprint / 0.036)
            blend = step(0.29 - soft, 0.29 + soft, wave) * step(0.71 + soft, 0.71 - soft, wave)
            if neck and (edge < band or inner > 0.5):
                blend = 1.0
        if weave <= 1:
            u, v = (x + 0.6 * z) * 420.0, y * 420.0
            ribbed = edge < band and (neck or weave == 0)
            if ribbed:
                rib = math.sin((x * 0.9 + z * 1.3) * 2 * math.pi * 260.0)
                dark += 0.10 * rib * fine
                _tilt(normal, i, 0.12 * rib * fine, 0.0, 0.10 * rib * fine)
            else:
                knit = math.sin(u * 2.1) * math.cos(v * 1.5 + math.sin(u * 2.1))
                dark += 0.05 * knit * fine
                _tilt(normal, i, 0.05 * knit * fine, 0.05 * math.cos(v * 1.5) * fine, 0.0)
            fuzz = value_noise(x * 190, y * 190, z * 190)
            dark += 0.04 * fuzz * coarse
            seam = step(0.0016, 0.0, abs(edge - band)) * coarse
            dark *= 1 - 0.35 * seam
            dark *= 1 - 0.22 * step(0.0022, 0.0, side) * coarse
            dark *= 1 - 0.30 * step(0.0020, 0.0, abs(values[i, 5])) * coarse
        elif weave == 2:
            slub = value_noise(x * 230, y * 26, z * 230)
            slub = slub + 0.6 * value_noise(x * 520, y * 70, z * 520) * fine
            worn = fractal(x * 7, y * 5.5, z * 7, 3)
            front = max(0.0, normal[i, 2])
            fade = max(0.0, 0.35 + 0.8 * worn) * (0.35 + 0.65 * front)
            dark += 0.16 * slub * coarse
            fade = 0.30 * fade + 0.10
            twill = math.sin((x * 0.7 + z * 0.7 + y) * 2 * math.pi * 330.0)
            dark += 0.10 * twill * fine
            stitch = step(0.0011, 0.0004, abs(side - 0.0065)) * (
                0.5 + 0.5 * math.sin(y * 2 * math.pi * 290.0)
            )
            hem = step(0.0011, 0.0004, abs(edge - 0.019)) * coarse
            c = max(stitch * coarse, hem)
            albedo[i, 0] = colour[0] * dark * (1 + 1.6 * fade) + 0.05 * fade
            albedo[i, 1] = colour[1] * dark * (1 + 1.3 * fade) + 0.05 * fade
            albedo[i, 2] = colour[2] * dark * (1 + 1.0 * fade) + 0.05 * fade
            groove = 1 - 0.35 * step(0.0025, 0.0008, side) * coarse
            for k in range(3):
                albedo[i, k] = groove * (albedo[i, k] + 0.55 * c * (second[k] - albedo[i, k]))
                albedo[i, k] *= 1 - 0.55 * inner
            gloss[i, 0], gloss[i, 1] = shine, 10.0
            _tilt(normal, i, 0.05 * slub * fine, 0.05 * twill * fine, 0.0)
            continue
        else:
            ridge = math.sin((x + z - 1.3 * y) * 2 * math.pi * 240.0)
            dark += 0.06 * ridge * fine + 0.05 * value_noise(x * 160, y * 40, z * 160) * coarse
            hem = step(0.0013, 0.0004, abs(edge - 0.028)) * coarse
            dark *= 1 - 0.35 * hem
            _tilt(normal, i, 0.06 * ridge * fine, 0.08 * ridge * fine, 0.0)
        if print_.shape[0] and z > chest[2] - 0.05:
            best = 1.0
            for k in range(print_.shape[0]):
                d, _ = _segment(
                    x - chest[0],
                    y - chest[1],
                    print_[k, 0],
                    print_[k, 1],
                    print_[k, 2],
                    print_[k, 3],
                )
                best = min(best, d)
            soft = max(0.0008, 0.7 * footprint)
            crack = 0.10 * value_noise(x * 260, y * 260, 1.5) * coarse
            blend = max(blend, step(0.0033 + soft, 0.0033 - soft, best) * (0.9 + crack))
        for k in range(3):
            c = colour[k] + blend * (second[k] - colour[k])
            albedo[i, k] = c * dark * (1 - 0.55 * inner)
        gloss[i, 0], gloss[i, 1] = shine, 9.0


@kernel
def shoes(rows, surface, values, colour, second, shine, floor, toe, albedo, gloss):
    """Shoes: a pale sole with a line, laces over the instep; ``toe`` is how far the tip reaches."""
    for r in range(rows.shape[0]):
        i = rows[r]
        x, y, z = surface[i, 0], surface[i, 1], surface[i, 2]
        height, back = y - floor, toe - z
        sole = step(0.017, 0.014, height)
        line = step(0.0015, 0.0006, abs(height - 0.010)) * sole
        upper = 1.0 + 0.05 * fractal(x * 60, y * 60, z * 60, 2)
        lace = 0.0
        if 0.075 < back < 0.135 and height > 0.040:
            wave = (back - 0.075) / 0.012
            lace = step(0.30, 0.20, abs(wave - math.floor(wave) - 0.5))
        cap = step(0.0018, 0.0006, abs(back - 0.045 - 6 * (abs(x) - 0.1) ** 2)) * (1 - sole)
        for k in range(3):
            c = colour[k] * upper * (1 - 0.3 * cap)
            c += lace * (0.80 - c) * 0.9
            c += sole * (second[k] * (1 - 0.35 * line) - c)
            albedo[i, k] = c * (1 - 0.6 * values[i, 3])
        gloss[i, 0], gloss[i, 1] = shine * (1 - 0.6 * sole), 30.0


@kernel
def plain(rows, red, green, blue, shine, power, albedo, gloss):
    """One colour."""
    for r in range(rows.shape[0]):
        i = rows[r]
        albedo[i, 0], albedo[i, 1], albedo[i, 2] = red, green, blue
        gloss[i, 0], gloss[i, 1] = shine, power


def chest_print() -> np.ndarray:
    """[K, 4] strokes of the print, metres: a rounded frame around the letters AVA."""
    strokes: list[tuple[float, float, float, float]] = []
    w, h, c = 0.066, 0.038, 0.012
    corners = [
        (-w + c, h),
        (w - c, h),
        (w, h - c),
        (w, -h + c),
        (w - c, -h),
        (-w + c, -h),
        (-w, -h + c),
        (-w, h - c),
    ]
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        strokes.append((ax, ay, bx, by))
    for middle, up in ((-0.036, 1), (0.0, -1), (0.036, 1)):
        strokes.append((middle - 0.014, -0.019 * up, middle, 0.019 * up))
        strokes.append((middle, 0.019 * up, middle + 0.014, -0.019 * up))
        if up > 0:
            strokes.append((middle - 0.008, -0.004, middle + 0.008, -0.004))
    return np.array(strokes)
