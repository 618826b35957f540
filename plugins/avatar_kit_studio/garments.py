"""Clothes cut from the base mesh's shells: selected, eased off the skin and hemmed at rest."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from avatar_kit_studio.cuts import Cut, Landmarks, inside, regions_of
from avatar_kit_studio.mesh import base_mesh, subdivide
from avatar_kit_studio.noise import ridges
from avatar_kit_studio.topology import adjacency, boundary, nearest, normals_of, smooth, triangles

#: Where a garment wrinkles: names of the rows of :attr:`Garment.wrinkles`.
WRINKLES = (
    "torso",
    "waist",
    "left_elbow",
    "right_elbow",
    "left_shoulder",
    "right_shoulder",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
)


@dataclass(frozen=True)
class Garment:
    """One piece of clothing at rest.

    Attributes:
        name: "top", "trousers", "skirt" or "shoes".
        rest: [N, 3] metres.
        weights: [N, J] skinning weights on the bones of the rig.
        faces: [F, 3] triangles, counter-clockwise from outside.
        surface: [N, 3] position on the skin's shell before easing: coordinates for textures.
        along: [N] metres up from the hem: coordinate of stripes.
        sleeve: [N] metres down the arm from the shoulder: coordinate of stripes on sleeves.
        on_sleeve: [N] positive on sleeves; its zero is the shoulder seam, its size about metres.
        edge: [N] metres to the nearest hem, neck line or cuff.
        side: [N] metres to the side seam.
        loose: [N] in [0, 1], how far springs may carry the cloth.
        clear: [N] metres between cloth and skin shell at rest.
        neighbours: CSR adjacency (indptr, indices) for smoothing; hems see only the hem.
        wrinkles: [W, N] fold patterns in about [-0.5, 0.5], masked to where each belongs.
        rim: [N] True for the inner side of hems.
        source: [N] the vertex whose normal each follows; itself but for the inner side of hems.
        outer: [G, 3] the triangles without the inner side of hems.
    """

    name: str
    rest: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    surface: np.ndarray
    along: np.ndarray
    sleeve: np.ndarray
    on_sleeve: np.ndarray
    edge: np.ndarray
    side: np.ndarray
    loose: np.ndarray
    clear: np.ndarray
    neighbours: tuple[np.ndarray, np.ndarray]
    wrinkles: np.ndarray
    rim: np.ndarray
    source: np.ndarray
    outer: np.ndarray
    cuts: tuple[Cut, ...] = field(repr=False, default=())


def _trim(points, surface, weights, marks, cuts, rim, owner) -> None:
    """Pull inner vertices that easing pushed over a cut back behind it, and the rim onto it."""
    inner = np.ones(len(points), bool)
    inner[rim] = False
    regions = regions_of(marks, surface, weights)
    for i, cut in enumerate(cuts):
        distance = points @ cut.normal + cut.offset
        shell = surface @ cut.normal + cut.offset
        near = inner & regions[cut.region] & (shell < 0.03)
        short = np.maximum(0, np.minimum(0.6 * shell, 0.004) - distance) * near
        points += short[:, None] * cut.normal
        mine = rim[owner == i]
        points[mine] -= distance[mine, None] * cut.normal


def fold_patterns(marks: Landmarks, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[W, N] rows of :data:`WRINKLES` for a garment: crests of folds, masked and centred."""
    y = points[:, 1]
    bump = lambda d, w: np.exp(-0.5 * (d / w) ** 2)  # noqa: E731
    regions = regions_of(marks, points, weights)
    trunk = regions["trunk"].astype(float)
    pelvis, chest = marks["pelvis"][1], marks["spine-2"][1]
    # Left and right take different parts of the noise, or folds meet in mirrored V shapes.
    shift = np.where(points[:, :1] > 0, 7.3, 0.0) * (1 - bump(points[:, :1], 0.06))
    diagonal = np.stack([points[:, 0] * 8 + y * 9, y * 12 - points[:, 0] * 6, points[:, 2] * 8], 1)
    # Folds of a top run from the armpits down to the middle: long along, narrow across.
    fall = np.tanh(points[:, 0] / 0.05) * points[:, 0]
    drape = np.stack([points[:, 0] * 4.5, (y + 0.5 * fall) * 17, points[:, 2] * 4], 1) + shift
    level = np.stack([points[:, 0] * 8, y * 26, points[:, 2] * 8], 1) + shift
    rows = [
        ridges(drape, 0.8) * trunk * bump(y - (pelvis + chest) / 2 - 0.02, 0.16),
        ridges(level + 3.7, 0.8) * trunk * bump(y - pelvis - 0.06, 0.07),
    ]
    for side in ("left", "right"):
        along = marks.arm(points, weights, side)
        elbow = np.linalg.norm(marks[f"{side[0]}-elbow"] - marks[f"{side[0]}-shoulder"])
        axis = np.stack([along * 30, points[:, 1] * 9, points[:, 2] * 9], 1) + (side == "left") * 5
        rows.append(ridges(axis, 0.7) * (along > 0) * bump(along - elbow, 0.075))
    for side in ("left", "right"):
        near = np.linalg.norm(points - marks[f"{side[0]}-shoulder"] + [0, 0.05, 0], axis=1)
        rows.append(ridges(diagonal[:, [1, 0, 2]] + 9.0 * (side == "left"), 0.9) * bump(near, 0.10))
    for joint, width in (("upper-leg", 0.075), ("knee", 0.085)):
        for side in ("left", "right"):
            own = (points[:, 0] > 0) == (side == "left")
            mask = bump(y - marks[f"{side[0]}-{joint}"][1], width) * own * trunk
            rows.append(ridges(level + 4.1 * (side == "left"), 0.9) * mask)
    pattern = np.stack(rows).astype(np.float32)
    return pattern - 0.45 * (pattern != 0) * np.minimum(1, np.abs(pattern) * 3)


