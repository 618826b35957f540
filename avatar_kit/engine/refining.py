"""Learning the corrections of tracked poses beside a method that knows nothing of them.

The method differentiates its losses with respect to bodies and cameras that are leaves of its
graphs, so it may go backward as often as it likes. What arrives there is carried on to the
corrections once a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.optim import SparseAdam

from avatar_kit.config import RefinementConfig
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Batch, PoseRefinement
from avatar_kit.scene import Camera, PosedBody

_BODY_FIELDS = ("vertices", "joints", "bone_transforms", "hands")


class Refining:
    """The optimiser of the corrections of one person.

    A step moves the corrections of the frames it saw and of no other: Adam would go on pushing a
    frame long after it was seen, and ten times as far. The mean of all corrections stays 0: what
    the tracker always does wrong it does wrong in the test as well, where nothing is corrected.

    Args:
        config: Rates and weights.
        refinement: The corrections.
        clips: Lengths of the clips that the training frames make, in their order: corrections are
            smooth within each.

    Raises:
        UserError: One camera is to be corrected: with a mean of 0 nothing is left to correct.
    """

    def __init__(self, config: RefinementConfig, refinement: PoseRefinement, clips: Sequence[int]):
        self.config, self.refinement, self.clips = config, refinement, list(clips)
        if config.camera and len(refinement.camera_shift) == 1:
            raise UserError(
                "refine.camera: there is only one training camera, and cameras are corrected "
                "relative to each other; omit refine.camera"
            )
        self.learned = [refinement.rotation, refinement.shift]
        if config.camera:
            self.learned.append(refinement.camera_shift)
        for values in self.learned:
            values.requires_grad_(True)
        # a frame is seen some ten times in all: the averages of its gradients must be short
        self.optimizer = SparseAdam(self.learned, lr=config.learning_rate, betas=(0.5, 0.9))
        self._roots: list[Tensor] = []
        self._leaves: list[Tensor] = []

    def prepared(self, batch: Batch) -> Batch:
        """The batch with bodies and cameras that take gradients and pass none on yet."""
        self._roots, self._leaves = [], []
        context = batch.context
        shown = replace(
            context,
            body=self._cut_body(context.body),
            previous=self._cut_body(context.previous),
            camera=self._cut_camera(context.camera),
            motion=context.motion.detach(),
        )
        return batch.with_context(shown)

    def update(self, step: int) -> dict[str, Tensor]:
        """Take one step with what arrived at the batch since :meth:`prepared`.

        Returns:
            The penalty of the corrections, detached.
        """
        penalty = self.penalty()
        pairs = [(r, v.grad) for r, v in zip(self._roots, self._leaves, strict=True)]
        pairs = [(root, grad) for root, grad in pairs if grad is not None]
        self._roots, self._leaves = [], []
        if step < self.config.start:
            return {"refinement": penalty.detach()}
        roots, grads = [root for root, _ in pairs], [grad for _, grad in pairs]
        seen = torch.autograd.grad(roots, self.learned, grads, allow_unused=True) if roots else ()
        held = torch.autograd.grad(penalty, self.learned)
        for values, wanted, kept in zip(self.learned, seen, held, strict=True):
            values.grad = None if wanted is None else _rows(wanted, kept)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for values in self.learned:
                values -= values.mean(0)
        return {"refinement": penalty.detach()}

    def penalty(self) -> Tensor:
        """Weighted squares of the corrections and of their change within a clip, means over frames.

        Radians and metres count alike. A step weighs the part of a frame that it saw, not the mean.
        """
        config, refinement = self.config, self.refinement
        size = refinement.rotation.square().sum((1, 2)) + refinement.shift.square().sum(1)
        total = config.weight * size.mean()
        for values in (refinement.rotation.flatten(1), refinement.shift):
            changes = [part.diff(dim=0) for part in values.split(self.clips) if len(part) > 1]
            if changes:
                total = total + config.smooth * torch.cat(changes).square().sum(1).mean()
        if config.camera:
            total = total + config.weight * refinement.camera_shift.square().sum(1).mean()
        return total

    def _cut(self, value: Tensor) -> Tensor:
        if not value.requires_grad:
            return value
        leaf = value.detach().requires_grad_()
        self._roots.append(value)
        self._leaves.append(leaf)
        return leaf

    def _cut_body(self, body: PosedBody) -> PosedBody:
        cut = {name: self._cut(getattr(body, name)) for name in _BODY_FIELDS}
        return PosedBody(**cut, topology=body.topology)

    def _cut_camera(self, camera: Camera) -> Camera:
        return replace(camera, t=self._cut(camera.t))


def _rows(seen: Tensor, held: Tensor) -> Tensor:
    """The gradient of the rows that a batch has seen, sparse: its own and their penalty's."""
    rows = (seen.flatten(1) != 0).any(1).nonzero()[:, 0]
    values = seen[rows] + len(held) * held[rows]
    return torch.sparse_coo_tensor(rows[None], values, held.shape, check_invariants=True)
