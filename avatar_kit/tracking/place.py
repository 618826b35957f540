"""The camera, and where in the world the person stands."""

from __future__ import annotations

from dataclasses import replace

import torch

from avatar_kit.errors import UserError
from avatar_kit.scene import Camera
from avatar_kit.scene.camera import intrinsics
from avatar_kit.tracking.fit import Fit

#: Vertical field of view where nobody says, in degrees: between a phone and a long lens.
ASSUMED_FOV_DEGREES = 40.0

#: OpenCV axes of a level camera in a world with y up, looking along -z.
LEVEL_CAMERA_AXES = torch.diag(torch.tensor([1.0, -1.0, -1.0]))


def static_camera(
    width: int, height: int, *, fov: float | None = None, focal: float | None = None
) -> tuple[Camera, str]:
    """A level pinhole at the origin, and a line on where its field of view comes from.

    Args:
        width: In pixels.
        height: In pixels.
        fov: Vertical field of view in degrees.
        focal: Focal length in pixels, instead of ``fov``.

    Raises:
        UserError: Both are given, or one makes no camera.
    """
    if fov is not None and focal is not None:
        raise UserError("--fov and --focal say the same thing: give one of them")
    if fov is not None and not 5 <= fov <= 120:
        raise UserError(f"--fov {fov:g}: a vertical field of view lies between 5 and 120 degrees")
    if focal is not None and not 0.2 * height <= focal <= 20 * height:
        raise UserError(
            f"--focal {focal:g}: expected pixels, between {0.2 * height:.0f} and {20 * height:.0f} "
            f"for a picture {height} pixels high"
        )
    K = intrinsics(width, height, fov or ASSUMED_FOV_DEGREES)
    if focal is not None:
        K[0, 0] = K[1, 1] = focal
    degrees = 2 * torch.rad2deg(torch.atan(0.5 * height / K[1, 1]))
    source = "assumed" if fov is None and focal is None else "given"
    note = f"static pinhole, vertical field of view {degrees:.1f} degrees ({source})"
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
