"""Checks of motion aligners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Aligner, Asset, make_room
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import FIELDS
from avatar_kit.testing.conformance import Broken, NotApplicable, require
from avatar_kit.testing.modules import ModuleConformance, apart
from avatar_kit.testing.poses import cast, random_motion, swaying_motion

BODY = Asset("a body", "ab" * 32, "none")
OTHER_BODY = Asset("another body", "cd" * 32, "none")


class AlignerConformance(ModuleConformance):
    """What every aligner must do.

    Attributes:
        close: Largest mean turn in radians between a training pose and what the fitted aligner
            makes of it.
    """

    kind = "aligner"
    close: ClassVar[float] = 0.3

    def build(self) -> Aligner:
        """The aligner, not fitted."""
        return self.component.load()(self.config)

    def fitted(self) -> Aligner:
        """A new aligner fitted to :func:`clips`."""
        torch.manual_seed(0)
        aligner = self.build().to(self.device)
        aligner.fit(clips(), BODY)
        return aligner

    def made(self, seed: int = 0) -> Aligner:
        """A fitted aligner, not the one that other checks share."""
        return self.restored(self.shared)

    @property
    def shared(self) -> Aligner:
        """The fitted aligner of all checks, which do not change it."""
        return self.once("fitted", self.fitted)

    def restored(self, fitted: Aligner) -> Aligner:
        """A new aligner with the state of a fitted one, as loading an avatar makes it."""
        state = {k: v.clone() for k, v in fitted.state_dict().items()}
        fresh = self.build()
        make_room(fresh, state)
        fresh.load_state_dict(state)
        return fresh.to(self.device).eval()

    def outputs(
        self, module: Aligner, frames: Sequence[int], dtype: torch.dtype, device: str
    ) -> dict[str, Tensor]:
        """The aligned motion, field by field."""
        motion = cast(self.source(), dtype).to(device)
        aligned = module.align(motion)
        return {name: getattr(aligned, name) for name in FIELDS}

    def source(self) -> Motion:
        """A driving motion that the aligner has not seen."""
        return random_walk(24)

    def test_length_and_rate_are_kept(self) -> None:
        """The aligned motion has the frames, the rate and finite values; so has one frame alone."""
        source = self.source()
        for motion in (source, source[:1]):
            found = self.shared.align(motion)
            require(len(found) == len(motion), f"{len(motion)} frames became {len(found)}")
            require(found.fps == motion.fps, f"{motion.fps} fps became {found.fps}")
            require(found.is_finite().all(), "an aligned pose is not finite")

    def test_changes_only_what_it_declares(self) -> None:
        """Fields that are not in ``changes`` pass through untouched, and the source too."""
        source = self.source()
        before = replace(source, **{n: getattr(source, n).clone() for n in FIELDS})
        found = self.shared.align(source)
        touched = [n for n in FIELDS if not torch.equal(getattr(source, n), getattr(before, n))]
        require(not touched, f"align changes its argument: {touched}")
        unknown = set(self.shared.changes) - set(FIELDS)
        require(not unknown, f"changes names {unknown}, which are no fields of Motion")
        others = [n for n in FIELDS if n not in self.shared.changes]
        changed = [n for n in others if not torch.equal(getattr(found, n), getattr(source, n))]
        require(not changed, f"{changed} change, but `changes` declares {self.shared.changes}")

    def test_streaming_equals_batch(self) -> None:
        """Stepping frame by frame gives what ``align`` gives, also with another stream between."""
        source, other = self.source(), random_walk(24, seed=9)
        whole = self.shared.align(source)
        state: Any = None
        noise: Any = None
        device = self.device
        for i in range(len(source)):
            frame, state = self.shared.step(source[i : i + 1].to(device), state)
            _, noise = self.shared.step(other[i : i + 1].to(device), noise)
            for name in FIELDS:
                off = apart(getattr(frame, name).cpu(), getattr(whole, name)[i : i + 1].cpu())
                require(
                    off < 1e-5,
                    f"frame {i}: '{name}' of step and of align differ by {off:.1e}; all memory of "
                    "a stream belongs into the state that step returns",
                )

    def test_the_future_does_not_matter(self) -> None:
        """The first frames of a motion are aligned the same whatever comes after them."""
        source = self.source()
        whole, start = self.shared.align(source), self.shared.align(source[:10])
        off = apart(whole.body_pose[:10], start.body_pose)
        require(off < 1e-5, f"a later frame changes an earlier one by {off:.1e}")

    def test_training_poses_stay_close(self) -> None:
        """A training motion comes back close to itself."""
        angles = []
        for clip in clips():
            aligned = self.shared.align(clip)
            turn = roma.rotvec_geodesic_distance(
                aligned.body_pose.unflatten(1, (21, 3)), clip.body_pose.unflatten(1, (21, 3))
            )
            angles.append(turn[self.shared.history :].mean())
        found = torch.stack(angles).mean().item()
        require(
            found <= self.close,
            f"training poses are turned by {found:.3f} rad on average, more than {self.close}",
        )

    def test_only_a_fitted_aligner_drives(self) -> None:
        """Not fitted, or fitted to another body, it refuses with a message for the user."""
        if not self.component.load().needs_fit:
            raise NotApplicable("needs no fitting")
        self.shared.check_body(BODY)
        for what, aligner, body in (
            ("not fitted", self.build(), BODY),
            ("fitted to another body", self.shared, OTHER_BODY),
        ):
            try:
                aligner.check_body(body)
            except UserError:
                continue
            raise Broken(f"an aligner that is {what} is taken; do not override check_body")

    def test_fitting_keeps_the_keys(self) -> None:
        """Fitting adds no key and changes shapes only of the buffers in ``sized_by_training``."""
        empty, full = self.build().state_dict(), self.shared.state_dict()
        only = sorted(set(empty) ^ set(full))
        require(not only, f"{only[:3]} are there only before or only after fitting")
        free = set(self.shared.sized_by_training)
        changed = [n for n in empty if empty[n].shape != full[n].shape and n not in free]
        require(
            not changed, f"fitting changes the shape of {changed[:3]}; name it in sized_by_training"
        )

    def test_poses_that_are_no_rotations_are_refused(self) -> None:
        """Degrees instead of radians, and NaN, are a message for the user."""
        source = self.source()
        for what, pose in (
            ("degrees", source.body_pose + 90),
            ("NaN", torch.full_like(source.body_pose, torch.nan)),
        ):
            try:
                self.shared.align(replace(source, body_pose=pose))
            except UserError:
                continue
            if "body_pose" in self.shared.changes:
                raise Broken(f"{what} are aligned; call avatar_kit.scene.motion.check_rotations")

    def test_same_seed_same_result(self) -> None:
        """Fitted twice to the same poses, and run twice, it gives the same motion."""
        before = self.shown(self.shared)
        cases = {"run twice": self.shared, "fitted twice": self.fitted()}
        for what, aligner in cases.items():
            after = self.shown(aligner)
            differ = [n for n, value in before.items() if not torch.equal(value, after[n])]
            require(not differ, f"{what}, {differ} differ; learn() must be deterministic")

    def test_state_round_trips(self) -> None:
        """A new aligner with the saved state aligns as the fitted one does, without fitting."""
        before, after = self.shown(self.shared), self.shown(self.restored(self.shared))
        differ = [n for n, value in before.items() if not torch.equal(value, after[n])]
        require(not differ, f"after loading, {differ} differ; learned values are buffers")

    def test_batch_of_two_is_two_of_one(self) -> None:
        """(For motions: see streaming equals batch.)"""
        raise NotApplicable("an aligner takes one motion at a time")


def clips() -> list[Motion]:
    """What the aligner is fitted to: two clips of one person."""
    return [swaying_motion(40), replace(random_walk(40, seed=2), fps=25.0)]


def random_walk(frames: int, seed: int = 1) -> Motion:
    """A smooth motion between four random poses."""
    corners = random_motion(4, seed)
    turns = roma.rotvec_to_unitquat(corners.rotvec())
    at = torch.linspace(0, 2.999, frames)
    low, weight = at.long(), at - at.long()
    blended = torch.stack(
        [
            roma.unitquat_slerp(turns[i], turns[i + 1], w[None])[0]
            for i, w in zip(low.tolist(), weight, strict=True)
        ]
    )
    mix = lambda x: torch.lerp(x[low], x[low + 1], weight[:, None])  # noqa: E731
    rotvec = roma.unitquat_to_rotvec(blended)
    ones = torch.ones(frames)
    return Motion.from_rotvec(25.0, mix(corners.transl), rotvec, mix(corners.expression), ones)
