"""Cloth and leather as procedural surfaces, evaluated at samples.

The values a vertex of a garment carries: metres along from the hem, to the edge and to the side
seam; 1 on the inner side; metres down the sleeve, and a field whose zero is the shoulder seam.
"""

from __future__ import annotations

import math

import numpy as np

from avatar_kit.graphics.jit import kernel
from avatar_kit_studio.noise import fractal, value_noise
from avatar_kit_studio.samples import segment, step, tilt


@kernel
def _scales(footprint):
    """How much of thread-sized and of seam-sized detail a sample of that width shows."""
    return 1.0 - step(0.0007, 0.0022, footprint), 1.0 - step(0.003, 0.010, footprint)


@kernel
def _dye(samples, i, colour, second, blend, dark):
    """Mix two colours, darker on the inner side."""
    for k in range(3):
        c = colour[k] + blend * (second[k] - colour[k])
        samples.albedo[i, k] = c * dark * (1 - 0.55 * samples.values[i, 3])


@kernel
def _printed(x, y, strokes, footprint):
    """Coverage in [0, 1] of a print of strokes [K, 4], metres."""
    best = 1.0
    for k in range(strokes.shape[0]):
        d, _ = segment(x, y, strokes[k, 0], strokes[k, 1], strokes[k, 2], strokes[k, 3])
        best = min(best, d)
    soft = max(0.0008, 0.7 * footprint)
    return step(0.0033 + soft, 0.0033 - soft, best)


@kernel
def knit(rows, samples, colour, second, shine, striped, strokes, chest):
    """Knitted tops, with ribs at the neck and seams at sides and shoulders.

    Args:
        rows: [n] samples of the garment.
        samples: All samples.
        colour: [3] linear.
        second: [3] linear, of stripes and print.
        shine: Strength of the highlight.
        striped: Whether stripes run round it.
        strokes: [K, 4] strokes of the print in metres about ``chest``; none if K is 0.
        chest: [3] middle of the print.
    """
    fine, coarse = _scales(samples.footprint)
    for r in range(rows.shape[0]):
        i = rows[r]
        x, y, z = samples.surface[i, 0], samples.surface[i, 1], samples.surface[i, 2]
        along, edge, side = samples.values[i, 0], samples.values[i, 1], samples.values[i, 2]
        blend, dark = 0.0, 1.0
        dark += 0.05 * fractal(x * 14 + 3, y * 14, z * 14, 3)
        neck = y > chest[1] + 0.09 and abs(x) < 0.14
        band = 0.020 if neck else 0.024
        if striped:
            run = 0.30 - samples.values[i, 4] if samples.values[i, 5] > 0 else along
            wave = run / 0.036 - math.floor(run / 0.036)
            soft = max(0.02, 0.5 * samples.footprint / 0.036)
            blend = step(0.29 - soft, 0.29 + soft, wave) * step(0.71 + soft, 0.71 - soft, wave)
            if neck and (edge < band or samples.values[i, 3] > 0.5):
                blend = 1.0
        if edge < band and (neck or not striped):
            rib = math.sin((x * 0.9 + z * 1.3) * 2 * math.pi * 260.0)
            dark += 0.10 * rib * fine
            tilt(samples.normal, i, 0.12 * rib * fine, 0.0, 0.10 * rib * fine)
        else:
            u, v = (x + 0.6 * z) * 420.0, y * 420.0
            loop = math.sin(u * 2.1) * math.cos(v * 1.5 + math.sin(u * 2.1))
            dark += 0.05 * loop * fine
            tilt(samples.normal, i, 0.05 * loop * fine, 0.05 * math.cos(v * 1.5) * fine, 0.0)
        dark += 0.04 * value_noise(x * 190, y * 190, z * 190) * coarse
        dark *= 1 - 0.35 * step(0.0016, 0.0, abs(edge - band)) * coarse
        dark *= 1 - 0.22 * step(0.0022, 0.0, side) * coarse
        dark *= 1 - 0.30 * step(0.0020, 0.0, abs(samples.values[i, 5])) * coarse
        if strokes.shape[0] and z > chest[2] - 0.05:
            crack = 0.10 * value_noise(x * 260, y * 260, 1.5) * coarse
            ink = _printed(x - chest[0], y - chest[1], strokes, samples.footprint)
            blend = max(blend, ink * (0.9 + crack))
        _dye(samples, i, colour, second, blend, dark)
        samples.gloss[i, 0], samples.gloss[i, 1] = shine, 9.0


