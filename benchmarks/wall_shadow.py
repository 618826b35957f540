"""Does a distant light throw a person's shadow on a wall behind them, in a capture?

python benchmarks/wall_shadow.py CAPTURE --size 192

A level floor and a vertical wall that faces the camera: over distances of the wall behind the
person, directions of the light and widths of a blur, the shadow is looked for that explains most of
how much darker than their mean the training pictures are, away from the person, once the exposure
of each picture is taken out.

explains  that share, of the best shadow of each width; the width as a share of the picture's height
plate     psnr of the held-out pictures away from the person: the plate alone
shadow    with that shadow on the plate as it is, at the darkness that suits the training best
relit     with that shadow on the mean training picture without its shadow
"""

import argparse
import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.capture import CaptureView, Sample
from avatar_kit.config import resolve_method
from avatar_kit.engine.assemble import build_body
from avatar_kit.engine.evaluation import held_out_splits
from avatar_kit.engine.frames import PosedFrames, load_picture, to_device
from avatar_kit.engine.setting_up import open_view
from avatar_kit.engine.untrained import plates_of
from avatar_kit.light import DistantLight
from avatar_kit.light.search import coarse, silhouette
from avatar_kit.nn import PlateBackground
from avatar_kit.scene import Camera

#: Height of the pictures that are compared.
HEIGHT = 96
BLURS = (0.0, 0.02, 0.06, 0.1)
DISTANCES, SIDEWAYS, DOWNWARDS = (0.15, 0.4, 0.8, 1.4), (-0.8, -0.4, 0.0, 0.4, 0.8), (0.1, 0.35, 1)


@dataclass(frozen=True)
class Filmed:
    """N pictures of a camera that stands still."""

    vertices: list[Tensor]
    images: Tensor
    free: Tensor
    plate: Tensor
    camera: Camera


@dataclass(frozen=True)
class Wall:
    """A wall ``distance`` metres behind the person, and metres that a shadow moves per metre."""

    distance: float
    sideways: float
    down: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("capture", type=Path)
    parser.add_argument("--size", type=int, default=192, help="height of the pictures to shrink")
    parser.add_argument("--frames", type=int, default=40, help="training pictures to look at")
    arguments = parser.parse_args()
    train, test = filmed(arguments.capture, arguments.size, arguments.frames)
    print("blur   explains  plate     shadow    relit     wall")
    for blur in BLURS:
        wall, explained = best_wall(train, blur)
        seen, unseen = (blurred(shadow(wall, f, train), blur) for f in (train, test))
        plain = psnr(test.plate, test)
        kept = psnr(test.plate * (1 - darkness(train.plate, seen, train) * unseen), test)
        scene, dark = relit(seen, train)
        again = psnr(scene * (1 - dark * unseen), test)
        where = f"{wall.distance:.2f} m behind, {wall.sideways:+.2f} aside, {wall.down:.2f} down"
        print(
            f"{100 * blur:3.0f} %  {100 * explained:6.1f} %  {plain:.2f} dB  {kept:.2f} dB  "
            f"{again:.2f} dB  {where}",
            flush=True,
        )


@torch.no_grad()
def filmed(capture: Path, size: int, frames: int) -> tuple[Filmed, Filmed]:
    """Training pictures and held-out ones, evenly spread."""
    values = {"size": size, "data": {"type": "capture", "path": str(capture)}}
    config = resolve_method("splat", overrides=values).config
    view, body = open_view(config), build_body(config)
    known = view.capture.shape
    shape = torch.tensor([known[name] for name in body.shape_names])
    posed = PosedFrames(body, view.capture.motion, shape)
    held_out = held_out_splits(view, config.evaluation)[0]
    plate = PlateBackground(plates_of(view))
    chosen = (view.capture.splits["train"].samples(), held_out.samples)
    train, test = (_shrunk(view, posed, plate, spread(samples, frames)) for samples in chosen)
    return train, test


def _shrunk(
    view: CaptureView, posed: PosedFrames, plate: PlateBackground, samples: list[Sample]
) -> Filmed:
    vertices, images, free = [], [], []
    for sample in samples:
        camera = view.camera(sample)
        small = coarse(camera, HEIGHT)
        size = (small.height, small.width)
        mask = to_device(view.mask(sample)[None, None], posed.device)
        person = F.max_pool2d(mask, 9, stride=1, padding=4)
        vertices.append(posed.bodies([sample.frame]).vertices)
        images.append(F.interpolate(load_picture(view, sample, posed.device), size, mode="area"))
        free.append((F.interpolate(person, size, mode="area") < 0.01).float())
    scene = F.interpolate(plate(camera), size, mode="area")
    return Filmed(vertices, torch.cat(images), torch.cat(free), scene, small)


def spread(items: list[Sample], count: int) -> list[Sample]:
    """At most this many, evenly spread."""
    chosen = torch.linspace(0, len(items) - 1, min(count, len(items))).long()
    return [items[i] for i in chosen.tolist()]


