"""Rasterise, interpolate, sample: numba on the CPU, nvdiffrast on CUDA, the same answer."""

from avatar_kit.graphics.attributes import interpolate, uv_map
from avatar_kit.graphics.fragments import Fragments
from avatar_kit.graphics.normals import vertex_normals
from avatar_kit.graphics.rasterizer import rasterize, visibility
from avatar_kit.graphics.segments import draw_segments
from avatar_kit.graphics.texture import sample_texture

__all__ = [
    "Fragments",
    "draw_segments",
    "interpolate",
    "rasterize",
    "sample_texture",
    "uv_map",
    "vertex_normals",
    "visibility",
]
