"""A clip on the body: motion in, the posed person of every frame out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.scene import Motion
from avatar_kit_studio.motion_of_cloth import ClothState, fold_angles, skin_points
from avatar_kit_studio.motion_of_hair import HairState
from avatar_kit_studio.person import Person
from avatar_kit_studio.picture import Look, vertex_normals
from avatar_kit_studio.script import FPS, Skeleton


@dataclass(frozen=True)
class Cast:
    """A person on a body model.

    Attributes:
        body_name: Registered name of the body model.
        body: The body model.
        true_shape: Shape values by name.
        shape: [S] the same in the body's order.
        person: What is seen of it.
        unrest: [J, 4, 4] world-to-bone at rest.
    """

    body_name: str
    body: Body
    true_shape: dict[str, float]
    shape: torch.Tensor
    person: Person
    unrest: np.ndarray


def default_body() -> tuple[str, Body]:
    """The default body model and its name.

    Raises:
        UserError: Its bones are not those of the base mesh the clothes are cut from.
    """
    from avatar_kit.registry import catalog

    known = catalog()
    name = known.default("body")
    component = known.get("body", name)
    body = component.load()(component.config(type=name))
    needed = {"head", "upperarm01.L", "lowerleg01.R", "finger2-1.L", "eye.R"}
    if not needed <= set(body.joint_names):
        raise UserError(
            f"dataset 'studio' needs a body with MakeHuman bones such as Anny; "
            f"the default body '{name}' has none"
        )
    return name, body


def measure(body: Body, shape: torch.Tensor, sole: float) -> Skeleton:
    """The joints choreography needs, from the T-pose of a body."""
    with torch.no_grad():
        posed = body(body.from_motion(Motion.rest(1), shape))
    at = dict(zip(body.joint_names, posed.joints[0].double().numpy(), strict=True))
    length = lambda a, b: float(np.linalg.norm(at[b] - at[a]))  # noqa: E731
    return Skeleton(
        hip=at["upperleg01.L"],
        knee=at["lowerleg01.L"],
        ankle=at["foot.L"],
        upper_arm=length("upperarm01.L", "lowerarm01.L"),
        forearm=length("lowerarm01.L", "wrist.L"),
        sole=sole,
    )


def sole_height(person: Person) -> float:
    """Metres from the sole of the shoes up to the ankle joint at rest."""
    return float(person.marks["l-ankle"][1] - person.rest[:, 1].min())


def perform(cast: Cast, motion: Motion, lead_in: int) -> Iterator[Look]:
    """Play a motion and yield what is seen, from frame ``lead_in`` on.

    Args:
        cast: Who plays it.
        motion: The clip with its lead-in.
        lead_in: Frames at the start that only give cloth and hair a past.
    """
    person, body = cast.person, cast.body
    with torch.no_grad():
        parameters = body.from_motion(motion, cast.shape)
        posed = body(parameters)
    world = posed.bone_transforms.double().numpy()
    transforms = np.ascontiguousarray((world @ cast.unrest)[:, :, :3])
    faces = motion.expression.numpy()
    folds = fold_angles(motion.rotvec().double().numpy())
    skin_count = len(person.skin.rest)
    states = [
        ClothState(g, person.bones[person.slice_of(i)], person.weights[person.slice_of(i)])
        for i, g in enumerate(person.garments)
    ]
    hair = HairState(person.strands)
    watch = _near_hair(person)
    at = {name: i for i, name in enumerate(body.joint_names)}
    legs = [[at[f"{b}.{s}"] for b in ("upperleg01", "lowerleg01", "foot")] for s in "LR"]
    radii = _leg_radii(person)
    vertices = np.empty(person.rest.shape, np.float32)
    for t in range(len(motion)):
        rest = person.skin.rest.copy()
        moved = np.tensordot(faces[t], person.skin.actions, 1)
        rest[person.skin.moving] += moved
        skin_points(
            rest,
            person.bones[:skin_count],
            person.weights[:skin_count],
            transforms[t],
            vertices[:skin_count],
        )
        joints = world[t][legs, :3, 3]
        for i, state in enumerate(states):
            pushed = (joints, radii) if state.garment.name == "skirt" else None
            vertices[person.slice_of(i)] = state.step(
                transforms[t], folds[t], pushed, vertex_normals, 1 / FPS
            )
        head = transforms[t][person.head_bone]
        points = vertices[watch].astype(np.float64)
        strands = hair.step(
            head, _upright(head[:, :3]), points, _normals_at(vertices, person.outer, watch), 1 / FPS
        )
        if t >= lead_in:
            yield Look(vertices.copy(), strands)


def _near_hair(person: Person) -> np.ndarray:
    """Vertices of neck, shoulders and back that hair may fall on, thinned."""
    floor = person.strands.points[..., 1].min() - 0.05
    used = np.unique(person.faces)
    used = used[(person.rest[used, 1] > floor)]
    arms = np.abs(person.rest[used, 0]) < 0.24
    used = used[arms & (person.rest[used, 1] < person.head.centre[1] + 0.02)]
    return used[:: max(1, len(used) // 1200)]


def _normals_at(vertices: np.ndarray, faces: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return vertex_normals(vertices, faces)[chosen].astype(np.float64)


def _leg_radii(person: Person) -> np.ndarray:
    """[3] half widths of the leg at hip, knee and ankle, metres."""
    marks = person.marks
    weights = marks.weights[:, marks.columns("upperleg", "lowerleg")].sum(1)
    out = []
    for joint, scale in (("upper-leg", 0.92), ("knee", 1.0), ("ankle", 1.0)):
        centre = marks[f"l-{joint}"]
        near = (np.abs(marks.vertices[:, 1] - centre[1]) < 0.03) & (weights > 0.5)
        near &= (marks.vertices[:, 0] > 0) & (np.arange(len(weights)) < 13380)
        d = np.linalg.norm((marks.vertices[near] - centre)[:, [0, 2]], axis=1)
        out.append(scale * float(np.median(d)) if len(d) else 0.06)
    return np.array(out)


def _upright(turn: np.ndarray) -> np.ndarray:
    """[3, 3] the part of a rotation that is about the vertical."""
    forward = turn @ np.array([0.0, 0.0, 1.0])
    angle = np.arctan2(forward[0], forward[2])
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
