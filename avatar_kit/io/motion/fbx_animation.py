"""The animations of an FBX file: its skeleton in motion, and the weights of its blend shapes."""

from __future__ import annotations

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.fbx import FbxObject, FbxScene
from avatar_kit.io.motion.animated import Animated
from avatar_kit.io.motion.animated_clips import AnimatedClip, expression_of
from avatar_kit.io.motion.clock import Clock, even_clock, rate_of_keys
from avatar_kit.io.motion.fbx_curves import TICKS, Curve, read_curve
from avatar_kit.io.motion.fbx_skeleton import FbxSkeleton
from avatar_kit.io.motion.fbx_transforms import ANIMATED, local_transform, world_transforms
from avatar_kit.io.motion.options import RATES

#: Value of TimeMode -> frames per second; others state none.
_TIME_MODES = {
    1: 120.0, 2: 100.0, 3: 60.0, 4: 50.0, 5: 48.0, 6: 30.0, 7: 30.0, 8: 30 / 1.001, 9: 30 / 1.001,
    10: 25.0, 11: 24.0, 13: 24 / 1.001, 15: 96.0, 16: 72.0, 17: 60 / 1.001, 18: 120 / 1.001,
}  # fmt: skip
_CUSTOM = 14

#: Animations that a file may have.
_MOST_ANIMATIONS = 1000

#: Blend shapes count from 0 to this.
_FULL = 100.0

#: How far the rotation matrices of two poses may differ that are the same.
_SAME = 0.02

#: An animated vector: its three curves, None for a number that stands still, and these numbers.
_Vector = tuple[list[Curve | None], np.ndarray]


class FbxAnimation:
    """One animation of a file: the curves of its first layer.

    Args:
        skeleton: The skeleton that moves.
        stack: The object of the animation.
        known: Number of an object -> its curve, of those that were read.

    Raises:
        UserError: Keys that make no sense; names file and curve.

    Attributes:
        name: Its name.
        curves: All its curves.
    """

    def __init__(self, skeleton: FbxSkeleton, stack: FbxObject, known: dict[int, Curve | None]):
        self._skeleton, self._scene, self._stack = skeleton, skeleton.scene, stack
        self._known = known
        self.name = stack.name
        layers = [layer for layer, _ in self._scene.sources(stack, "AnimationLayer")]
        nodes = [list(self._scene.sources(layer, "AnimationCurveNode")) for layer in layers]
        filled = [found for found in nodes if found]
        self._notes = () if len(filled) < 2 else (
            f"animation '{self.name}' has {len(filled)} layers: only the first is read; merge them "
            "before the export",
        )  # fmt: skip
        self._vectors: dict[int, dict[str, _Vector]] = {}
        self._shapes: dict[str, Curve] = {}
        for node, _ in filled[0] if filled else ():
            self._add(node)
        vectors = [v for found in self._vectors.values() for v, _ in found.values()]
        self.curves = [c for v in vectors for c in v if c] + list(self._shapes.values())

    def clip(self, rate: float | None) -> AnimatedClip:
        """The skeleton in motion.

        Args:
            rate: Frames per second, if a person said them; else those of the file.

        Raises:
            UserError: Numbers that make no sense, or too many of them; names file and object.
        """
        clock = self._clock(rate)
        tree, needed = self._skeleton.tree, self._skeleton.needed
        tree.check_frames(len(needed), clock)
        ticks = np.round(clock.times * TICKS).astype(np.int64)
        own = dict(self._skeleton.rest)
        for node, vectors in self._vectors.items():
            moved = {name: _sampled(vector, ticks) for name, vector in vectors.items()}
            own[node] = local_transform(self._scene, self._skeleton.models[node], moved)
        world = world_transforms(own, needed, tree.parents)
        skeleton = tree.animated(self._skeleton.kept, clock, world, self._skeleton.built)
        weights = {name: curve.at(ticks) / _FULL for name, curve in self._shapes.items()}
        built = self._skeleton.bound or not _is_a_frame(skeleton)
        return AnimatedClip(self.name, skeleton, weights, clock.stated, built, self._notes)

    def _add(self, node: FbxObject) -> None:
        """Keep the curves of a node where they move the skeleton or a blend shape."""
        curves = self._curves(node)
        for model, name in self._scene.targets(node, "Model") if curves else ():
            place = self._skeleton.places.get(model.number)
            if name in ANIMATED and place is not None:
                still = self._scene.vector(model, name, ANIMATED[name])
                for i, axis in enumerate("XYZ"):
                    still[i] = self._scene.vector(node, f"d|{axis}", (float(still[i]),))[0]
                vector = [curves.get(f"d|{axis}") for axis in "XYZ"], still
                self._vectors.setdefault(place, {})[name] = vector
        for channel, _ in self._scene.targets(node, "Deformer"):
            expression = expression_of(channel.name)
            if channel.type == "BlendShapeChannel" and expression and "d|DeformPercent" in curves:
                self._shapes[expression] = curves["d|DeformPercent"]

    def _curves(self, node: FbxObject) -> dict[str, Curve]:
        """Property of a curve node -> its curve, of those that have keys."""
        found = {}
        for curve, name in self._scene.sources(node, "AnimationCurve"):
            if curve.number not in self._known:
                self._known[curve.number] = read_curve(self._scene, curve)
            read = self._known[curve.number]
            if read is not None:
                found[name] = read
        return found

    def _clock(self, rate: float | None) -> Clock:
        """The frames: where the animation is said to be, as far as there are keys."""
        keys = [curve.ticks / TICKS for curve in self.curves]
        start, end = min(k[0] for k in keys), max(k[-1] for k in keys)
        for kind in ("Local", "Reference"):
            first, last = (
                self._scene.whole(self._stack, f"{kind}{edge}", 0) / TICKS
                for edge in ("Start", "Stop")
            )
            if max(first, start) < min(last, end):
                start, end = max(first, start), min(last, end)
                break
        fps, stated = (rate, True) if rate else _rate(self._scene) or rate_of_keys(keys)
        return even_clock(start, end, fps, stated, self._scene.path)


