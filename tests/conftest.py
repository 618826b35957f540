"""Fixtures that many tests share: the default body, and a small capture of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

SHARED = Path(__file__).parents[2] / "shared"


def shared_file(name: str) -> Path:
    """A file of the real data beside the project; skips the test where it is absent."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"real data is absent: ../shared/data/{name}")
    return path


@pytest.fixture(scope="session")
def body():
    """The default body model."""
    from avatar_kit.registry import catalog

    component = catalog().get("body", catalog().default("body"))
    return component.load()(component.config()).eval().requires_grad_(False)


def swaying_motion(frames: int):
    """Arms that swing, a torso that turns, fingers that bend, a mouth that opens."""
    from avatar_kit.scene import Motion

    phase = torch.arange(frames) * 0.5
    body_pose = torch.zeros(frames, 21, 3)
    body_pose[:, 15, 2] = -1.1 + 0.3 * phase.sin()  # left shoulder, down from the T-pose
    body_pose[:, 16, 2] = 1.1 - 0.3 * phase.cos()  # right shoulder
    body_pose[:, 8, 1] = 0.3 * phase.sin()  # spine
    hands = torch.zeros(frames, 15, 3)
    hands[:, :12, 2] = -0.4 + 0.3 * phase.sin()[:, None]
    expression = torch.zeros(frames, 52)
    expression[:, 24] = (0.5 + 0.5 * phase.sin()) * 0.6  # jawOpen
    return Motion.rest(
        frames,
        25.0,
        transl=torch.tensor([0.0, 0.95, 0.0]).repeat(frames, 1),
        body_pose=body_pose.flatten(1),
        left_hand_pose=hands.flatten(1),
        right_hand_pose=-hands.flatten(1),
        expression=expression,
    )


@pytest.fixture(scope="session")
def capture_folder(body, tmp_path_factory):
    """A 64x64 capture of the default body: 16 training frames, 6 held out, colours from normals."""
    from avatar_kit.capture import CaptureWriter
    from avatar_kit.graphics import interpolate, rasterize
    from avatar_kit.registry import catalog
    from avatar_kit.scene import Camera

    frames, size = 22, 64
    motion = swaying_motion(frames)
    camera = Camera.look_at((0.2, 1.0, 3.6), (0, 0.95, 0), width=size, height=size, fov_y=33)
    shape = body.default_shape()
    parameters = body.from_motion(motion, shape)
    root = tmp_path_factory.mktemp("captures") / "shaded"
    values = dict(zip(body.shape_names, shape.tolist(), strict=True))
    with CaptureWriter(
        root,
        name="shaded",
        fps=25.0,
        width=size,
        height=size,
        body=catalog().default("body"),
        shape=values,
        camera=camera,
        images="png",
    ) as writer:
        for i in range(frames):
            posed = body(parameters.at([i]))
            fragments = rasterize(posed.vertices, posed.topology.faces, camera)
            normals = interpolate(posed.normals, posed.topology.faces, fragments)
            mask = fragments.mask
            picture = (0.5 + 0.4 * normals) * mask + 0.8 * (1 - mask)
            writer.add(_bytes(picture[0]), _bytes(mask[0])[..., 0])
        writer.finish(
            motion=motion,
            splits={"train": range(16), "test": range(16, frames)},
            clips=[(0, 16), (16, frames)],
            landmarks=None,
            background=None,
            provenance={"made": {"by": "the tests"}},
        )
    return root


def _bytes(picture):
    scaled = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).numpy())
