"""From what a sample sees to the light it sends to the camera."""

from __future__ import annotations

import math

import numpy as np

from avatar_kit.graphics.jit import kernel
from avatar_kit_studio.lighting import (
    FLOOR_COLOUR,
    KEY,
    KEY_COLOUR,
    RIM,
    RIM_COLOUR,
    SKY_COLOUR,
    lit,
)
from avatar_kit_studio.skin import MATERIALS

_SKIN, _HAIR = MATERIALS.index("skin"), MATERIALS.index("hair")
#: How far light wraps round skin, by channel.
_WRAP = (0.25, 0.13, 0.09)


@kernel
def gather(triangle, bary, faces, material, attributes, least):
    """Interpolate vertex attributes at every covered sample.

    Args:
        triangle: [H, W] triangle index, -1 for none.
        bary: [H, W, 3].
        faces: [F, 3].
        material: [F].
        attributes: [N, C].
        least: Number of covered samples.

    Returns:
        Flat sample index [n], material [n], values [n, C].
    """
    h, w = triangle.shape
    channels = attributes.shape[1]
    where = np.empty(least, np.int64)
    kind = np.empty(least, np.int32)
    values = np.empty((least, channels), np.float32)
    n = 0
    for y in range(h):
        for x in range(w):
            f = triangle[y, x]
            if f < 0:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            u, v, t = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
            where[n] = y * w + x
            kind[n] = material[f]
            for k in range(channels):
                values[n, k] = u * attributes[a, k] + v * attributes[b, k] + t * attributes[c, k]
            n += 1
    return where, kind, values


@kernel
def _strand_light(i, view, shade, tangent, sky, samples, out):
    """Kajiya and Kay's light of a strand (1989): two lobes about its tangent, and a rim."""
    nx, ny, nz = tangent
    tl = nx * KEY[0] + ny * KEY[1] + nz * KEY[2]
    tr = nx * RIM[0] + ny * RIM[1] + nz * RIM[2]
    tv = nx * view[0] + ny * view[1] + nz * view[2]
    sl, sv = math.sqrt(max(0.0, 1 - tl * tl)), math.sqrt(max(0.0, 1 - tv * tv))
    sr = math.sqrt(max(0.0, 1 - tr * tr))
    spread = max(0.0, sl * sv - tl * tv)
    rim = max(0.0, sr * sv - tr * tv)
    for k in range(3):
        ambient = sky[i, 0] * SKY_COLOUR[k] + sky[i, 1] * FLOOR_COLOUR[k]
        base = samples.albedo[i, k]
        body = base * (0.62 * shade * sl * KEY_COLOUR[k] + 1.25 * ambient)
        lobes = 0.030 * spread**80 + (0.010 + 0.55 * base) * 0.35 * spread**16
        back = RIM_COLOUR[k] * sky[i, 0] * (0.02 + 0.5 * base) * 0.5 * rim**10
        out[i, k] = body + (shade * KEY_COLOUR[k] * lobes + back) * samples.gloss[i, 0]


@kernel
def _surface_light(i, is_skin, view, shade, normal, sky, samples, out):
    """Diffuse light, wrapped on skin, a highlight, and a sheen towards the rim of the shape."""
    nx, ny, nz = normal
    vx, vy, vz = view
    ndl = nx * KEY[0] + ny * KEY[1] + nz * KEY[2]
    ndr = nx * RIM[0] + ny * RIM[1] + nz * RIM[2]
    ndv = max(0.0, nx * vx + ny * vy + nz * vz)
    hx, hy, hz = KEY[0] + vx, KEY[1] + vy, KEY[2] + vz
    s = 1.0 / math.sqrt(hx * hx + hy * hy + hz * hz)
    ndh = max(0.0, (nx * hx + ny * hy + nz * hz) * s)
    fresnel = (1 - ndv) ** 5
    open_sky = min(1.0, 1.25 * (sky[i, 0] + sky[i, 1]))
    rim = max(0.0, (ndr + 0.1) / 1.1) * open_sky
    strength, power = samples.gloss[i, 0], samples.gloss[i, 1]
    spot = shade * max(0.0, ndl) * ndh**power * (power + 8) / 25.0
    for k in range(3):
        soft = _WRAP[k] if is_skin else 0.06
        direct = max(0.0, (ndl + soft) / (1 + soft))
        # Blood spreads the light past the edge of a shadow: red reaches farther.
        reached = shade ** (1.0 - 0.35 * soft) if is_skin else shade
        ambient = sky[i, 0] * SKY_COLOUR[k] + sky[i, 1] * FLOOR_COLOUR[k]
        light = 0.80 * reached * direct * KEY_COLOUR[k] + 0.45 * rim * RIM_COLOUR[k]
        sheen = spot * KEY_COLOUR[k] + 1.5 * fresnel * open_sky * SKY_COLOUR[k]
        out[i, k] = samples.albedo[i, k] * (light + 1.35 * ambient) + strength * sheen


