"""Contexts and setups of bodies that a test poses by itself."""

import torch

from avatar_kit.interfaces import Setup
from avatar_kit.scene import FrameContext, Motion, RestBody


def context_of(body, previous=None, *, camera, index=None):
    """A context whose motion is at rest, as most encoders never look at it."""
    count = len(body)
    return FrameContext(
        body=body,
        previous=body if previous is None else previous,
        camera=camera.expand(count),
        motion=Motion.rest(count),
        time=torch.zeros(count),
        clip_start=torch.full((count,), previous is None),
        index=torch.full((count,), -1) if index is None else index,
    )


def setup_of(bodies, camera, *plates):
    """What encoders and renderers are told of the first of some bodies, at rest with one bone."""
    vertices = bodies.vertices[0]
    weights = torch.ones(len(vertices), 1)
    rest = RestBody(vertices, torch.eye(4)[None], weights, (-1,), ("root",), bodies.topology)
    return Setup(rest, (camera,), len(bodies), plates)
