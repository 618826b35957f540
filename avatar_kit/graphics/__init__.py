"""Rasterise, interpolate, sample, splat: numba on the CPU, the same answer on CUDA."""

from avatar_kit.graphics.attributes import interpolate, uv_map
from avatar_kit.graphics.coverage import covered, nearest_depth
from avatar_kit.graphics.fragments import Fragments
from avatar_kit.graphics.gaussian_normals import gaussian_normals
from avatar_kit.graphics.host_copy import host_copy
from avatar_kit.graphics.normals import vertex_normals
from avatar_kit.graphics.precision import in_full_precision
from avatar_kit.graphics.rasterizer import rasterize, visibility
from avatar_kit.graphics.segments import draw_segments
from avatar_kit.graphics.spherical_harmonics import harmonic_colors, spherical_harmonics
from avatar_kit.graphics.splatting import Splats, splat
from avatar_kit.graphics.texture import sample_texture

__all__ = [
    "Fragments",
    "Splats",
    "covered",
    "draw_segments",
    "gaussian_normals",
    "harmonic_colors",
    "host_copy",
    "in_full_precision",
    "interpolate",
    "nearest_depth",
    "rasterize",
    "sample_texture",
    "spherical_harmonics",
    "splat",
    "uv_map",
    "vertex_normals",
    "visibility",
]
