"""The camera, and where in the world the person stands."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from avatar_kit.errors import UserError
from avatar_kit.io.calibration import FOCAL_RANGE, Calibration
from avatar_kit.scene import Camera
from avatar_kit.scene.camera import intrinsics
from avatar_kit.tracking.fit import Fit

#: Vertical field of view where nobody says, in degrees: between a phone and a long lens.
ASSUMED_FOV_DEGREES = 40.0

#: Diagonal of a picture on 35 mm film, 36x24 mm.
FILM_DIAGONAL_MM = 43.2666

#: OpenCV axes of a level camera in a world with y up, looking along -z.
LEVEL_CAMERA_AXES = torch.diag(torch.tensor([1.0, -1.0, -1.0]))


def static_camera(
    width: int,
    height: int,
    *,
    fov: float | None = None,
    focal: float | None = None,
    focal_35mm: float | None = None,
    calibration: Calibration | None = None,
    crop: tuple[int, int, int, int] | None = None,
) -> tuple[Camera, str]:
    """A level pinhole at the origin, and a line on where its field of view comes from.

    Args:
        width: Of the whole picture in pixels.
        height: Of the whole picture in pixels.
        fov: Vertical field of view of the whole picture in degrees.
        focal: Focal length in pixels, instead of ``fov``.
        focal_35mm: What the file says, in terms of 35 mm film; where nobody says otherwise.
        calibration: Of the whole picture; it is taken before all else.
        crop: Left, top, width and height of what is kept of the picture.

    Raises:
        UserError: More than one is given, or one makes no camera.
    """
    if calibration is not None and (fov or focal):
        raise UserError("--camera replaces --fov and --focal: omit these two")
    if fov is not None and focal is not None:
        raise UserError("--fov and --focal have the same purpose: give only one of them")
    if fov is not None and not 5 <= fov <= 120:
        raise UserError(f"--fov {fov:g}: a vertical field of view lies between 5 and 120 degrees")
    low, high = (limit * height for limit in FOCAL_RANGE)
    if focal is not None and not low <= focal <= high:
        raise UserError(
            f"--focal {focal:g}: expected pixels, between {low:.0f} and {high:.0f} for a picture "
            f"{height} pixels high"
        )
    K = intrinsics(width, height, fov or ASSUMED_FOV_DEGREES)
    source = "assumed" if fov is None and focal is None else "given"
    if source == "assumed" and focal_35mm is not None:
        focal = focal_35mm / FILM_DIAGONAL_MM * math.hypot(width, height)
        source = f"from the file: {focal_35mm:g} mm (35 mm equivalent)"
    if calibration is not None:
        K, focal = calibration.matrix().float(), None
        source = f"calibrated: {calibration.file.name}"
    if focal is not None:
        K[0, 0] = K[1, 1] = focal
    degrees = 2 * torch.rad2deg(torch.atan(0.5 * height / K[1, 1]))
    note = f"static pinhole, vertical field of view {degrees:.1f} degrees ({source})"
    if crop is not None:
        K[0, 2] -= crop[0]
        K[1, 2] -= crop[1]
        width, height = crop[2:]
    return Camera(K, LEVEL_CAMERA_AXES, torch.zeros(3), width, height), note


def stand_on_ground(fit: Fit, camera: Camera) -> tuple[Fit, Camera]:
    """Move the world's origin to the ground below the middle of where the person was.

    Nothing changes in the picture: the camera moves along.
    """
    feet = fit.keypoints[:, 15:21, 1].min(1).values
    middle = fit.motion.transl.median(0).values
    origin = torch.stack([middle[0], torch.quantile(feet, 0.05), middle[2]])
    motion = replace(fit.motion, transl=fit.motion.transl - origin)
    moved = replace(fit, motion=motion, keypoints=fit.keypoints - origin)
    t = camera.t + (camera.R @ origin[:, None])[..., 0]
    return moved, Camera(camera.K, camera.R, t, camera.width, camera.height)
