"""A training before its first step: captures, avatar, method, and what the training shows."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from avatar_kit.capture import CaptureView
from avatar_kit.config import MethodConfig, RefinementConfig
from avatar_kit.engine.assemble import (
    build_body,
    build_method,
    check_body,
    load_class,
)
from avatar_kit.engine.averaging import Average
from avatar_kit.engine.claim import Claim
from avatar_kit.engine.coverage import ChartCompletion, Shown, is_due
from avatar_kit.engine.device import autocast, pick_device, seed_step
from avatar_kit.engine.frames import PosedFrames, Reading, TrainingFrames
from avatar_kit.engine.ranks import Ranks
from avatar_kit.engine.refining import Refining
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.turned import TurnedSteps
from avatar_kit.engine.untrained import avatar_of
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar, Method

logger = logging.getLogger(__name__)


@dataclass
class Training:
    """A training that is set up and can be run.

    Attributes:
        config: The method's config.
        run: Where it writes.
        method: The method with its avatar.
        people: Of each person, batches of the training split; most models are of one.
        average: The running average of the avatar's weights; None where the config wants none.
        refining: Of each person, how the training poses are refined; empty where they are not.
        coverage: Of each person, how much the training shows of each vertex, [V].
        completions: Of each person, what gives unseen texels of the charts their values.
        turned: Of each person, the steps that show the avatar from sides no picture shows; the same
            in all processes.
        step: Updates done.
        best: (step, probe PSNR) of the best checkpoint so far.
        seconds: Time spent in the loop, earlier sittings included.
        returns: How often, where from and where to the training went back because something was
            not finite.
        stopped_by: Number of the signal that ended the loop early; None where none did.
        ranks: The processes that train this avatar together; mostly one.
        processes_before: How many wrote the checkpoint it goes on from; None where there is none.
        claim: The right to train in the run folder; the loop gives it back.
    """

    config: MethodConfig
    run: RunFolder
    method: Method
    people: tuple[TrainingFrames, ...]
    average: Average | None = None
    refining: tuple[Refining, ...] = ()
    coverage: tuple[Tensor, ...] = ()
    completions: tuple[ChartCompletion, ...] = ()
    turned: tuple[TurnedSteps, ...] = ()
    step: int = 0
    best: tuple[int, float] | None = None
    seconds: float = 0.0
    returns: tuple[dict[str, Any], ...] = ()
    stopped_by: int | None = None
    ranks: Ranks = field(default_factory=Ranks)
    processes_before: int | None = None
    claim: Claim = field(init=False)

    def __post_init__(self) -> None:
        self.claim = Claim(self.run.root)

    @property
    def rate(self) -> float:
        """What all learning rates are multiplied with: halved each time the training went back."""
        return 0.5 ** len(self.returns)

    @property
    def avatar(self) -> Avatar:
        """The avatar being trained, with the weights of the last step."""
        return self.method.avatar

    @property
    def frames(self) -> TrainingFrames:
        """Batches of the first person, who mostly is the only one."""
        return self.people[0]

    @property
    def view(self) -> CaptureView:
        """The first person's capture as it is trained on."""
        return self.frames.view

    def read(self, step: int) -> Reading:
        """What a step needs of the disk; needs no device and may run beside another step."""
        person, own = self.method.person_at(step)
        pool = self.method.pool(step)
        if pool is not None:
            pool = replace(pool, drawn=self.ranks.own_step(pool.drawn))
        return self.people[person].read(self.ranks.own_step(own), pool)

    def update(self, reading: Reading, step: int) -> dict[str, Tensor]:
        """One update of everything, with what was read for the step.

        Returns:
            The losses, detached.
        """
        turned = self.turned[reading.person].batch(step) if self.turned else None
        batch = self.people[reading.person].batch(reading) if turned is None else turned
        refining = self.refining[reading.person] if self.refining and turned is None else None
        if refining is not None:
            batch = refining.prepared(batch)
        if turned is None:
            self.avatar.observe(batch, step)
        with autocast(self.frames.device, self.config.precision):
            losses = self.method.training_step(batch, step)
        person, own = self.method.person_at(step)
        if self.completions and is_due(own + 1, self._steps_of(person)):
            self.completions[person]()
        return losses if refining is None else losses | refining.update(step)

    def _steps_of(self, person: int) -> int:
        """How many of all steps are of a person."""
        return len(range(person, self.config.steps, len(self.people)))

    def state(self) -> list[Tensor]:
        """What is learned, of the avatar and of the method's own modules."""
        modules = self.method.modules().values()
        own = [t for module in modules for t in module.state_dict().values()]
        return [*self.avatar.learned_state().values(), *own]

    def observed(self) -> list[Tensor]:
        """The part of :meth:`state` that what a step saw is written to: buffers."""
        parts = (self.avatar, *self.avatar.people, *self.method.modules().values())
        learned = {p.data_ptr() for part in parts for p in part.parameters()}
        return [t for t in self.state() if t.data_ptr() not in learned]

    def optimizers(self) -> dict[str, Optimizer]:
        """Those of the method, and those of the engine."""
        own: dict[str, Optimizer] = {
            f"refinement-{i}": refining.optimizer for i, refining in enumerate(self.refining)
        }
        return {**self.method.optimizers(), **own}

    @contextmanager
    def shown(self) -> Iterator[dict[str, Tensor]]:
        """Within it the avatar is as it is shown, measured and saved.

        Yields:
            The weights training goes on from, where they differ from those.
        """
        if self.average is None:
            yield {}
            return
        with self.average.applied() as raw:
            yield raw


