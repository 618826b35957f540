"""Finding the light of a capture by the shadow that the person throws on the floor."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.light.distant import DistantLight
from avatar_kit.nn.plate_background import PlateBackground
from avatar_kit.scene import Camera, FrameContext, Plate

if TYPE_CHECKING:
    from avatar_kit.interfaces import Batch, Samples

logger = logging.getLogger(__name__)

#: Metres that a shadow moves on the floor per metre of height: high light to low light.
REACHES = (0.4, 0.7, 1.0, 1.4)

#: Half the width of the finer grids of slopes that are tried next, around the best so far.
SPANS = (0.36, 0.12, 0.04)

#: A shadow must explain at least this share of how much darker than the plate the scene is, in
#: squares; less is noise, and the light is said not to be found.
LEAST_EXPLAINED = 0.01


@dataclass(frozen=True)
class FoundLight:
    """What a search came to.

    Attributes:
        light: The light; straight above where none was found.
        found: Whether the pictures show a shadow.
        explained: Share of the squared darkening, outside the person, that the shadow explains.
    """

    light: DistantLight
    found: bool
    explained: float


#: What was found before: several parts of an avatar ask for the light of the same samples.
_known: WeakKeyDictionary[Samples, dict[tuple[int, int], FoundLight]] = WeakKeyDictionary()


def find_light(
    samples: Samples, plates: Sequence[Plate], *, frames: int = 8, height: int = 96
) -> FoundLight:
    """Compare the shadows of candidate lights with how much darker than the plate pictures are.

    Four rounds on grids that become finer around the best candidate, the last two on pictures of
    twice the height. The floor is the lowest the
    body was seen in the frames that are looked at. Where no shadow is found, a warning says why.

    Args:
        samples: The training samples.
        plates: The empty scene of each camera; without any there is nothing to compare with.
        frames: Samples that are looked at, evenly spread.
        height: Height in pixels of the pictures that the first two rounds compare.
    """
    known = _known.setdefault(samples, {})
    if (frames, height) not in known:
        known[frames, height] = found = _search(samples, plates, frames, height)
        if not found.found:
            reason = (
                f"the best candidate explains {100 * found.explained:.1f} % of how much darker "
                f"than the empty scene the pictures are, {100 * LEAST_EXPLAINED:g} % are needed"
                if plates
                else "there is no picture of the empty scene to compare with"
            )
            logger.warning("no shadow of the person found on the floor: %s", reason)
    return known[frames, height]


@torch.no_grad()
def _search(samples: Samples, plates: Sequence[Plate], frames: int, height: int) -> FoundLight:
    count = min(frames, len(samples))
    chosen = [samples[i] for i in torch.linspace(0, len(samples) - 1, count).long().tolist()]
    lowest = torch.stack([s.context.body.vertices[..., 1].amin() for s in chosen]).amin()
    above = DistantLight(lowest.new_zeros(2), lowest)
    if not plates:
        return FoundLight(above, False, 0.0)
    scene = PlateBackground(plates).to(chosen[0].image)
    small = [_seen(sample, scene, height) for sample in chosen]
    large = [_seen(sample, scene, 2 * height) for sample in chosen]
    slope, best = above.slope, 0.0
    for candidates, seen in zip(_rounds(), (small, small, large, large), strict=True):
        tried = slope + candidates.to(slope)
        gains = [_gain(DistantLight(candidate, lowest), seen) for candidate in tried]
        best = max(gains)
        slope = tried[gains.index(best)]
    total = sum(float((dark.square() * free).sum()) for _, _, dark, free in large)
    explained = best / max(total, 1e-12)
    if explained < LEAST_EXPLAINED:
        return FoundLight(above, False, explained)
    return FoundLight(DistantLight(slope, lowest), True, explained)


#: A frame, its camera, how much darker than the scene it is and where it is not the person.
_Seen = tuple[FrameContext, Camera, Tensor, Tensor]


def _seen(sample: Batch, scene: PlateBackground, height: int) -> _Seen:
    """What a sample shows of shadows, in a picture of at most this height."""
    camera = coarse(sample.context.camera, height)
    size = (camera.height, camera.width)
    darker = (scene(sample.context.camera) - sample.image).mean(1, keepdim=True)
    # away from the person, whose mask may miss a few pixels
    free = 1 - F.max_pool2d(sample.mask, 9, stride=1, padding=4)
    free = F.interpolate(free, size=size, mode="area")
    return sample.context, camera, F.interpolate(darker, size=size, mode="area"), free


def _rounds() -> list[Tensor]:
    """[49, 2] slopes to try in each round, around the best so far: first all around, then finer."""
    azimuth = torch.arange(12) * (2 * math.pi / 12)
    around = torch.stack([azimuth.sin(), azimuth.cos()], dim=-1)
    grids = [torch.cat([torch.zeros(1, 2), *(reach * around for reach in REACHES)])]
    for span in SPANS:
        steps = torch.linspace(-span, span, 7)
        grids.append(torch.cartesian_prod(steps, steps))
    return grids


def _gain(light: DistantLight, seen: Sequence[_Seen]) -> float:
    """Squared error that the shadow of a light takes away, at its best darkness."""
    darkening, pixels = 0.0, 0.0
    for context, camera, dark, free in seen:
        drawn = silhouette(light.on_floor(context.body.vertices), camera)
        darkening += float((drawn * free * dark).sum())
        pixels += float((drawn * free).sum())
    return max(darkening, 0.0) ** 2 / max(pixels, 1.0)


def silhouette(points: Tensor, camera: Camera) -> Tensor:
    """[B, 1, H, W] 1 where the vertices of a body are seen, small holes between them closed.

    At the size of a search a body has several vertices for each of its pixels: they draw it many
    times faster than its triangles do.
    """
    pixels, depth = camera.project(points)
    column, row = pixels.floor().long().unbind(-1)
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    inside &= depth > 0
    batch = torch.arange(len(points), device=points.device)[:, None]
    flat = (batch * camera.height + row) * camera.width + column
    drawn = points.new_zeros(len(points) * camera.height * camera.width)
    drawn[flat[inside]] = 1
    drawn = drawn.view(len(points), 1, camera.height, camera.width)
    grown = F.max_pool2d(drawn, 3, stride=1, padding=1)
    return -F.max_pool2d(-grown, 3, stride=1, padding=1)


def coarse(camera: Camera, height: int) -> Camera:
    """The camera with a picture of at most this height."""
    scale = min(1.0, height / camera.height)
    size = (max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
    return camera.crop_resize(0, 0, scale, *size)