def _select(values: np.ndarray, quads: np.ndarray, keep: np.ndarray):
    """Quads whose vertices are all kept, without ears; and the vertices they still use."""
    quads = quads[keep[quads].all(1)]
    for _ in range(3):
        on_rim = np.zeros(len(values), bool)
        on_rim[boundary(quads).ravel()] = True
        quads = quads[on_rim[quads].sum(1) < 3]
    used, index = np.unique(quads, return_inverse=True)
    return used, index.reshape(-1, 4)


def _snap(points: np.ndarray, rim: np.ndarray, distance: np.ndarray, cuts: tuple[Cut, ...]):
    """Move the rim onto the plane of the cut it belongs to."""
    owner = np.abs(distance[rim]).argmin(1)
    for i, cut in enumerate(cuts):
        mine = rim[owner == i]
        points[mine] -= (points[mine] @ cut.normal + cut.offset)[:, None] * cut.normal
    return owner


def _hem(points, quads, normals, thickness, depth):
    """Turn the rim inwards: a strip of quads along every boundary edge.

    Returns:
        The strip's extra positions, which vertex each was copied from, and its quads.
    """
    edges = boundary(quads)
    loop, index = np.unique(edges, return_inverse=True)
    index = index.reshape(-1, 2)
    inward = points[loop] - thickness * normals[loop] + depth[loop]
    base = len(points)
    strip = np.stack([edges[:, 1], edges[:, 0], index[:, 0] + base, index[:, 1] + base], 1)
    return inward, loop, strip


