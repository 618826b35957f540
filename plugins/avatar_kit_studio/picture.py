"""One frame: from posed vertices to an image and its alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from avatar_kit.graphics import visibility
from avatar_kit.graphics.jit import kernel
from avatar_kit.scene import Camera
from avatar_kit_studio.lighting import KEY, shadow_map, sky_light, sky_views, view_along
from avatar_kit_studio.paint import face_points, paint
from avatar_kit_studio.person import Person
from avatar_kit_studio.ribbons import ribbon_faces, ribbons
from avatar_kit_studio.samples import Samples
from avatar_kit_studio.shade import gather, illuminate, resolve
from avatar_kit_studio.skin import MATERIALS
from avatar_kit_studio.stage import Stage, contact_grid, shadowed

#: Least width of a ribbon of hair, in samples.
_LEAST = 1.25


@dataclass(frozen=True)
class Look:
    """A posed person: ``vertices`` [N, 3] and ``strands`` [S, P, 3] in world metres."""

    vertices: np.ndarray
    strands: np.ndarray


@kernel
def vertex_normals(points, faces):
    """[N, 3] area-weighted unit normals, float32."""
    out = np.zeros((points.shape[0], 3))
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = (
            points[j, 0] - points[i, 0],
            points[j, 1] - points[i, 1],
            points[j, 2] - points[i, 2],
        )
        bx, by, bz = (
            points[k, 0] - points[i, 0],
            points[k, 1] - points[i, 1],
            points[k, 2] - points[i, 2],
        )
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for v in (i, j, k):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(points.shape[0]):
        n = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-20
        out[v, 0] /= n
        out[v, 1] /= n
        out[v, 2] /= n
    return out.astype(np.float32)


class Photographer:
    """Takes pictures of one person from one camera.

    Args:
        person: Who.
        camera: One camera; its size is the picture's.
        stage: The room.
        supersample: Samples along a pixel's side.
    """

    def __init__(self, person: Person, camera: Camera, stage: Stage, supersample: int):
        self.person, self.camera, self.stage, self.factor = person, camera, stage, supersample
        strands = person.strands
        count, length = strands.points.shape[:2]
        base = len(person.rest)
        self.faces = np.concatenate([person.faces, ribbon_faces(count, length) + base]).astype(
            np.int64
        )
        hair = MATERIALS.index("hair")
        self.material = np.concatenate(
            [person.material, np.full(len(self.faces) - len(person.faces), hair, np.int32)]
        )
        tint = np.zeros((count, length, 7), np.float32)
        tint[..., 0] = strands.tint[:, None]
        tint[..., 1] = strands.depth[:, None]
        tint[..., 2] = np.linspace(0, 1, length)
        self._torch_faces = torch.from_numpy(self.faces)
        self._used = np.unique(person.faces)
        self._eye = camera.position[0].double().numpy()
        self._K = camera.K[0].double().numpy().copy()
        self._K[:2] *= supersample
        self._R = camera.R[0].double().numpy()
        self._t = camera.t[0].double().numpy()
        centre = person.marks["spine-2"]
        distance = float(np.linalg.norm(self._eye - centre))
        #: Width of a sample on the person, metres.
        self.footprint = distance / self._K[0, 0]
        if person.detail.hairline:  # roots drawn wider than they are let the skin through
            wider = max(0.0, 1 - strands.width / (_LEAST * self.footprint))
            near = 1 - person.head.hairline(strands.points[:, 0]) / (2 * person.detail.hairline)
            fades = np.clip(near, 0, 1)[:, None] * np.clip(1 - np.linspace(0, 11, length), 0, 1)
            tint[..., 3] = 0.8 * wider * fades
        self._hair_values = np.repeat(tint.reshape(-1, 7), 2, 0)
        large = camera.height > 320
        height = person.head.top - person.marks.floor
        ball = np.array([0.0, 0.62 * height, 0.0]), 0.80 * height
        self._key = view_along(KEY, *ball, 1280 if large else 768)
        self._views = sky_views(20 if large else 14, *ball, 224)
        self._occluders = self._used[:: 1 if large else 2]
        self._face = face_points(person)

    def __call__(self, look: Look) -> tuple[np.ndarray, np.ndarray]:
        """Take a picture.

        Returns:
            Display values [H, W, 3] in [0, 1] and coverage [H, W] in [0, 1].
        """
        person = self.person
        normals = vertex_normals(look.vertices, person.outer)
        normals = normals[person.facing[:, 0]] * person.facing[:, 1:].astype(np.float32)
        ribbon, tangent = ribbons(
            look.strands, self._eye, person.strands.width, _LEAST * self.footprint
        )
        points = np.concatenate([look.vertices, ribbon.reshape(-1, 3)])
        frame, depth = self._key, shadow_map(points, self._torch_faces, self._key)
        sky, contact, middle = self._sky(look, normals)

        h, w = self.camera.height * self.factor, self.camera.width * self.factor
        seen = points @ self._R.T + self._t
        pixels = seen[:, :2] / seen[:, 2:] * self._K[[0, 1], [0, 1]] + self._K[:2, 2]
        triangle, bary, _ = visibility(
            torch.from_numpy(pixels)[None],
            torch.from_numpy(seen[:, 2].copy())[None],
            self._torch_faces,
            h,
            w,
        )
        seen_triangle, weights = triangle[0].numpy(), bary[0].numpy()
        attributes = np.concatenate(
            [
                points.astype(np.float32),
                np.concatenate([normals, tangent.reshape(-1, 3)]),
                sky,
                np.concatenate([person.surface, ribbon.reshape(-1, 3)]),
                np.concatenate([person.values, self._hair_values]),
            ],
            1,
        )
        where, kind, values = gather(
            seen_triangle,
            weights,
            self.faces,
            self.material,
            attributes,
            int((seen_triangle >= 0).sum()),
        )
        radiance = self._shade(kind, values, depth)
        background = shadowed(self.stage, frame, depth, contact, middle)
        return resolve(where, radiance, background, self.factor)

    def _sky(self, look: Look, normals: np.ndarray):
        """Sky light at all vertices, and on the floor."""
        person = self.person
        strand = look.strands[:, ::2].reshape(-1, 3)
        middle = look.vertices[self._used].mean(0) * [1, 0, 1]
        floor = contact_grid(middle)
        body = look.vertices[self._used]
        points = np.concatenate([body, strand, floor]).astype(np.float32)
        upright = np.zeros_like(floor)
        upright[:, 1] = 1
        facing = np.concatenate([normals[self._used], np.zeros_like(strand), upright])
        soft = np.zeros(len(points), bool)
        soft[len(body) : len(body) + len(strand)] = True
        occluders = np.concatenate([look.vertices[self._occluders], strand]).astype(np.float32)
        light = sky_light(self._views, occluders, points, facing.astype(np.float32), soft)
        out = np.zeros((len(person.rest), 2), np.float32)
        out[self._used] = light[: len(body)]
        s, p = look.strands.shape[:2]
        hair = light[len(body) : len(body) + len(strand)].reshape(s, -1, 2)
        hair = np.repeat(hair, 2, 1)[:, :p]
        hair = np.repeat(hair.reshape(-1, 2), 2, 0)
        return np.concatenate([out, hair]), light[len(body) + len(strand) :, 0], middle

    def _shade(self, kind: np.ndarray, values: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """[n, 3] linear radiance of samples with interpolated vertex attributes [n, 18]."""
        position, sky = values[:, 0:3], values[:, 6:8].copy()
        samples = Samples(
            surface=values[:, 8:11],
            values=values[:, 11:18].copy(),
            normal=values[:, 3:6].copy(),
            albedo=np.full((len(kind), 3), 0.5, np.float32),
            gloss=np.zeros((len(kind), 2), np.float32),
            footprint=self.footprint,
        )
        normal = samples.normal
        away = (normal * (self._eye - position)).sum(1) < 0
        away &= kind != MATERIALS.index("hair")
        normal[away] *= -1
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        samples.values[away & (kind >= MATERIALS.index("top")), 3] = 1.0  # the inside of clothes
        # The splats are too coarse for the inside of a mouth: it would be black.
        mouth = (kind == MATERIALS.index("teeth")) | (kind == MATERIALS.index("tongue"))
        sky[mouth] = np.maximum(sky[mouth], self.person.detail.mouth)
        paint(self.person, self._face, kind, samples)
        view = self._key
        return illuminate(
            kind, position, sky, samples, self._eye, view.axes, view.centre, view.scale, depth
        )
