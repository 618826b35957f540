"""The Gaussians: recorded over the training's time, posed by retrieval, carried by the body."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import roma
import torch
from torch import Tensor, nn

from avatar_kit.gaussians import Anchors, Attachment, faces_camera
from avatar_kit.graphics import in_full_precision, spherical_harmonics
from avatar_kit.interfaces import Encoder, Samples, Setup
from avatar_kit.light import LearnedLight
from avatar_kit.scene import FrameContext, GaussianCloud, PosedBody
from avatar_kit_r3.anchoring import (
    SETTLED,
    first_colours,
    first_values,
    on_surface,
    settled,
    with_hull,
)
from avatar_kit_r3.checks import check_setup
from avatar_kit_r3.config import RecordedGaussiansConfig, RetrievalConfig
from avatar_kit_r3.matching import Choice
from avatar_kit_r3.parts import PARTS, part_of_bones
from avatar_kit_r3.record import Decoded, Record, blend, in_box
from avatar_kit_r3.retrieval import Found, Past, TrainingPoses, training_motion
from avatar_kit_r3.rig import Rig

logger = logging.getLogger(__name__)

#: Opacity logit to begin with.
_SOLID = 2.0

#: Metres around the body that are recorded, and the least standard deviation.
_AROUND, _THINNEST = 0.1, 1e-5

#: Metres that the decoder gives offsets in: its steps are of the order of one.
_OFFSET = 0.05

#: Weight of what was before in the attributes of a part that jumps.
_ECHO = 1 / 3


class RecordedGaussians(Encoder):
    """Gaussians whose offset, shape and opacity are functions of their place and of time.

    A training frame knows its time. Any other pose retrieves a time for each of five parts of the
    body, and a Gaussian is the mean of what is recorded then, weighed by the share of the parts in
    its skinning. Where, with which colour and in which units is learned for each Gaussian.
    """

    config: RecordedGaussiansConfig
    sized_by_training: ClassVar[tuple[str, ...]] = (
        "faces",
        "barycentrics",
        "anchor_offsets",
        "extents",
        "axes",
        "offsets",
        "colours",
        "harmonics",
    )

    faces: Tensor
    barycentrics: Tensor
    anchor_offsets: Tensor
    extents: Tensor
    axes: Tensor
    offsets: Tensor
    colours: Tensor
    harmonics: Tensor
    anchored: Tensor
    corners: Tensor
    bones: Tensor
    weights: Tensor
    unrest: Tensor
    off_surface: Tensor
    pair_rows: Tensor
    pair_parts: Tensor
    pair_masses: Tensor

    def __init__(self, config: RecordedGaussiansConfig, setup: Setup):
        super().__init__(config, setup)
        check_setup(setup)
        rest = setup.body
        for name in ("faces", "barycentrics", "anchor_offsets", "extents", "axes"):
            self.register_buffer(name, torch.zeros(0))
        for name in ("offsets", "colours"):
            self.register_parameter(name, nn.Parameter(torch.zeros(0)))
        self.register_parameter("harmonics", nn.Parameter(torch.zeros(0)))
        self.harmonics.requires_grad_(config.harmonics > 0)
        for name in SETTLED:
            self.register_buffer(name, torch.zeros(0), persistent=False)
        low, high = (rest.vertices.amin(0) - _AROUND, rest.vertices.amax(0) + _AROUND)
        self.record = Record(config.record, low, high, _SOLID)
        matching = config.retrieval or RetrievalConfig()
        self.training_poses = TrainingPoses(matching, setup.training_frames, config.record.time)
        self.light = LearnedLight() if config.light else None
        self.rig = Rig(config.rig, len(rest.joints))
        self.part_of = part_of_bones(rest).tolist()
        self._place(on_surface(config, rest))
        self.register_load_state_dict_post_hook(lambda module, keys: module.settle())

    @property
    def anchors(self) -> Anchors:
        """Where the Gaussians are tied."""
        return Anchors(self.faces, self.barycentrics, self.anchor_offsets)

    @property
    def attachment(self) -> Attachment:
        """How they hang on the body."""
        fixed = (self.corners, self.barycentrics, self.anchor_offsets)
        return Attachment(*fixed, self.bones, self.weights, self.unrest)

    @property
    def places(self) -> Tensor:
        """[N, 3] where the Gaussians are at rest, metres, before what is recorded."""
        return self.anchored + self.offsets

    def begin(self, samples: Samples) -> None:
        """Keep the training poses; find the light and what lies off the surface; paint."""
        device = self.colours.device
        self.training_poses.learn(*training_motion(samples))
        if self.light is not None:
            self.light.begin(samples, self.setup.plates)
        if set(self.part_of) == {list(PARTS).index("centre")}:
            logger.warning(
                "the body labels no surface of arms or legs (%s): driving poses are matched "
                "with the training by the trunk only",
                ", ".join(self.setup.body.topology.part_names),
            )
        anchors, rest = self.anchors.to("cpu"), self.setup.body
        if self.config.hull:
            anchors = with_hull(anchors, self.config.hull, rest, samples)
        self._place(anchors)
        self.to(device)
        place = lambda context: self._surface(context.body)  # noqa: E731
        self.colours.copy_(first_colours(samples, place, anchors, rest))

    @in_full_precision
    def forward(self, context: FrameContext) -> GaussianCloud:
        """The clouds of B frames that have nothing to do with one another."""
        return self._encoded(context, [None] * len(context))[0]

    @in_full_precision
    def step(self, context: FrameContext, state: Any) -> tuple[GaussianCloud, Any]:
        """The next frame of B streams; the state is the :class:`Past` of each."""
        before: Sequence[Past | None] = [None] * len(context) if state is None else state
        cloud, found = self._encoded(context, before)
        after = []
        for b, one in enumerate(found):
            after.append(None if one is None else self._said(one, float(context.time[b])))
        return cloud, (tuple(after) if any(p is not None for p in after) else None)

    def recorded(self, choice: Choice) -> Decoded:
        """What is recorded of every Gaussian at the times of its parts.

        Args:
            choice: Times as numbers of training frames. Where a part jumped, what was shown before
                counts a third.
        """
        now = self.training_poses.record_time(choice.times)
        jumped = ~choice.jumped_from.isnan()
        if not bool(jumped.any()) and bool((now == now[0]).all()):
            return self.record(self.places, now[0])
        rows, parts, masses = self.pair_rows, self.pair_parts, self.pair_masses
        times = now[parts]
        if bool(jumped.any()):
            before = self.training_poses.record_time(torch.nan_to_num(choice.jumped_from))
            again = jumped[parts]
            masses = torch.cat([torch.where(again, 1 - _ECHO, 1) * masses, _ECHO * masses[again]])
            times = torch.cat([times, before[parts][again]])
            rows = torch.cat([rows, rows[again]])
        places = self.places
        return blend(self.record(places[rows], times), masses, rows, len(places))

    def shaped(self, decoded: Decoded) -> tuple[Tensor, Tensor, Tensor]:
        """Offsets from the anchored place [N, 3], quaternions [N, 4], log scales [N, 3]."""
        w, x, y, z = decoded.quaternion.unbind(1)
        turned = roma.quat_product(self.axes.roll(-1, 1), torch.stack([x, y, z, w], dim=1))
        scales = (decoded.scale * self.extents).clamp(min=_THINNEST)
        return self.offsets + _OFFSET * decoded.offset, turned.roll(1, 1), scales.log()

    def at_time(self, time: Tensor) -> Decoded:
        """What is recorded of every Gaussian at a time [] of the record, in [-1, 1]."""
        return self.record(self.places, time)

    def carried(
        self, body: PosedBody, shape: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Means [1, N, 3], unit normals [1, N, 3] and covariances [1, N, 3, 3] on a body.

        Args:
            body: One.
            shape: Of :meth:`shaped`.
        """
        if self.rig.weight_offset is None:
            return self.attachment.carry(body, *shape)
        place = in_box(self.places, self.record.low, self.record.high)
        rest = self.setup.body.to(self.colours.device)
        return self.rig.carried(self.attachment, body, rest, place, shape)

    def settle(self) -> None:
        """What follows from the anchors alone; to be called when rows came or went."""
        found = settled(self.anchors.to("cpu"), self.setup.body, torch.tensor(self.part_of))
        for name, value in found.items():
            setattr(self, name, value.to(self.colours.device))

    def _encoded(
        self, context: FrameContext, before: Sequence[Past | None]
    ) -> tuple[GaussianCloud, list[Found | None]]:
        found: list[Found | None] = []
        body = self.rig.corrected(context, self.setup.body)
        carried, opacities, shapes = [], [], []
        for b, index in enumerate(context.index.tolist()):
            one, choice = self._choice(context, b, index, before[b])
            found.append(one)
            if one is None:  # one time for all parts; to look would make the CPU wait for a GPU
                decoded = self.at_time(self.training_poses.record_time(choice.times)[0])
            else:
                decoded = self.recorded(choice)
            shape = self.shaped(decoded)
            carried.append(self.carried(body[b], shape))
            shapes.append((shape[0], shape[2].exp()))
            opacities.append(torch.sigmoid(decoded.opacity_logit[:, 0]))
        means, normals, covariances = (torch.cat(v) for v in zip(*carried, strict=True))
        cloud = GaussianCloud(
            means=means,
            quaternions=None,
            scales=None,
            opacities=torch.stack(opacities),
            features=self._colours(context, body, means, normals),
            covariances=covariances,
            visible=faces_camera(means, normals, context.camera) | self.off_surface,
            extras={
                "offset": torch.stack([offset for offset, _ in shapes]),
                "scale": torch.stack([scale for _, scale in shapes]),
            },
        )
        return cloud, found

    @torch.no_grad()
    def _choice(
        self, context: FrameContext, b: int, index: int, past: Past | None
    ) -> tuple[Found | None, Choice]:
        """A frame's times, and how they were found; a training frame knows its time."""
        frame = index if index >= 0 else len(self.training_poses.times) // 2
        if index < 0 and self.config.retrieval is not None:
            one = self.training_poses.find(context.motion[[b]], past)
            return one, one.choice
        times = context.time.new_full((len(PARTS),), frame)
        return None, Choice(times, torch.full_like(times, torch.nan))

    def _colours(
        self, context: FrameContext, body: PosedBody, means: Tensor, normals: Tensor
    ) -> Tensor:
        """[B, N, 3] colours as the cameras see them, in the light."""
        colours = self.colours.expand_as(means)
        if self.config.harmonics:
            turns = body.bone_transforms[..., :3, :3] @ self.unrest
            blends = (turns[:, self.bones] * self.weights[..., None, None]).sum(2)
            away = means - context.camera.position[:, None]
            at_rest = (blends.mT @ away[..., None])[..., 0]
            values = spherical_harmonics(at_rest, self.config.harmonics)[..., 1:]
            colours = (colours + torch.einsum("bnk,nkc->bnc", values, self.harmonics)).clamp(min=0)
        if self.light is not None:
            colours = colours * self.light(context, normals, self.attachment.at_vertices)
        return colours

    def _surface(self, body: PosedBody) -> tuple[Tensor, Tensor]:
        """Means and normals of the Gaussians with nothing recorded."""
        still = torch.zeros_like(self.offsets)
        return self.attachment.carry(body, self.offsets, self.axes, still)[:2]

    def _said(self, found: Found, seconds: float) -> Past:
        """The past for the next frame, after a line where the pose is like none of the training."""
        line = "" if found.past.said else self.training_poses.remark(found, seconds)
        if not line:
            return found.past
        logger.warning(line)
        return replace(found.past, said=True)

    def _place(self, anchors: Anchors) -> None:
        """Tie Gaussians to these places, in their first shape."""
        coefficients = (self.config.harmonics + 1) ** 2 - 1
        for name, value in first_values(anchors, self.setup.body, coefficients).items():
            own = getattr(self, name)
            own.data = value.to(own.device)
        self.settle()