def animations_in(skeleton: FbxSkeleton) -> list[FbxAnimation]:
    """Every animation of a file that has keys; Mixamo writes an empty one beside its own.

    Raises:
        UserError: Keys that make no sense, or too many animations; names file and curve.
    """
    known: dict[int, Curve | None] = {}
    stacks = skeleton.scene.of_kind("AnimationStack")
    if len(stacks) > _MOST_ANIMATIONS:
        raise UserError(
            f"{skeleton.scene.path}: {len(stacks)} animations are too many, expected at most "
            f"{_MOST_ANIMATIONS}; split the file"
        )
    found = [FbxAnimation(skeleton, stack, known) for stack in stacks]
    return [animation for animation in found if animation.curves]


def _rate(scene: FbxScene) -> tuple[float, bool] | None:
    """The rate that GlobalSettings state, if they do."""
    mode = scene.whole(scene.settings, "TimeMode", 0)
    rate = _TIME_MODES.get(mode, 0.0)
    if mode == _CUSTOM:
        rate = float(scene.vector(scene.settings, "CustomFrameRate", (0.0,))[0])
    return (rate, True) if RATES[0] <= rate <= RATES[1] else None


def _sampled(vector: _Vector, ticks: np.ndarray) -> np.ndarray:
    """[T, 3] values at the frames; [1, 3] if they stand still."""
    curves, still = vector
    columns = [
        np.full(len(ticks), number) if curve is None else curve.at(ticks)
        for curve, number in zip(curves, still, strict=True)
    ]
    found = np.stack(columns, 1)
    return found[:1] if (found == found[:1]).all() else found


def _is_a_frame(skeleton: Animated) -> bool:
    """Whether the rest pose is one of the frames: some programs write what was on the screen."""
    off = (skeleton.rotations - skeleton.rest_rotations).abs().amax((1, 2, 3))
    return bool((off < _SAME).any())
