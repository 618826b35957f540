"""The training loop, top to bottom."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from avatar_kit.capture import CaptureView, Sample
from avatar_kit.config import MethodConfig, RefinementConfig
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.ahead import ReadAhead
from avatar_kit.engine.assemble import (
    build_avatar,
    build_body,
    build_method,
    check_body,
    load_class,
)
from avatar_kit.engine.averaging import Average, load_raw
from avatar_kit.engine.claim import claimed
from avatar_kit.engine.coverage import ChartCompletion, Shown, is_due
from avatar_kit.engine.device import autocast, peak_memory_gib, pick_device, seed_step
from avatar_kit.engine.frames import PosedFrames, Reading, TrainingFrames, load_picture
from avatar_kit.engine.held_out import refuse_unseen_views
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.refining import Refining
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.turned import TurnedSteps
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar, Body, Method
from avatar_kit.scene import Camera, Plate

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
        turned: Of each person, the steps that show the avatar from sides no picture shows.
        step: Updates done.
        best: (step, probe PSNR) of the best checkpoint so far.
        seconds: Time spent in the loop, earlier sittings included.
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
        return self.people[person].read(own, self.method.pool(step))

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
    capture = load_class("dataset", data)(data).open(config.size)
    check_body(config, capture.body, str(capture.root))
    train = capture.splits.get("train")
    if train is None or not len(train):
        raise UserError(f"{capture.root / 'capture.json'}: the split 'train' is missing or empty")
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


def training_cameras(view: CaptureView) -> dict[str, Camera]:
    """Name -> camera of the training split, as it is at the first training frame."""
    train = view.capture.splits["train"]
    return {name: view.camera(Sample(train.frames[0], name)) for name in train.cameras}


def plates_of(view: CaptureView) -> list[Plate]:
    """The empty scene of every camera of which it is known or can be estimated.

    A warning says so where there is none at all.
    """
    first, plates = view.capture.splits["train"].frames[0], []
    for name in view.cameras:
        picture = view.plate(name)
        if picture is not None:
            camera = view.camera(Sample(first, name))
            plates.append(Plate(torch.from_numpy(picture).float() / 255, camera))
    if not plates:
        logger.warning(
            "%s: no picture of the empty scene, and none can be estimated while the camera moves: "
            "parts that draw the person over it draw over black (give plates/%s.png, as the camera "
            "sees the scene in the first training frame)",
            view.capture.root,
            next(iter(view.cameras)),
        )
    return plates


def avatar_of(config: MethodConfig, body: Body, views: Sequence[CaptureView]) -> Avatar:
    """The avatar of one person, or of several who share its networks; not trained yet."""

    def built(view: CaptureView, others: Sequence[Avatar] = ()) -> Avatar:
        capture, cameras = view.capture, list(training_cameras(view).values())
        frames = list(capture.splits["train"].frames)
        plates, motion = plates_of(view), capture.motion[frames]
        return build_avatar(
            config, body, capture.shape, len(frames), cameras, plates, others, motion
        )

    first, *rest = views
    avatar = built(first, [built(view) for view in rest])
    for view in views:
        _refuse_moving(avatar, view)
        refuse_unseen_views(avatar.renderer, view)
    return avatar


def _refuse_moving(avatar: Avatar, view: CaptureView) -> None:
    """Refuse a moving camera where its background is painted.

    Raises:
        UserError: The renderer paints the background of one camera, which moves.
    """
    moving = [name for name, camera in view.cameras.items() if len(camera) > 1]
    if moving and not avatar.renderer.camera_moves:
        raise UserError(
            f"{view.capture.root}: camera '{moving[0]}' moves, but renderer "
            f"'{avatar.renderer.config.type}' paints the background of one camera that stays; take "
            "a renderer that paints the person alone (for example renderer.background=composite)"
        )


def train(training: Training, progress: Progress) -> bool:
    """Run the loop.

    Returns:
        Whether the schedule is done: False where ``stop_at`` or a signal ended it early.

    Raises:
        UserError: A loss is not finite, the disk is full, or another process trains there.
    """
    config, run = training.config, training.run
    device = training.frames.device
    stop = min(config.steps, config.stop_at if config.stop_at is not None else config.steps)
    asked_to_stop = StopSignal()
    training.avatar.train()
    inside, started, before = 0.0, time.perf_counter(), training.seconds
    first = training.step
    reading = ReadAhead(training.read, stop)
    claim, board_of = claimed(run.root), _tensorboard(run.root)
    with claim, asked_to_stop, reading, progress, board_of as board:
        progress.start(training.step, stop)
        ending = training.step >= stop
        while not ending:
            step = training.step
            read = reading.get(step)
            tick = time.perf_counter()
            seed_step(config.seed, step)
            losses = training.update(read, step)
            inside += time.perf_counter() - tick
            training.step = step + 1
            if training.average is not None:
                training.average.update(training.step)
            training.seconds = before + time.perf_counter() - started
            ending = training.step == stop or bool(asked_to_stop)
            saving = training.step % config.checkpoint.every == 0 or ending
            if saving or training.step % config.report_every == 0:
                values = {k: float(v) for k, v in losses.items()}
                _refuse_non_finite(values, training)
                rate = (training.step - first) / (training.seconds - before)
                run.append_log({"step": training.step, **values, "steps_per_second": rate})
                for name, value in values.items():
                    board.add_scalar(f"loss/{name}", value, training.step)
                progress.report(training.step, values, rate, peak_memory_gib(device))
            if saving:
                with training.shown() as raw:
                    psnr = probe(training)
                    save(training, psnr, raw)
                board.add_scalar("probe/psnr", psnr, training.step)
                run.append_log({"step": training.step, "probe_psnr": psnr})
                progress.note(f"step {training.step}: saved, probe {psnr:.2f} dB")
    elapsed = training.seconds - before
    share = 1 - inside / elapsed if elapsed else 0.0
    run.append_log({"step": training.step, "seconds": training.seconds, "loop_overhead": share})
    return training.step >= config.steps and not asked_to_stop


def _refuse_non_finite(values: dict[str, float], training: Training) -> None:
    """Look at the losses, and at the parameters: what is not finite may be left out of a loss."""
    bad = [f"loss '{name}'" for name, value in values.items() if not math.isfinite(value)]
    bad += [
        f"parameter '{name}' ({int((~value.isfinite()).sum())} of {value.numel()} values)"
        for name, value in training.avatar.named_parameters()
        if not bool(value.isfinite().all())
    ]
    if bad:
        whole = ckpt.list_checkpoints(training.run.checkpoints)
        rest = f"the last good state is {whole[-1]}" if whole else "no checkpoint was written yet"
        raise UserError(
            f"not finite at step {training.step}: {', '.join(bad[:3])}; {rest}. Lower the learning "
            "rate or use precision=float32, then go on with --resume"
        )


@torch.no_grad()
def probe(training: Training, frames: int = 8) -> float:
    """PSNR in dB on a few training frames rendered as at test time, the mean over people.

    It ranks checkpoints without looking at any held-out frame.
    """
    avatar = training.avatar
    was_training = avatar.training
    avatar.eval()
    found = [_probed(avatar, source, training.config, frames) for source in training.people]
    avatar.train(was_training)
    return sum(found) / len(found)


def _probed(avatar: Avatar, source: TrainingFrames, config: MethodConfig, frames: int) -> float:
    positions = torch.linspace(0, len(source) - 1, min(frames, len(source))).long().tolist()
    errors: list[Tensor] = []
    for position in positions:
        seen = source.context([position])
        with autocast(source.device, config.precision):
            rendered = avatar(replace(seen, index=torch.full_like(seen.index, -1))).rgb
        truth = load_picture(source.view, source.samples[position], source.device)
        errors.append((rendered.float().clamp(0, 1) - truth).square().mean())
    mse = torch.stack(errors).mean().item()
    return -10 * math.log10(max(mse, 1e-12))


def save(training: Training, psnr: float, raw: dict[str, Tensor]) -> None:
    """Write a checkpoint of the avatar as it is shown, and let old ones go.

    Args:
        training: The training, its avatar as :meth:`Training.shown` gives it.
        psnr: What :func:`probe` found.
        raw: The weights training goes on from, where they differ from the avatar's.
    """
    tensors = {f"raw/{name}": value for name, value in raw.items()}
    optimizers: dict[str, Any] = {}
    for name, module in training.method.modules().items():
        tensors |= {f"module/{name}/{k}": v for k, v in module.state_dict().items()}
    for name, optimizer in training.optimizers().items():
        flat, optimizers[name] = ckpt.flatten_optimizer(name, optimizer.state_dict())
        tensors |= flat
    if training.best is None or psnr > training.best[1]:
        training.best = (training.step, psnr)
    ckpt.save_checkpoint(
        training.run.checkpoints,
        training.step,
        training.avatar.learned_state(),
        tensors,
        {
            "method": training.config.type,
            "probe_psnr": psnr,
            "best": training.best,
            "seconds": training.seconds,
            "optimizers": optimizers,
        },
    )
    ckpt.prune(training.run.checkpoints, training.config.checkpoint.keep, training.best[0])


def restore(training: Training, found: ckpt.Checkpoint) -> None:
    """Put a checkpoint's state into a training that was just set up.

    Raises:
        UserError: The checkpoint belongs to another method or config, or is only for rendering.
    """
    if found.state["method"] != training.config.type:
        raise UserError(
            f"{found.path}: a checkpoint of method '{found.state['method']}', "
            f"not of '{training.config.type}'"
        )
    if not found.state["optimizers"]:
        raise UserError(
            f"{found.path}: kept to render from, without the state of its training; go on with "
            "the run it was made from"
        )
    ckpt.load_learned(training.avatar, found)
    tensors = found.training()
    if training.average is not None:
        training.average.restart()
    load_raw(training.avatar, {k[4:]: v for k, v in tensors.items() if k.startswith("raw/")})
    for name, module in training.method.modules().items():
        prefix = f"module/{name}/"
        own = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        ckpt.load_strict(module, own, f"{found.path / 'training.safetensors'} ({name})")
    for name, optimizer in training.optimizers().items():
        described = found.state["optimizers"].get(name)
        if described is None:
            raise UserError(f"{found.path}: holds no state of the optimiser '{name}'")
        optimizer.load_state_dict(ckpt.unflatten_optimizer(name, tensors, described))
    training.step = found.step
    training.seconds = found.state["seconds"]
    best = found.state["best"]
    training.best = (int(best[0]), float(best[1]))


def structural_changes(old: MethodConfig, new: MethodConfig) -> tuple[list[str], list[str]]:
    """Top-level keys that differ: (those a resumed run must keep, the others)."""
    a, b = old.model_dump(mode="json"), new.model_dump(mode="json")
    changed = [k for k in a if a[k] != b.get(k)]
    return (
        [k for k in changed if k in old.structural],
        [k for k in changed if k not in old.structural],
    )


class StopSignal:
    """True once SIGTERM or Ctrl-C came; the second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._old: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return self.received is not None

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is not threading.main_thread():
            return self  # signals reach the main thread alone
        for number in (signal.SIGTERM, signal.SIGINT):
            self._old[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: object) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number


def _tensorboard(root: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(root / "tensorboard"))
