"""A sphere with two hands for a body: small enough to train on in a test."""

import math

import pytest
import torch

from avatar_kit.config import resolve_method
from avatar_kit.config.layers import Layer, merge
from avatar_kit.interfaces import Avatar, Batch
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera, ConditionSpec, PosedBody, Topology
from tests.contexts import context_of, setup_of

SIZE = 64
FRAMES = 6


def sphere(rings=12, sectors=16):
    """Vertices [V, 3] of radius 1, texture coordinates [V, 2], outward faces [F, 3]."""
    polar = torch.linspace(0, math.pi, rings + 1)
    around = torch.linspace(0, 2 * math.pi, sectors + 1)
    p, a = torch.meshgrid(polar, around, indexing="ij")
    points = torch.stack([p.sin() * a.sin(), p.cos(), p.sin() * a.cos()], -1)
    uvs = torch.stack([a / (2 * math.pi), p / math.pi], -1)
    faces = []
    for i in range(rings):
        for j in range(sectors):
            first = i * (sectors + 1) + j
            below = first + sectors + 1
            faces += [[first, below, first + 1], [first + 1, below, below + 1]]
    return points.reshape(-1, 3), uvs.reshape(-1, 2), torch.tensor(faces)


@pytest.fixture(scope="session")
def topology():
    points, uvs, faces = sphere()
    front = points[faces].mean(1)
    face_region = (front[:, 2] > 0.4) & (front[:, 1] > 0.2)
    parts = torch.zeros(len(points), dtype=torch.long)
    return Topology(faces, uvs, faces, face_region, parts, ("body",))


@pytest.fixture(scope="session")
def bodies(topology):
    """The sphere in FRAMES places, a hand on each side with fingers of 4 joints."""
    points, _, _ = sphere()
    sway = torch.tensor([[0.3 * math.sin(i), 0.1 * math.cos(i), 0.0] for i in range(FRAMES)])
    vertices = 0.6 * points + sway[:, None]
    hand = torch.zeros(21, 3)
    for finger in range(5):
        for joint in range(4):
            hand[1 + 4 * finger + joint] = torch.tensor([0.05 * joint + 0.1, 0.06 * finger, 0.0])
    right = torch.stack([hand[:, 0] + 0.7, hand[:, 1], hand[:, 2]], -1)
    left = torch.stack([-right[:, 0], right[:, 1], right[:, 2]], -1)
    hands = torch.stack([right, left])[None] + sway[:, None, None]
    bones = torch.eye(4).expand(FRAMES, 1, 4, 4)
    return PosedBody(vertices, sway[:, None], bones, hands, topology)


@pytest.fixture(scope="session")
def camera():
    return Camera.look_at((0, 0, 4.0), (0, 0, 0), width=SIZE, height=SIZE, fov_y=35)


@pytest.fixture(scope="session")
def context(bodies, camera):
    """``context(frames, training=False)``: a fresh context of some frames."""

    def make(frames, *, training=False, far=0.0):
        body = bodies[list(frames)]
        moved = PosedBody(
            body.vertices + far, body.joints, body.bone_transforms, body.hands + far, body.topology
        )
        index = torch.tensor(list(frames)) if training else torch.full((len(frames),), -1)
        return context_of(moved, camera=camera, index=index)

    return make


@pytest.fixture(scope="session")
def setup(bodies, camera):
    return setup_of(bodies, camera)


@pytest.fixture(scope="session")
def small_config():
    """``small_config(preset, **overrides)``: a preset shrunk to the size of the tests."""

    def make(preset="demo", **overrides):
        small = {
            "size": SIZE,
            "steps": 30,
            "encoders": {"body": {"size": 32, "channels": 8}},
            "renderer": {"channel_multiplier": 0.125, "max_channels": 16, "style": 16},
            "discriminator": {"channel_multiplier": 0.05, "max_channels": 8},
            "loss": {"perceptual_stages": 1, "perceptual_crop": 32, "hand": 0.0},
        }
        layers = [Layer("small", small), Layer("test", overrides)]
        return resolve_method("ram", preset=preset, overrides=merge(layers)[0]).config

    return make


@pytest.fixture(scope="session")
def build(setup):
    """``build(config)``: the avatar of a config, without a body model."""

    def make(config):
        torch.manual_seed(config.seed)
        found = catalog()
        encoders = {
            name: found.get("encoder", c.type).load()(c, setup)
            for name, c in config.encoders.items()
        }
        specs = {name: ConditionSpec(*c.yields()) for name, c in config.encoders.items()}
        renderer = found.get("renderer", config.renderer.type).load()
        return Avatar(
            torch.nn.Identity(),
            torch.zeros(1),
            encoders,
            renderer(config.renderer, setup, specs),
            torch.nn.Identity(),
        )

    return make


@pytest.fixture(scope="session")
def batch(context):
    """All frames, in time order: spheres painted by their normals on a gradient."""
    from dataclasses import replace

    from avatar_kit.graphics import interpolate

    frames = context(range(FRAMES), training=True)
    colour = 0.5 + 0.5 * interpolate(
        frames.body.normals, frames.body.topology.faces, frames.fragments
    )
    wall = torch.linspace(0, 1, SIZE).expand(FRAMES, 3, SIZE, SIZE)
    mask = frames.fragments.mask
    image = mask * colour + (1 - mask) * wall
    before, after = [0, *range(FRAMES - 1)], [*range(1, FRAMES), FRAMES - 1]
    frames = replace(frames, previous=frames.body[before])
    return Batch(frames, image, mask, image[before], image[after])