@kernel
def illuminate(kind, position, sky, samples, eye, axes, centre, scale, depth):
    """Light sent to the camera by every sample.

    Args:
        kind: [n] material.
        position: [n, 3] world metres.
        sky: [n, 2] shares of sky and floor light.
        samples: The surfaces; normals are tangents for hair.
        eye: [3] camera centre.
        axes: [3, 3] of the view of the shadow map.
        centre: [3] of that view.
        scale: Texels per metre.
        depth: [S, S] the key's shadow map.

    Returns:
        [n, 3] linear radiance.
    """
    out = np.empty((kind.shape[0], 3), np.float32)
    for i in range(kind.shape[0]):
        px, py, pz = position[i, 0], position[i, 1], position[i, 2]
        normal = samples.normal[i, 0], samples.normal[i, 1], samples.normal[i, 2]
        vx, vy, vz = eye[0] - px, eye[1] - py, eye[2] - pz
        s = 1.0 / math.sqrt(vx * vx + vy * vy + vz * vz)
        view = vx * s, vy * s, vz * s
        # Step off the surface, or it would shade itself; strands step towards the light.
        off = 0.007
        ox, oy, oz = normal[0] * off, normal[1] * off, normal[2] * off
        if kind[i] == _HAIR:
            ox, oy, oz = 0.010 * KEY[0], 0.010 * KEY[1], 0.010 * KEY[2]
        shade = lit(px + ox, py + oy, pz + oz, axes, centre, scale, depth, 0.002, 1.0, 2)
        if kind[i] == _HAIR:
            _strand_light(i, view, shade, normal, sky, samples, out)
        else:
            _surface_light(i, kind[i] == _SKIN, view, shade, normal, sky, samples, out)
    return out


@kernel
def tone(x):
    """ACES filmic curve (Narkowicz's fit) and display gamma."""
    x = 0.88 * x
    y = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    return max(0.0, min(1.0, y)) ** (1 / 2.2)


@kernel
def resolve(where, radiance, background, factor):
    """Average the samples of every pixel.

    Args:
        where: [n] flat index of each sample in the [f H, f W] sample grid.
        radiance: [n, 3] linear.
        background: [H, W, 3] linear, behind the person.
        factor: Samples along a pixel's side, f.

    Returns:
        Display values [H, W, 3] in [0, 1] and coverage [H, W].
    """
    h, w = background.shape[:2]
    image = np.empty((h, w, 3), np.float32)
    alpha = np.zeros((h, w), np.float32)
    share = 1.0 / (factor * factor)
    total = np.zeros((h, w, 3), np.float32)
    for i in range(where.shape[0]):
        y = where[i] // (w * factor) // factor
        x = where[i] % (w * factor) // factor
        alpha[y, x] += share
        for k in range(3):
            total[y, x, k] += share * tone(radiance[i, k])
    for y in range(h):
        for x in range(w):
            for k in range(3):
                image[y, x, k] = total[y, x, k] + (1 - alpha[y, x]) * tone(background[y, x, k])
    return image, alpha