def best_wall(seen: Filmed, blur: float) -> tuple[Wall, float]:
    """The wall and the light that explain most, on a grid and then by ever smaller steps."""
    grid = [Wall(d, a, b) for d in DISTANCES for a in SIDEWAYS for b in DOWNWARDS]
    scores = {wall: explained(wall, blur, seen) for wall in grid}
    for step in (0.2, 0.1, 0.05):
        best = max(scores, key=scores.__getitem__)
        for name in ("distance", "sideways", "down"):
            for by in (-step, step):
                wall = replace(best, **{name: getattr(best, name) + by})
                if wall not in scores and min(wall.down, wall.distance) > 0:
                    scores[wall] = explained(wall, blur, seen)
    best = max(scores, key=scores.__getitem__)
    return best, scores[best]


def explained(wall: Wall, blur: float, seen: Filmed) -> float:
    """Share of the squared darkening that the shadow of a wall takes away, both centred."""
    darker = centred((seen.plate - seen.images).mean(1, keepdim=True), seen.free)
    drawn = centred(blurred(shadow(wall, seen, seen), blur), seen.free)
    both = float((drawn * darker * seen.free).sum())
    own, whole = (float((x.square() * seen.free).sum()) for x in (drawn, darker))
    return max(both, 0.0) ** 2 / max(own * whole, 1e-12)


def centred(maps: Tensor, free: Tensor) -> Tensor:
    """Maps [N, 1, H, W] less the mean of each picture, and less the mean of each pixel."""
    for _ in range(6):
        for over in ((2, 3), (0,)):
            total = (maps * free).sum(over, keepdim=True)
            maps = maps - total / free.sum(over, keepdim=True).clamp(min=1e-3)
    return maps


def shadow(wall: Wall, seen: Filmed, known: Filmed) -> Tensor:
    """[N, 1, H, W] the silhouettes on floor and wall, which stand where ``known`` says."""
    camera, everyone = seen.camera, torch.cat(known.vertices)
    up = torch.tensor([0.0, 1.0, 0.0])
    ahead = F.normalize(camera.R[0, 2] * (1 - up), dim=0)
    travel = ahead + wall.sideways * torch.linalg.cross(ahead, up)
    floor, at = everyone[..., 1].amin(), (everyone @ ahead).amax() + wall.distance
    light = DistantLight(travel[[0, 2]] / wall.down, floor)
    # a pixel shows the wall where its ray meets it before the floor
    rows, columns = torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    pixels = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    rays = pixels @ torch.linalg.inv(camera.K[0]).T @ camera.R[0]
    to_wall = (at - camera.position[0] @ ahead) / (rays @ ahead)
    to_floor = (floor - camera.position[0, 1]) / rays[..., 1].clamp(max=-1e-6)
    on_wall = ((to_wall > 0) & (to_wall < to_floor)).float()
    drawn = []
    for points in seen.vertices:
        before = (at - points @ ahead)[..., None]
        thrown = points + before * (travel - wall.down * up)
        parts = (silhouette(p, camera) for p in (thrown, light.on_floor(points)))
        upright, level = parts
        drawn.append(torch.where(on_wall > 0, upright, level))
    return torch.cat(drawn)


def blurred(maps: Tensor, share: float) -> Tensor:
    """Maps under a Gaussian window, whose width is a share of the height."""
    sigma = share * maps.shape[-2]
    if not sigma:
        return maps
    reach = math.ceil(3 * sigma)
    window = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma).square())
    window = window / window.sum()
    across = F.conv2d(F.pad(maps, (reach, reach, 0, 0)), window[None, None, None])
    return F.conv2d(F.pad(across, (0, 0, reach, reach)), window[None, None, :, None])


def darkness(scene: Tensor, drawn: Tensor, seen: Filmed) -> float:
    """Which share of the scene a shadow takes, by least squares; never negative."""
    thrown = scene * drawn * seen.free
    return max(0.0, float((thrown * (scene - seen.images)).sum() / thrown.square().sum()))


def relit(drawn: Tensor, seen: Filmed) -> tuple[Tensor, float]:
    """The scene without the shadow, and its darkness, found in turn."""
    count = seen.free.sum(0, keepdim=True)
    scene, dark = seen.plate, 0.0
    for _ in range(30):
        without = (seen.images / (1 - dark * drawn) * seen.free).sum(0, keepdim=True)
        scene = torch.where(count > 0, without / count.clamp(min=1), seen.plate)
        dark = darkness(scene, drawn, seen)
    return scene, dark


def psnr(scene: Tensor, seen: Filmed) -> float:
    """Of pictures away from the person."""
    error = (scene - seen.images).square().mean(1, keepdim=True)
    return -10 * math.log10(float((error * seen.free).sum() / seen.free.sum()))


if __name__ == "__main__":
    main()
