"""The intrinsics of a camera that was calibrated, brought to the pictures of a video."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.distortion import distorted

#: Aspects of two pictures are the same if they differ by no larger part: sizes are rounded.
SAME_ASPECT_SHARE = 0.005
#: Focal length over the height of the picture.
FOCAL_RANGE = (0.2, 20.0)
#: The larger focal length over the smaller, of pixels that are square.
_MAX_FOCAL_RATIO = 1.25
#: Where in the picture the principal point can be, as a part of its width and height.
_CENTRE_RANGE = (0.2, 0.8)
#: Points along a side at which the lens is looked at.
_GRID_POINTS = 97
#: Parts of a picture that are smaller are not worth a word.
LEAST_SAID_SHARE = 0.02


@dataclass(frozen=True)
class Calibration:
    """A calibrated camera.

    Attributes:
        file: Where it was read.
        focal: fx and fy in pixels.
        centre: cx and cy in pixels, pixel centres at +0.5.
        distortion: k1 k2 p1 p2 k3 k4 k5 k6 of the lens, as in OpenCV; as many as are known.
        size: Width and height in pixels of the pictures it is of; None: the file does not say.
        notes: What was read, and what the file leaves open.
    """

    file: Path
    focal: tuple[float, float]
    centre: tuple[float, float]
    distortion: tuple[float, ...] = ()
    size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()

    def matrix(self) -> Tensor:
        """[3, 3] float64 intrinsics in pixels."""
        (fx, fy), (cx, cy) = self.focal, self.centre
        return torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64)

    def through_lens(self, points: np.ndarray) -> np.ndarray:
        """Where the lens puts pixels [..., 2] of the pinhole."""
        rays = torch.from_numpy((points - self.centre) / self.focal)
        return np.asarray(distorted(rays, self.distortion).numpy() * self.focal + self.centre)

    def scaled(self, size: tuple[int, int]) -> Calibration:
        """Of the same pictures at another size; takes them as of that size if it is not known."""
        x, y = (new / old for new, old in zip(size, self.size or size, strict=True))
        return replace(
            self,
            focal=(x * self.focal[0], y * self.focal[1]),
            centre=(x * self.centre[0], y * self.centre[1]),
            size=size,
        )

    def turned(self, quarters: int) -> Calibration:
        """Of the pictures turned clockwise by so many quarters of a circle.

        Raises:
            ValueError: The size is not known.
        """
        if self.size is None:
            raise ValueError("the size of the pictures is not known")
        found = self
        for _ in range(quarters % 4):
            assert found.size is not None
            (fx, fy), (cx, cy), (width, height) = found.focal, found.centre, found.size
            lens = list(found.distortion)
            if len(lens) >= 4:  # (p2, p1) is a vector of the picture
                lens[2], lens[3] = lens[3], -lens[2]
            found = replace(
                found,
                focal=(fy, fx),
                centre=(height - cy, cx),
                size=(height, width),
                distortion=tuple(lens),
            )
        return found


def for_pictures(
    found: Calibration, size: tuple[int, int], flag: int, rotate: int, video: Path
) -> tuple[Calibration, list[str]]:
    """A calibration of the pictures that are read of a video, and what to say of it.

    Args:
        found: As its file says.
        size: Width and height of the upright pictures of the video.
        flag: Quarters of a circle, clockwise, by which the video says its pictures are to be
            turned; they make them upright.
        rotate: Degrees by which they are turned clockwise after that.
        video: For messages.

    Raises:
        UserError: It is of pictures of another aspect, or makes no plausible camera.
    """
    quarters, sideways = rotate // 90, (size[1], size[0])
    note = f"camera of {found.file.name}"
    if found.size is None or _alike(found.size, size):
        placed = found.scaled(size).turned(quarters)
    elif not _alike(found.size, sideways):
        raise UserError(
            f"--camera {found.file}: is of {_spelled(found.size)}, the pictures of {video} are "
            f"{_spelled(size)}, of another shape: many cameras cut their pictures to film; "
            "calibrate from a video filmed in the same way"
        )
    elif quarters % 2:  # made of pictures that were turned already
        placed = found.scaled(sideways)
    else:
        placed = found.scaled(sideways).turned((flag if flag % 2 else 1) + quarters)
        note += f", turned by {90 * ((flag % 4) if flag % 2 else 1)} degrees clockwise"
        if not flag % 2:
            note += " (assumed: the video does not say which way it was turned)"
    if found.size is None:
        note += f" (it does not say of which size: taken as {_spelled(size)})"
    elif sorted(found.size) != sorted(size):
        note += f", scaled from {_spelled(found.size)}"
    check_plausible(placed)
    return placed, [note, *found.notes, *_lens_notes(placed)]


def check_plausible(camera: Calibration) -> None:
    """Refuse what no camera is.

    Raises:
        UserError: A focal length, the principal point or the distortion cannot be right.
    """
    assert camera.size is not None
    (fx, fy), height, where = camera.focal, camera.size[1], f"--camera {camera.file}"
    low, high = (limit * height for limit in FOCAL_RANGE)
    if not low <= min(fx, fy) <= max(fx, fy) <= high:
        raise UserError(
            f"{where}: focal lengths of {fx:.5g} and {fy:.5g} in pictures of "
            f"{_spelled(camera.size)}: expected {low:.0f} to {high:.0f} pixels; give pixels, and "
            "width and height of the pictures they are of"
        )
    if max(fx, fy) > _MAX_FOCAL_RATIO * min(fx, fy):
        raise UserError(
            f"{where}: focal lengths of {fx:.5g} and {fy:.5g} pixels along x and y: expected "
            "nearly the same, for pixels are square; calibrate anew"
        )
    for name, at, side in zip(("cx", "cy"), camera.centre, camera.size, strict=True):
        if not _CENTRE_RANGE[0] * side <= at <= _CENTRE_RANGE[1] * side:
            raise UserError(
                f"{where}: {name} is {at:.5g} in pictures of {_spelled(camera.size)}: expected "
                f"about the middle, {side / 2:g}; give width and height of the pictures it is of"
            )
    if _area_factors(camera).min() <= 0:
        listed = ", ".join(f"{k:g}" for k in camera.distortion)
        raise UserError(
            f"{where}: the distortion {listed} folds the picture over; expected k1 k2 p1 p2 k3 in "
            "this order, of a lens that is no fisheye"
        )


def _grid(camera: Calibration) -> Tensor:
    """[N, N, 2] points of the plane at depth 1 that a picture without distortion shows."""
    assert camera.size is not None
    x, y = (
        (torch.linspace(0, side, _GRID_POINTS, dtype=torch.float64) - c) / f
        for side, c, f in zip(camera.size, camera.centre, camera.focal, strict=True)
    )
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def _area_factors(camera: Calibration) -> Tensor:
    """[N-1, N-1] signed area of the cells of :func:`_grid` through the lens over that without."""

    def areas(points: Tensor) -> Tensor:
        a, b = points[1:, 1:] - points[:-1, :-1], points[1:, :-1] - points[:-1, 1:]
        return b[..., 0] * a[..., 1] - b[..., 1] * a[..., 0]

    straight = _grid(camera)
    return areas(distorted(straight, camera.distortion)) / areas(straight)


def _lens_notes(camera: Calibration) -> list[str]:
    if not any(camera.distortion):
        return []
    assert camera.size is not None
    focal, centre, size = (
        torch.tensor(v, dtype=torch.float64) for v in (camera.focal, camera.centre, camera.size)
    )
    straight = _grid(camera)
    bent = distorted(straight, camera.distortion)
    moved = float(((bent - straight) * focal).norm(dim=-1).max())
    notes = [f"distortion of the lens taken out, up to {moved:.0f} pixels"]
    place = (bent[1:, 1:] + bent[:-1, :-1]) / 2 * focal + centre  # middles of the cells
    inside = ((place >= 0) & (place <= size)).all(-1)
    empty = 1 - float(inside.double().mean())
    lost = 1 - float((_area_factors(camera) * inside).mean())
    if empty >= LEAST_SAID_SHARE:
        notes.append(f"{empty:.0%} of the straightened picture was not filmed: its rim is repeated")
    if lost >= LEAST_SAID_SHARE:
        notes.append(f"{lost:.0%} of the filmed picture lies beyond the straightened one")
    return notes


def _alike(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two sizes have one aspect."""
    return abs(a[0] * b[1] / (a[1] * b[0]) - 1) <= SAME_ASPECT_SHARE


def _spelled(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