def open_view(config: MethodConfig, person: int = 0) -> CaptureView:
    """The capture a config names, cropped and resized.

    Args:
        config: The method's config.
        person: Number of the person, where there are several.

    Raises:
        UserError: It cannot be opened, has no training split, or is of another body.
    """
    data = (config.data, *config.others)[person]
    dataset = load_class("dataset", data)(data)
    dataset.body = config.body
    capture = dataset.open(config.size)
    check_body(config, capture.body, str(capture.root))
    train = capture.splits.get("train")
    if train is None or not len(train):
        raise UserError(f"{capture.root / 'capture.json'}: the split 'train' is missing or empty")
    if len(train) == 1:
        logger.warning(
            "%s: the split 'train' has only one sample; the avatar will know only this picture",
            capture.root,
        )
    multiple = math.lcm(config.renderer.multiple_of(config.size), width_unit(config.size))
    return CaptureView(capture, config.size, config.width, multiple_of=multiple)


def width_unit(height: int) -> int:
    """What a width that nobody gave is a multiple of, with every renderer, so that figures compare.

    The largest power of two that is at most an eighth of the height.
    """
    return 2 ** max(0, height.bit_length() - 4)


def set_up(
    config: MethodConfig,
    run: RunFolder,
    view: CaptureView,
    *others: CaptureView,
    fit: bool = True,
) -> Training:
    """Build every part on its device.

    Args:
        config: The method's config.
        run: Where it writes.
        view: The capture.
        others: The captures of further people.
        fit: Whether to fit the aligner and let encoders begin; not where :func:`restore` brings
            what these found.
    """
    device = pick_device(config.device)
    config = _with_refinement(config, (view, *others))
    body, views = build_body(config).to(device), (view, *others)
    avatar = avatar_of(config, body, views).to(device)
    if fit:
        clips = (v.capture.motion[a:b] for v in views for a, b in v.capture.clips_of("train"))
        avatar.aligner.fit([clip.resample(view.capture.fps) for clip in clips], body.asset)
    method = build_method(config, avatar)
    people = tuple(
        TrainingFrames(
            view,
            PosedFrames(body, view.capture.motion, one.shape),
            batch_size=config.samples_per_step,
            seed=config.seed,
            neighbours=method.neighbours,
            sequence=method.sequence,
            person=person,
            refinement=one.refinement,
        )
        for person, (one, view) in enumerate(zip(avatar.people, views, strict=True))
    )
    for one, frames in zip(avatar.people, people, strict=True):
        if fit:
            seed_step(config.seed, 0)
            one.begin(frames.all())
        method.prepare(frames.all())
    average = Average(avatar, config.average) if config.average else None
    shown = [
        Shown.of(frames.all(), body.rest(one.shape))
        for one, frames in zip(avatar.people, people, strict=True)
    ]
    completions = tuple(
        ChartCompletion(list(one.charts().values()), body.topology, what)
        for one, what in zip(avatar.people, shown, strict=True)
    )
    turned = tuple(
        TurnedSteps(one, frames, what, config)
        for one, frames, what in zip(avatar.people, people, shown, strict=True)
    )
    refining = _refining(config, avatar, people)
    coverage = tuple(what.coverage for what in shown)
    return Training(config, run, method, people, average, refining, coverage, completions, turned)


def _with_refinement(config: MethodConfig, views: Sequence[CaptureView]) -> MethodConfig:
    """The config with its word on refinement decided by where the poses come from."""
    if config.refine != "tracked":
        return config
    tracked = any(view.capture.tracked for view in views)
    return config.model_copy(update={"refine": RefinementConfig() if tracked else None})


def _refining(
    config: MethodConfig, avatar: Avatar, people: Sequence[TrainingFrames]
) -> tuple[Refining, ...]:
    if config.refine is None:
        return ()
    found = []
    for one, frames in zip(avatar.people, people, strict=True):
        clips = [end - first for first, end in frames.view.capture.clips_of("train")]
        assert one.refinement is not None and config.refine != "tracked"
        found.append(Refining(config.refine, one.refinement, clips))
    return tuple(found)
