"""Checks of body models."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Body
from avatar_kit.scene import BodyParameters, Motion, PosedBody
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.testing.conformance import Broken, NotApplicable, require
from avatar_kit.testing.modules import ModuleConformance
from avatar_kit.testing.poses import random_motion

#: Metres two ways to the same surface may differ by.
CLOSE = 1e-4


class BodyConformance(ModuleConformance):
    """What every body model must do."""

    kind = "body"

    def build(self) -> Body:
        """The body."""
        return self.component.load()(self.config)

    def made(self, seed: int = 0) -> Body:
        """The body, loaded once for all checks; a copy of its own for those that change it."""
        torch.manual_seed(seed)
        return self.build().eval().requires_grad_(False).to(self.device)

    @property
    def body(self) -> Body:
        """The body that most checks share; they do not change it."""
        return self.once("body", self.made)

    def outputs(
        self, module: Body, frames: Sequence[int], dtype: torch.dtype, device: str
    ) -> dict[str, Tensor]:
        """Surface, joints, hands and key points."""
        motion = random_motion(4, dtype=dtype)[list(frames)].to(device)
        parameters = module.from_motion(motion, module.default_shape())
        posed = module(parameters)
        fields = ("vertices", "joints", "bone_transforms", "hands")
        return {n: getattr(posed, n) for n in fields} | {"keypoints": module.keypoints(parameters)}

    def posed(self, motion: Motion, shape: Tensor | None = None) -> PosedBody:
        """The shared body in the poses of a motion."""
        shape = self.body.default_shape() if shape is None else shape
        with torch.no_grad():
            return self.body(self.body.from_motion(motion.to(self.device), shape))

    def test_declared_parameters_are_those_of_forward(self) -> None:
        """``from_motion`` gives every declared parameter, and ``forward`` uses each."""
        body = self.body
        parameters = body.from_motion(random_motion(2).to(self.device), body.default_shape())
        names = [s.name for s in body.parameter_specs]
        require(
            sorted(parameters) == sorted(names),
            f"from_motion gives {sorted(parameters)}, parameter_specs declares {sorted(names)}",
        )
        before = body(parameters).vertices
        for spec in body.parameter_specs:
            found = tuple(parameters[spec.name].shape)
            require(
                found == (2, *spec.dims), f"'{spec.name}' is {found}, declared {(2, *spec.dims)}"
            )
            changed = _nudged(parameters, spec.name, spec.rotation)
            require(
                not torch.equal(body(changed).vertices, before),
                f"changing '{spec.name}' does not move the surface",
            )
            require(spec.description, f"'{spec.name}' has no description")

    def test_shapes_agree_with_what_is_declared(self) -> None:
        """Vertices, joints, weights and topology have matching sizes; indices are in range."""
        body, posed = self.body, self.posed(random_motion(2))
        joints, vertices, surface = len(body.joint_names), posed.vertices.shape[1], posed.topology
        expected = {
            "joints": (2, joints, 3),
            "bone_transforms": (2, joints, 4, 4),
            "hands": (2, 2, 21, 3),
        }
        found = {n: tuple(getattr(posed, n).shape) for n in expected}
        expected["skinning_weights"] = (vertices, joints)
        found["skinning_weights"] = tuple(body.skinning_weights.shape)
        expected["topology.parts"] = (vertices,)
        found["topology.parts"] = tuple(surface.parts.shape)
        wrong = [f"{n} is {found[n]}, expected {s}" for n, s in expected.items() if found[n] != s]
        require(not wrong, "; ".join(wrong))
        require(int(surface.faces.max()) < vertices, "topology.faces names vertices that are not")
        require(int(surface.uv_faces.max()) < len(surface.uvs), "uv_faces names absent uvs")
        require(surface.uvs.min() >= 0 and surface.uvs.max() <= 1, "uvs leave [0, 1]")
        require(int(surface.parts.max()) < len(surface.part_names), "parts without a name")
        require(surface.face_region.dtype == torch.bool, "face_region must be bool")
        parents = body.joint_parents
        ordered = len(parents) == joints and all(-1 <= p < joints for p in parents)
        require(ordered and -1 in parents, "joint_parents: one parent a joint, -1 for the root")

    def test_weights_sum_to_one(self) -> None:
        """Skinning weights are not negative and every row sums to one."""
        weights = self.body.skinning_weights
        off = (weights.sum(1) - 1).abs().max().item()
        require((weights >= 0).all(), "skinning_weights has negative entries")
        require(off < 1e-4, f"a row of skinning_weights misses one by {off:.1e}")

    def test_skinning_carries_the_rest_surface(self) -> None:
        """Weights, rest and bone transforms rebuild the surface to 2 cm on average."""
        body, motion = self.body, random_motion(2)
        shape = body.default_shape()
        posed = self.posed(replace(motion, expression=torch.zeros(2, 52)))
        carry = posed.bone_transforms @ torch.linalg.inv(body.rest_transforms(shape))
        blend = torch.einsum("vj,bjmn->bvmn", body.skinning_weights, carry)
        rest = body.rest_vertices(shape)
        skinned = (blend[..., :3, :3] @ rest[..., None])[..., 0] + blend[..., :3, 3]
        found = (skinned - posed.vertices).norm(dim=-1).mean().item()
        require(found < 0.02, f"skinned from rest the surface is off by {found:.3f} m on average")

    def test_rigid_motion_moves_the_surface_rigidly(self) -> None:
        """Turning and shifting the root turns and shifts vertices, joints and hands."""
        motion = random_motion(1)
        turn = roma.rotvec_to_rotmat(torch.tensor([[0.3, -0.8, 0.5]]))
        shift = torch.tensor([[0.4, -1.0, 2.0]])
        moved = replace(
            motion,
            global_orient=roma.rotmat_to_rotvec(turn @ roma.rotvec_to_rotmat(motion.global_orient)),
            transl=(turn @ motion.transl[..., None])[..., 0] + shift,
        )
        before, after = self.posed(motion), self.posed(moved)
        turn, shift = turn.to(self.device), shift.to(self.device)
        for name in ("vertices", "joints", "hands"):
            was, now = getattr(before, name).flatten(1, -2), getattr(after, name).flatten(1, -2)
            found = (now - (was @ turn.mT + shift)).abs().max().item()
            require(found < CLOSE, f"'{name}' misses the rigid motion by {found:.1e} m")

    def test_stands_as_the_convention_says(self) -> None:
        """In the T-pose: pelvis at ``transl``, y up, facing +z, left along +x, adult size."""
        motion = Motion.rest(1, transl=torch.tensor([[0.2, 1.0, -0.3]])).to(self.device)
        posed = self.posed(motion)
        root = self.body.joint_parents.index(-1)
        off = (posed.joints[0, root] - motion.transl[0]).norm().item()
        require(off < 1e-3, f"the root joint is {off:.3f} m away from motion.transl")
        points = self.body.keypoints(self.body.from_motion(motion, self.body.default_shape()))[0]
        at = dict(zip(BODY_KEYPOINTS, points[:23], strict=True))
        require(at["left_wrist"][0] > at["right_wrist"][0] + 0.8, "the left arm is not along +x")
        require(at["nose"][2] > at["left_ear"][2], "the nose is not in front (+z) of the ear")
        order = ("nose", "left_hip", "left_knee", "left_ankle")
        heights = [at[n][1].item() for n in order]
        require(heights == sorted(heights, reverse=True), f"heights of {order}: {heights}")
        tall = (posed.vertices[0, :, 1].max() - posed.vertices[0, :, 1].min()).item()
        require(1.3 < tall < 2.2, f"an average adult is {tall:.2f} m tall; the unit is metres")
        corners = posed.vertices[0].double()[posed.topology.faces]
        centred = corners - corners.mean((0, 1))
        volume = torch.linalg.det(centred).sum().item() / 6
        require(volume > 0, "faces must be counter-clockwise seen from outside")

    def test_motion_round_trips(self) -> None:
        """``to_motion`` undoes ``from_motion``: the motion it gives poses the same surface."""
        body, motion = self.body, random_motion(2).to(self.device)
        shape = body.default_shape()
        found = body.to_motion(body.from_motion(motion, shape), motion.fps)
        require(found.fps == motion.fps and len(found) == 2, "to_motion changes length or rate")
        off = (self.posed(found).vertices - self.posed(motion).vertices).abs().max().item()
        require(off < 1e-3, f"after the round trip the surface is off by {off:.1e} m")

    def test_keypoints_are_those_of_the_surface(self) -> None:
        """``keypoints`` is [B, 65, 3]; its hands are those of the posed body."""
        body, motion = self.body, random_motion(2).to(self.device)
        parameters = body.from_motion(motion, body.default_shape())
        points, posed = body.keypoints(parameters), body(parameters)
        require(tuple(points.shape) == (2, 65, 3), f"keypoints is {tuple(points.shape)}")
        off = (points[:, 23:] - posed.hands.flatten(1, 2)).abs().max().item()
        require(off < 1e-3, f"hands of keypoints and of forward differ by {off:.1e} m")
        near = torch.cdist(points[:, :23], posed.vertices).amin(-1).max().item()
        require(near < 0.15, f"a body key point is {near:.2f} m away from the surface")

    def test_gradients_match_finite_differences(self) -> None:
        """Derivatives by pose, place, expression and shape agree with finite differences."""
        body = self.made().double()
        motion = random_motion(1, seed=5, dtype=torch.float64).to(self.device)
        draw = torch.Generator().manual_seed(0)
        # inside the range, where no value sits on a kink of the shape space
        shape = some_shapes(body, 1, draw)[0].double().to(self.device)
        count = body(body.from_motion(motion, shape)).vertices.shape[1]
        weight = torch.randn(count, 3, generator=draw, dtype=torch.float64).to(self.device)
        points = torch.randn(65, 3, generator=draw, dtype=torch.float64).to(self.device)

        def loss(motion: Motion, shape: Tensor) -> Tensor:
            parameters = body.from_motion(motion, shape)
            surface = (body(parameters).vertices[0] * weight).sum()
            return surface + (body.keypoints(parameters)[0] * points).sum()

        roles = {spec.role for spec in body.parameter_specs}
        for name in ("transl", "body_pose", "left_hand_pose", "expression", "shape"):
            value = shape if name == "shape" else getattr(motion, name)
            if not value.numel() or (name == "expression" and not roles & {"expression"}):
                continue

            def along(x: Tensor, name: str = name) -> Tensor:
                changed: dict[str, Any] = {name: x}
                return (
                    loss(motion, x) if name == "shape" else loss(replace(motion, **changed), shape)
                )

            exact, measured = _slopes(value, along, draw)
            require(
                abs(exact - measured) <= 1e-4 * max(abs(exact), abs(measured), 1.0),
                f"by '{name}' the derivative is {exact:.6g}, by finite differences {measured:.6g}",
            )

    def test_shape_values_have_names(self) -> None:
        """Shape values are named, lie within the limits, and what does not fit is refused."""
        body = self.body
        default = body.default_shape()
        require(len(default) == len(body.shape_names), "default_shape and shape_names differ")
        low, high = body.shape_limits
        inside = bool(((default >= low) & (default <= high)).all())
        require(inside, f"default_shape leaves shape_limits: {default.tolist()}")
        even = math.isfinite(low) == math.isfinite(high)
        require(even and low < high, f"shape_limits {low, high}: two numbers, or both infinite")
        unknown = set(body.fitted_shape) - set(body.shape_names)
        require(not unknown, f"fitted_shape names {unknown}, which shape_names does not")
        try:
            body.shape_vector({"no_such_value": 0.5})
        except UserError:
            return
        raise Broken("shape_vector takes a name it does not know; raise UserError")

    def test_every_frame_may_have_its_own_shape(self) -> None:
        """A shape for each frame [T, S] gives what each frame gives alone."""
        body, motion = self.body, random_motion(2).to(self.device)
        if not body.shape_names:
            raise NotApplicable("has one shape")
        draw = torch.Generator().manual_seed(1)
        shapes = some_shapes(body, 2, draw).to(self.device)
        together = self.posed(motion, shapes).vertices
        for i in range(2):
            off = (self.posed(motion[[i]], shapes[i]).vertices[0] - together[i]).abs().max().item()
            require(off < CLOSE, f"frame {i} alone differs by {off:.1e} m")

    def test_a_person_at_rest(self) -> None:
        """``rest`` is the person that skinning carries: sizes, heads of bones, rigid frames."""
        body = self.body
        rest = body.rest(body.default_shape())
        joints, vertices = len(body.joint_names), len(rest.vertices)
        require(tuple(rest.joints.shape) == (joints, 3), f"rest.joints: {rest.joints.shape}")
        require(
            tuple(rest.skinning_weights.shape) == (vertices, joints),
            f"rest.skinning_weights is {tuple(rest.skinning_weights.shape)}",
        )
        posed = self.posed(random_motion(2))
        off = (posed.bone_transforms[..., :3, 3] - posed.joints).abs().max().item()
        require(off < CLOSE, f"joints are {off:.1e} m away from the heads of bone_transforms")
        turns = rest.transforms[:, :3, :3]
        off = (turns @ turns.mT - torch.eye(3).to(turns)).abs().max().item()
        require(off < 1e-3, "rest_transforms are no rigid motions")

    def test_asset_says_what_it_is(self) -> None:
        """The asset has a name, the sha256 of its data, and a licence."""
        asset = self.body.asset
        require(asset.name, "asset.name is empty")
        digest = asset.sha256.lower()
        require(
            len(digest) == 64 and set(digest) <= set("0123456789abcdef"),
            f"asset.sha256 is '{asset.sha256}': the hex digest of the data the body is built from",
        )
        require(asset.licence, "asset.licence is empty: an SPDX id or a short sentence")


def some_shapes(body: Body, count: int, draw: torch.Generator) -> Tensor:
    """[count, S] identities of unlike persons, away from the limits."""
    share = 0.2 + 0.6 * torch.rand(count, len(body.shape_names), generator=draw)
    low, high = body.shape_limits
    return low + (high - low) * share if math.isfinite(low) else 4 * share - 2


def _nudged(parameters: BodyParameters, name: str, rotation: str | None) -> BodyParameters:
    """The parameters with one of them changed a little."""
    value = parameters[name]
    if rotation in ("matrix", "transform"):
        turn = roma.rotvec_to_rotmat(torch.full((3,), 0.1)).to(value)
        if rotation == "transform":
            whole = torch.eye(4).to(value)
            whole[:3, :3] = turn
            turn = whole
        changed = value @ turn
    else:
        changed = value + torch.linspace(0.05, 0.1, value[0].numel()).view(value[0].shape).to(value)
    return BodyParameters({**parameters, name: changed})


def _slopes(
    at: Tensor, function: Callable[[Tensor], Tensor], draw: torch.Generator
) -> tuple[float, float]:
    """Derivative along a random direction: by autograd and by central differences."""
    direction = torch.randn(at.shape, generator=draw, dtype=at.dtype).to(at.device)
    leaf = at.clone().requires_grad_()
    function(leaf).backward()
    require(leaf.grad is not None, "no gradient reaches an input")
    step = 1e-6
    with torch.no_grad():
        rise = function(at + step * direction) - function(at - step * direction)
    return float((leaf.grad * direction).sum()), float(rise) / (2 * step)  # type: ignore[operator]
