"""Whether cameras and poses belong to the pictures: joints, projected, must lie on the masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from avatar_kit.capture import Pictures
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit_datasets.recording import View

#: Cameras and frames of each that are looked at, evenly spread.
CAMERAS, FRAMES = 4, 6

#: Least share of the joints that must lie on the mask, or this near to it: share of its height.
LEAST, REACH = 0.75, 0.04

#: Diagonal of the joints' box as a multiple of the mask's: hair and clothes are around them.
SIZES = (0.7, 1.2)

#: How much of another reading's joints must lie on the masks for it to be named.
_NAMED = 0.85


@dataclass(frozen=True)
class Looked:
    """A picture that is looked at.

    Attributes:
        camera: Its camera.
        frame: Its frame.
        mask: [H, W] bool, the person.
    """

    camera: str
    frame: int
    mask: np.ndarray


def check_views(views: Mapping[str, View], frames: int, where: str) -> None:
    """Refuse cameras that are none.

    Raises:
        UserError: Numbers of a camera are too few, too many or not finite.
    """
    for name, view in views.items():
        shapes = {"intrinsics": (view.K, (3, 3)), "rotation": (view.R, (3, 3))}
        for what, (value, shape) in (shapes | {"translation": (view.t, (3,))}).items():
            if value.shape not in (shape, (frames, *shape)):
                raise UserError(
                    f"{where}: camera '{name}': {what} of shape {value.shape}, expected {shape} "
                    f"or one for each of {frames} frames"
                )
            if not np.isfinite(value).all():
                raise UserError(f"{where}: camera '{name}': {what} with values that are not finite")


def look(views: Mapping[str, View], pictures: Pictures, frames: Sequence[int]) -> list[Looked]:
    """Masks of some frames by some cameras; those that show nobody are left out."""
    names = [list(views)[i] for i in _spread(len(views), CAMERAS)]
    chosen = [frames[i] for i in _spread(len(frames), FRAMES)]
    found = []
    for name in names:
        for frame, mask in zip(chosen, pictures.masks(name, chosen), strict=True):
            view = views[name]
            if mask.shape != (view.height, view.width):
                raise UserError(
                    f"camera '{name}', frame {frame}: the mask is {mask.shape[1]}x{mask.shape[0]} "
                    f"pixels, the picture {view.width}x{view.height}"
                )
            if (mask > 127).any():
                found.append(Looked(name, frame, mask > 127))
    return found


def camera_of(view: View, frame: int = 0) -> Camera:
    """A view as a camera, at a frame where it moves."""
    parts: list[Tensor] = []
    for value, dims in ((view.K, 2), (view.R, 2), (view.t, 1)):
        own = value if value.ndim == dims else value[frame]
        parts.append(torch.from_numpy(np.ascontiguousarray(own)).float())
    K, R, t = parts
    return Camera(K, R, t, view.width, view.height)


@dataclass(frozen=True)
class Fit:
    """How projected joints lie on the masks.

    Attributes:
        share: Share of the joints on the person.
        size: Diagonal of the joints' box, as a multiple of that of the mask's; the median.
    """

    share: float
    size: float

    def good(self, least: float = LEAST) -> bool:
        """Whether cameras, poses and pictures can be of one recording."""
        return self.share >= least and SIZES[0] <= self.size <= SIZES[1]


def fit_of(points: Tensor, views: Mapping[str, View], looked: Sequence[Looked]) -> Fit:
    """Project joints [T, N, 3] into every picture that was looked at."""
    hits: list[bool] = []
    sizes: list[float] = []
    for one in looked:
        camera = camera_of(views[one.camera], one.frame)
        pixels, depth = camera.project(points[[one.frame]])
        rows, columns = (np.flatnonzero(one.mask.any(axis)) for axis in (1, 0))
        high, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        x, y = pixels[0].double().numpy().T
        inside = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
        inside &= depth[0].numpy() > 0
        if inside.mean() < 0.5:  # part of a person may be out of sight, not most of it
            hits += [False] * len(x)
            continue
        x, y = x[inside], y[inside]
        sizes.append(float(np.hypot(np.ptp(x), np.ptp(y)) / np.hypot(high, wide)))
        reach = max(1, round(REACH * high))
        hits += [_near(one.mask, a, b, reach) for a, b in zip(x, y, strict=True)]
    share = float(np.mean(hits)) if hits else 0.0
    return Fit(share, float(np.median(sizes)) if sizes else 0.0)


def check_projection(
    where: str,
    body: Body,
    shape: Tensor,
    motion: Motion,
    views: Mapping[str, View],
    looked: Sequence[Looked],
    places: Tensor,
) -> Fit:
    """Refuse cameras and poses that do not belong to the pictures.

    Args:
        where: What is checked, the start of the message.
        body: A body.
        shape: [S] its shape.
        motion: The poses in the world of the cameras.
        views: The cameras.
        looked: Masks.
        places: [T, 3] the numbers that say in the files where the person is.

    Raises:
        UserError: Too few joints lie on the masks, or they are much smaller or larger than the
            person there. Says how many, and which other reading of the files would fit.
    """
    if not looked:
        raise UserError(f"{where}: every checked mask is empty")

    @torch.no_grad()
    def points(motion: Motion) -> Tensor:
        frames = sorted({one.frame for one in looked})
        found = torch.zeros(len(motion), len(BODY_KEYPOINTS), 3)
        found[frames] = body.keypoints(body.from_motion(motion[frames], shape))[:, :23].float()
        return found

    fit = fit_of(points(motion), views, looked)
    if fit.good():
        return fit
    tried = {
        name: fit_of(points(other), cameras, looked)
        for name, other, cameras in _readings(motion, views, places)
    }
    good = [name for name, other in tried.items() if other.good(max(_NAMED, fit.share - 0.1))]
    hint = "cameras, poses and masks do not belong to one recording"
    if good:
        best = max(good, key=lambda name: tried[name].share)
        hint = f"{best} {tried[best].share:.0%} would"
    raise UserError(
        f"{where}: {fit.share:.0%} of the projected joints of the body lie on the masks, and the "
        f"body is {fit.size:.2g} times as large as the person there (expected at least "
        f"{LEAST:.0%}, and {SIZES[0]:g} to {SIZES[1]:g}; {len(looked)} pictures checked); {hint}"
    )


def _readings(
    motion: Motion, views: Mapping[str, View], places: Tensor
) -> list[tuple[str, Motion, Mapping[str, View]]]:
    """Other ways in which the same numbers are often written."""

    def changed(change: Callable[[View], View]) -> dict[str, View]:
        return {name: change(view) for name, view in views.items()}

    def inverse(view: View) -> View:
        R = np.swapaxes(view.R, -1, -2)
        return replace(view, R=R, t=-(R @ view.t[..., None])[..., 0])

    def flipped(view: View) -> View:
        flip = np.diag([1.0, -1.0, -1.0])
        return replace(view, R=flip @ view.R, t=view.t @ flip)

    found: list[tuple[str, Motion, Mapping[str, View]]] = [
        ("with the cameras inverted (the file has camera-to-world)", motion, changed(inverse)),
        ("with OpenGL's camera axes (y up, z backward)", motion, changed(flipped)),
    ]
    for unit, factor in (("millimetres", 1e-3), ("centimetres", 1e-2)):
        shrunk = replace(motion, transl=motion.transl + (factor - 1) * places)
        near = {name: replace(view, t=view.t * factor) for name, view in views.items()}
        found += [
            (f"with the cameras' places in {unit}", motion, near),
            (f"with the person's places in {unit}", shrunk, views),
            (f"with all places in {unit}", shrunk, near),
        ]
    for axis, turn in (("z", [-np.pi / 2, 0, 0]), ("-z", [np.pi / 2, 0, 0]), ("-y", [np.pi, 0, 0])):
        found.append((f"with poses whose {axis} is up", _turned(motion, turn), views))
    return found


def _turned(motion: Motion, rotvec: Sequence[float]) -> Motion:
    import roma

    turn = torch.tensor(rotvec, dtype=torch.float32)
    orient = roma.rotvec_composition([turn.expand_as(motion.global_orient), motion.global_orient])
    transl = motion.transl @ roma.rotvec_to_rotmat(turn).mT
    return replace(motion, global_orient=orient, transl=transl)


def _near(person: np.ndarray, x: float, y: float, reach: int) -> bool:
    column, row = int(x), int(y)
    rows = slice(max(0, row - reach), max(0, row + reach + 1))
    return bool(person[rows, max(0, column - reach) : max(0, column + reach + 1)].any())


@cache
def _spread(count: int, wanted: int) -> tuple[int, ...]:
    """At most ``wanted`` of ``count``, evenly spread."""
    return tuple(int(i) for i in np.linspace(0, count - 1, min(count, wanted)).round())