@kernel
def denim(rows, samples, colour, second, shine):
    """Denim: slubs, twill, worn fronts, seams with stitches of the second colour."""
    fine, coarse = _scales(samples.footprint)
    for r in range(rows.shape[0]):
        i = rows[r]
        x, y, z = samples.surface[i, 0], samples.surface[i, 1], samples.surface[i, 2]
        edge, side = samples.values[i, 1], samples.values[i, 2]
        slub = value_noise(x * 230, y * 26, z * 230)
        slub = slub + 0.6 * value_noise(x * 520, y * 70, z * 520) * fine
        worn = fractal(x * 7, y * 5.5, z * 7, 3)
        fade = max(0.0, 0.35 + 0.8 * worn) * (0.35 + 0.65 * step(-0.04, 0.07, z))
        fade = 0.30 * fade + 0.10
        twill = math.sin((x * 0.7 + z * 0.7 + y) * 2 * math.pi * 330.0)
        dark = 1.0 + 0.05 * fractal(x * 14 + 3, y * 14, z * 14, 3)
        dark += 0.16 * slub * coarse + 0.10 * twill * fine
        thread = 0.5 + 0.5 * math.sin(y * 2 * math.pi * 290.0)
        stitch = step(0.0011, 0.0004, abs(side - 0.0065)) * thread * coarse
        stitch = max(stitch, step(0.0011, 0.0004, abs(edge - 0.019)) * coarse)
        dark_groove = 1 - 0.35 * step(0.0025, 0.0008, side) * coarse
        dark_groove *= 1 - 0.55 * samples.values[i, 3]
        for k in range(3):
            c = colour[k] * dark * (1 + (1.6 - 0.3 * k) * fade) + 0.05 * fade
            samples.albedo[i, k] = dark_groove * (c + 0.55 * stitch * (second[k] - c))
        samples.gloss[i, 0], samples.gloss[i, 1] = shine, 10.0
        tilt(samples.normal, i, 0.05 * slub * fine, 0.05 * twill * fine, 0.0)


@kernel
def twill(rows, samples, colour, second, shine):
    """Plain twill with a stitched hem."""
    fine, coarse = _scales(samples.footprint)
    for r in range(rows.shape[0]):
        i = rows[r]
        x, y, z = samples.surface[i, 0], samples.surface[i, 1], samples.surface[i, 2]
        ridge = math.sin((x + z - 1.3 * y) * 2 * math.pi * 240.0)
        dark = 1.0 + 0.05 * fractal(x * 14 + 3, y * 14, z * 14, 3)
        dark += 0.06 * ridge * fine + 0.05 * value_noise(x * 160, y * 40, z * 160) * coarse
        dark *= 1 - 0.35 * step(0.0013, 0.0004, abs(samples.values[i, 1] - 0.028)) * coarse
        tilt(samples.normal, i, 0.06 * ridge * fine, 0.08 * ridge * fine, 0.0)
        _dye(samples, i, colour, second, 0.0, dark)
        samples.gloss[i, 0], samples.gloss[i, 1] = shine, 9.0


@kernel
def shoes(rows, samples, colour, second, shine, floor, toe):
    """Shoes: a pale sole with a line, laces over the instep; ``toe`` is how far the tip reaches."""
    for r in range(rows.shape[0]):
        i = rows[r]
        x, y, z = samples.surface[i, 0], samples.surface[i, 1], samples.surface[i, 2]
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
            samples.albedo[i, k] = c * (1 - 0.6 * samples.values[i, 3])
        samples.gloss[i, 0], samples.gloss[i, 1] = shine * (1 - 0.6 * sole), 30.0


@kernel
def plain(rows, samples, red, green, blue, shine, power):
    """One colour."""
    for r in range(rows.shape[0]):
        i = rows[r]
        samples.albedo[i, 0], samples.albedo[i, 1], samples.albedo[i, 2] = red, green, blue
        samples.gloss[i, 0], samples.gloss[i, 1] = shine, power


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