def cut_shell(
    marks: Landmarks, group: str, cuts: tuple[Cut, ...], levels: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Subdivide a helper shell and cut it.

    Returns:
        Positions on the shell [N, 3], weights [N, J], quads [F, 4], distance to the cuts [N, C].
    """
    source = base_mesh().groups[group].faces
    used, quads = np.unique(source, return_inverse=True)
    quads = quads.reshape(-1, 4)
    values = np.concatenate([marks.vertices[used], marks.weights[used]], 1)
    for _ in range(levels):
        values, quads = subdivide(values, quads)
    points, weights = values[:, :3], values[:, 3:]
    distance = inside(cuts, points, regions_of(marks, points, weights))
    used, quads = _select(values, quads, (distance > -0.003).all(1))
    return points[used].copy(), weights[used], quads, distance[used]


@dataclass(frozen=True)
class Ease:
    """How a shell becomes cloth: all lengths in metres.

    Attributes:
        shell: Distance off the skin everywhere.
        hem: Extra distance at the hems, fading over ``fade``.
        fade: See ``hem``.
        smoothing: Laplacian steps on the eased shell; how little of the body shows through.
    """

    shell: float
    hem: float = 0.0
    fade: float = 0.2
    smoothing: int = 20


def sew(
    marks: Landmarks,
    name: str,
    cuts: tuple[Cut, ...],
    ease: Ease,
    *,
    group: str = "helper-tights",
    levels: int = 2,
    shape=None,
) -> Garment:
    """Make a garment from a shell.

    Args:
        marks: The person at rest.
        name: Name of the garment.
        cuts: Where it ends.
        ease: How it hangs.
        group: Which helper shell it is made of.
        levels: Catmull-Clark steps.
        shape: ``shape(points, surface, normals) -> points``, the garment's own cut, or None.
    """
    shell = Shell.cut(marks, cuts, group, levels)
    points = drape(shell, marks, ease, shape)
    outward, depth = turned_under(shell, points)
    edge = np.linalg.norm(points - points[shell.rim][nearest(points, points[shell.rim])], axis=1)
    extra, source, strip = _hem(points, shell.quads, outward, 0.0035, depth)
    surface, weights, count = shell.surface, shell.weights, len(points)
    all_of = np.concatenate([np.arange(count), source])
    everything = np.concatenate([points, extra])
    quads = np.concatenate([shell.quads, strip])
    sleeve, on_sleeve = marks.sleeve(surface, weights)
    clear = np.maximum(((points - surface) * shell.normals).sum(1), 0.002)
    return Garment(
        name=name,
        rest=everything.astype(np.float32),
        weights=weights[all_of],
        faces=triangles(quads).astype(np.int32),
        surface=surface[all_of].astype(np.float32),
        along=(surface[:, 1] - surface[:, 1].min())[all_of].astype(np.float32),
        sleeve=sleeve[all_of].astype(np.float32),
        on_sleeve=on_sleeve[all_of].astype(np.float32),
        edge=edge[all_of].astype(np.float32),
        side=np.abs(surface[all_of, 2] - marks["pelvis"][2]).astype(np.float32),
        loose=np.zeros(len(everything), np.float32),
        clear=clear[all_of].astype(np.float32),
        neighbours=adjacency(len(everything), quads),
        wrinkles=fold_patterns(marks, surface, weights)[:, all_of],
        rim=np.arange(len(everything)) >= count,
        source=all_of,
        outer=np.ascontiguousarray(shell.faces, np.int32),
        cuts=cuts,
    )


@dataclass(frozen=True)
class Shell:
    """A helper shell, cut to a garment's outline.

    Attributes:
        surface: [N, 3] metres, on the shell.
        weights: [N, J] skinning weights.
        quads: [F, 4].
        faces: [2 F, 3] the quads as triangles.
        distance: [N, C] metres from each cut.
        normals: [N, 3] smoothed.
        cuts: The C cuts.
        neighbours: Adjacency of all vertices, and the part of it that moves the rim alone.
        rim: [R] vertices on the rim.
        owner: [R] the cut each of them lies on.
    """

    surface: np.ndarray
    weights: np.ndarray
    quads: np.ndarray
    faces: np.ndarray
    distance: np.ndarray
    normals: np.ndarray
    cuts: tuple[Cut, ...]
    neighbours: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    rim: np.ndarray
    owner: np.ndarray

    @classmethod
    def cut(cls, marks: Landmarks, cuts: tuple[Cut, ...], group: str, levels: int) -> Shell:
        """Cut a shell, its rim smooth and on the planes of the cuts."""
        surface, weights, quads, distance = cut_shell(marks, group, cuts, levels)
        whole = adjacency(len(surface), quads)
        rim = np.unique(boundary(quads))
        along = _only(rim, *whole, len(surface))
        smooth(surface, *along, 0.5, 30)
        owner = _snap(surface, rim, distance, cuts)
        faces = triangles(quads)
        normals = normals_of(surface, faces)
        smooth(normals, *whole, 0.5, 4)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        arrays = (surface, weights, quads, faces, distance, normals)
        return cls(*arrays, cuts, (whole, along), rim, owner)


def drape(shell: Shell, marks: Landmarks, ease: Ease, shape=None) -> np.ndarray:
    """[N, 3] the shell eased off the skin; for ``shape`` see :func:`sew`."""
    whole, along = shell.neighbours
    surface, normals, cuts = shell.surface, shell.normals, shell.cuts
    hanging = shell.distance[:, _free(cuts)]
    hem = np.clip(np.where(np.abs(hanging) < 0.9, hanging, 9), 0, 9)
    lift = ease.shell + ease.hem * np.clip(1 - hem.min(1) / ease.fade, 0, 1) ** 1.3
    points = surface + lift[:, None] * normals
    smooth(points, *whole, 0.5, ease.smoothing)
    if shape is not None:
        points = shape(points, surface, normals)
    # Smoothing shrinks: what came too close to the skin is pushed out again.
    height = ((points - surface) * normals).sum(1)
    points = points + np.maximum(0, 0.6 * lift - height)[:, None] * normals
    smooth(points, *whole, 0.5, 2)
    _trim(points, surface, shell.weights, marks, cuts, shell.rim, shell.owner)
    smooth(points, *along, 0.5, 8)
    for i, cut in enumerate(cuts):
        mine = shell.rim[shell.owner == i]
        points[mine] -= (points[mine] @ cut.normal + cut.offset)[:, None] * cut.normal
    return points


def turned_under(shell: Shell, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[N, 3] unit normals that are smooth along the rim, and the way a hem is turned in, metres."""
    depth = np.zeros_like(points)
    outward = normals_of(points, shell.faces)
    smooth(outward, *shell.neighbours[1], 0.5, 12)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    for i, cut in enumerate(shell.cuts):
        mine = shell.rim[shell.owner == i]
        depth[mine] = cut.normal - (outward[mine] @ cut.normal)[:, None] * outward[mine]
    depth *= 0.012 / np.maximum(np.linalg.norm(depth, axis=1, keepdims=True), 1e-9)
    return outward, depth


def _free(cuts: tuple[Cut, ...]) -> list[int]:
    """Cuts whose hem hangs away from the body: all but the neck line and the waist."""
    return [i for i, c in enumerate(cuts) if c.region != "neck" and c.normal[1] > -0.99]


def _only(rim: np.ndarray, start: np.ndarray, items: np.ndarray, count: int):
    """The part of an adjacency that moves the rim alone."""
    size = np.zeros(count, np.int64)
    size[rim] = start[rim + 1] - start[rim]
    first = np.zeros(count + 1, np.int64)
    np.cumsum(size, out=first[1:])
    picked = [items[start[i] : start[i + 1]] for i in rim]
    return first, np.concatenate(picked) if picked else items[:0]
