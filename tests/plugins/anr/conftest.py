"""A textured square patch for a body: small enough to train on in a test."""

import math

import pytest
import torch

from avatar_kit.config import resolve_method
from avatar_kit.config.layers import Layer, merge
from avatar_kit.interfaces import Avatar, Batch, Samples
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera, ConditionSpec, Plate, PosedBody, Topology
from tests.contexts import context_of, setup_of

SIZE = 64
FRAMES = 10


def grid(cells=8):
    """Vertices [V, 3] of a square of side 2 that faces +z, coordinates [V, 2], faces [F, 3]."""
    line = torch.linspace(-1, 1, cells + 1)
    y, x = torch.meshgrid(-line, line, indexing="ij")
    points = torch.stack([x, y, torch.zeros_like(x)], -1).reshape(-1, 3)
    uvs = torch.stack([(points[:, 0] + 1) / 2, (1 - points[:, 1]) / 2], -1)
    faces = []
    for row in range(cells):
        for column in range(cells):
            first = row * (cells + 1) + column
            below = first + cells + 1
            faces += [[first, below, first + 1], [first + 1, below, below + 1]]
    return points, uvs, torch.tensor(faces)


@pytest.fixture(scope="session")
def topology():
    points, uvs, faces = grid()
    parts = torch.zeros(len(points), dtype=torch.long)
    return Topology(faces, uvs, faces, torch.zeros(len(faces), dtype=torch.bool), parts, ("all",))


@pytest.fixture(scope="session")
def bodies(topology):
    """The square in FRAMES places, turned a little about the vertical axis."""
    points, _, _ = grid()
    frames = []
    for i in range(FRAMES):
        angle = 0.5 * math.sin(i)
        turn = torch.tensor(
            [
                [math.cos(angle), 0, math.sin(angle)],
                [0, 1, 0],
                [-math.sin(angle), 0, math.cos(angle)],
            ]
        )
        sway = torch.tensor([0.3 * math.sin(i), 0.1 * math.cos(i), 0.0])
        frames.append(0.6 * points @ turn.mT + sway)
    bones = torch.eye(4).expand(FRAMES, 1, 4, 4)
    nowhere = torch.zeros(FRAMES, 2, 21, 3)
    return PosedBody(torch.stack(frames), torch.zeros(FRAMES, 1, 3), bones, nowhere, topology)


@pytest.fixture(scope="session")
def camera():
    return Camera.look_at((0, 0, 4.0), (0, 0, 0), width=SIZE, height=SIZE, fov_y=35)


@pytest.fixture(scope="session")
def context(bodies, camera):
    """``context(frames)``: a fresh context of some frames."""

    def make(frames):
        body = bodies[list(frames)]
        return context_of(body, camera=camera, index=torch.tensor(list(frames)))

    return make


@pytest.fixture(scope="session")
def plate(camera):
    ramp = torch.linspace(0.2, 0.8, SIZE)
    return Plate(
        torch.stack([ramp.expand(SIZE, -1)] * 2 + [ramp[:, None].expand(-1, SIZE)]), camera
    )


@pytest.fixture(scope="session")
def setup(bodies, camera, plate):
    return setup_of(bodies, camera, plate)


@pytest.fixture(scope="session")
def small_config():
    """``small_config(method, **overrides)``: the demo preset shrunk to the size of the tests."""

    def make(method="anr", **overrides):
        small = {
            "size": SIZE,
            "steps": 40,
            "batch_size": 2,
            "crop": {"size": 48},
            "encoders": {"texture": {"size": 32}},
            "renderer": {"widths": (8, 12, 16)},
            "loss": {"feature": 0.0},
        }
        layers = [Layer("small", small), Layer("test", overrides)]
        return resolve_method(method, preset="demo", overrides=merge(layers)[0]).config

    return make


@pytest.fixture(scope="session")
def build(setup):
    """``build(config)``: the method of a config around an avatar without a body model."""

    def make(config):
        torch.manual_seed(config.seed)
        found = catalog()
        encoders = {
            name: found.get("encoder", c.type).load()(c, setup)
            for name, c in config.encoders.items()
        }
        specs = {name: ConditionSpec(*c.yields()) for name, c in config.encoders.items()}
        renderer = found.get("renderer", config.renderer.type).load()
        avatar = Avatar(
            torch.nn.Identity(),
            torch.zeros(1),
            encoders,
            renderer(config.renderer, setup, specs),
            torch.nn.Identity(),
        )
        return found.get("method", config.type).load()(config, avatar.train())

    return make


class FrameSamples(Samples):
    """Contexts without pictures."""

    def __init__(self, contexts):
        self.contexts = contexts

    def __len__(self):
        return len(self.contexts)

    def __getitem__(self, position):
        raise AssertionError("no picture is needed")

    def context(self, position):
        return self.contexts[position]


@pytest.fixture(scope="session")
def samples(context):
    """``samples(frames)``: some frames as training samples, without pictures."""
    return lambda frames: FrameSamples([context([i]) for i in frames])


@pytest.fixture(scope="session")
def batch(context, plate):
    """``batch(frames)``: squares with four coloured quarters, before the plate."""
    from avatar_kit.graphics import uv_map

    def make(frames):
        scene = context(frames)
        uv = uv_map(scene.body.topology, scene.fragments)
        mask = scene.fragments.mask
        colour = torch.cat([(uv > 0.5) * 0.7 + 0.1, torch.full_like(mask, 0.3)], dim=1)
        return Batch(scene, mask * colour + (1 - mask) * plate.picture, mask)

    return make
