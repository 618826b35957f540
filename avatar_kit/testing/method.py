"""Checks of methods."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from avatar_kit.config import MethodConfig, resolve_method
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.describing import describe
from avatar_kit.engine.device import autocast, seed_step
from avatar_kit.engine.loaded import load_avatar
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import Training, open_view, set_up
from avatar_kit.engine.state import restore, save
from avatar_kit.engine.trainer import probe, train
from avatar_kit.interfaces import Avatar
from avatar_kit.testing.capture import small_capture
from avatar_kit.testing.conformance import Conformance, NotApplicable, require
from avatar_kit.testing.modules import sized_tensors


class MethodConformance(Conformance):
    """What every method must do.

    It is trained on a capture of the default body that takes a second to make. ``options`` make the
    networks small; the picture is :attr:`size` pixels wide unless they say otherwise.

    Attributes:
        preset: Preset the config starts from; "demo" is taken where the method has one.
        size: Width and height of the trained picture in pixels.
        steps: Updates after which pictures must be better than at the start.
        gain: Least gain of PSNR on training frames in those steps, dB.
        data: A dataset slot to train on instead.
    """

    kind = "method"
    preset: ClassVar[str] = "demo"
    size: ClassVar[int] = 64
    steps: ClassVar[int] = 24
    gain: ClassVar[float] = 1.0
    data: ClassVar[dict[str, Any]] = {}

    @property
    def config(self) -> MethodConfig:
        """The config of the checks, not yet bound to a capture."""
        return self.resolved({})

    def resolved(self, values: dict[str, Any], preset: str | None = None) -> MethodConfig:
        """The config with values laid over those of the checks.

        Raises:
            UserError: A value does not fit.
        """
        small = {
            "size": self.size,
            "steps": self.steps,
            "batch_size": 2,
            "device": self.device,
            "checkpoint": {"every": 10**9},
            "evaluation": {"max_frames": 2, "metrics": ["psnr"]},
        }
        config: type[MethodConfig] = self.component.config  # type: ignore[assignment]
        start = self.preset if self.preset in config.presets else None
        laid = {**small, **self.options, **values}
        return resolve_method(self.name, preset=preset or start, overrides=laid).config

    def validated(self, values: dict[str, Any]) -> Any:
        """The config with these values."""
        return self.resolved({k: v for k, v in values.items() if k != "type"})

    @contextmanager
    def training(self, **values: Any) -> Iterator[Training]:
        """A training that is set up in a folder of its own, on a capture of its own."""
        with tempfile.TemporaryDirectory(prefix="avatar-kit-check-") as folder:
            data = self.data or {"type": "capture", "path": str(Path(folder) / "capture")}
            config = self.resolved({"data": data, **values})
            if not self.data:
                shutil.copytree(_filmed(config.size), Path(folder) / "capture")
            run = RunFolder.create(Path(folder) / "run")
            training = set_up(config, run, open_view(config))
            describe(training)
            yield training

    def test_every_preset_is_a_valid_config(self) -> None:
        """Each preset gives a config, with nothing else said."""
        config: type[MethodConfig] = self.component.config  # type: ignore[assignment]
        for preset in config.presets:
            found = resolve_method(self.name, preset=preset).config
            require(found.preset == preset, f"preset '{preset}' names itself '{found.preset}'")
        unknown = [k for k in config.structural if k not in config.model_fields]
        require(not unknown, f"structural names {unknown}, which are no keys of the config")

    def test_state_is_named(self) -> None:
        """``optimizers`` names torch optimisers over weights, and ``facts`` holds texts."""
        with self.training() as training:
            method = training.method
            optimizers = method.optimizers()
            require(optimizers, "optimizers() is empty: a resumed run could not go on")
            wrong = [n for n, o in optimizers.items() if not isinstance(o, Optimizer)]
            require(not wrong, f"optimizers(): {wrong} are no torch optimisers")
            own = {id(p) for p in training.avatar.parameters()}
            own |= {id(p) for m in method.modules().values() for p in m.parameters()}
            groups = [(n, g) for n, o in optimizers.items() for g in o.param_groups]
            lost = {n for n, g in groups if any(id(p) not in own for p in g["params"])}
            require(
                not lost,
                f"optimisers {lost} train weights that neither the avatar nor "
                "modules() has: they are not saved",
            )
            plain = all(isinstance(v, str) for v in method.facts().values())
            require(plain, "facts() must hold texts")

    def test_training_improves_the_picture(self) -> None:
        """After a few steps training frames are rendered better, and every loss is finite."""
        with self.training() as training:
            with training.shown():
                before = probe(training)
            losses = step_through(training, self.steps)
            for step, values in enumerate(losses):
                bad = [n for n, v in values.items() if not torch.isfinite(v).all()]
                require(not bad, f"loss '{bad[:1]}' is not finite at step {step}")
                attached = [n for n, v in values.items() if v.requires_grad]
                require(not attached, f"losses {attached} are not detached; they hold the graph")
            with training.shown():
                after = probe(training)
        require(
            after - before >= self.gain,
            f"PSNR on training frames goes from {before:.2f} to {after:.2f} dB in {self.steps} "
            f"steps, less than {self.gain} better; check the sign of the loss and its rate",
        )

    def test_resuming_is_exact(self) -> None:
        """Stopped, saved and resumed, or put back, a training ends with the very same weights."""
        half = max(1, self.steps // 6)
        with self.training(steps=2 * half) as training:
            run, view, config = training.run, training.view, training.config
            quiet(training, config.model_copy(update={"stop_at": half}))
            again = set_up(config, run, view, fit=False)
            restore(again, ckpt.latest_checkpoint(run.checkpoints)[0])
            require(again.step == half, f"the checkpoint is of step {again.step}, not {half}")
            for one in (training, again):
                step_through(one, half, first=half)
            state = state_of(again)
            hint = (
                "what changes must be in optimizers(), modules() or the avatar, and randomness "
                "must come from the global generators"
            )
            _require_same(state_of(training), state, "after resuming", hint)
            restore(training, ckpt.latest_checkpoint(run.checkpoints)[0])
            step_through(training, half, first=half)
            _require_same(state_of(training), state, "after going back to the checkpoint", hint)

    def test_growth_resumes(self) -> None:
        """Parts that training grows are saved, read back and resumed, bit for bit."""
        with self.training() as training:
            run, view, config = training.run, training.view, training.config
            before, done = sizes(training.avatar), 0
            while before and done < self.steps and sizes(training.avatar) == before:
                step_through(training, 1, first=done)
                done += 1
            grown = {n: s for n, s in sizes(training.avatar).items() if s != before[n]}
            if not grown:
                raise NotApplicable(
                    f"no part changes its size within {self.steps} steps; where one should, give "
                    "options with which it does"
                )
            training.step = done
            with training.shown() as raw:
                save(training, probe(training), raw)
            again = set_up(config, run, view, fit=False)
            restore(again, ckpt.latest_checkpoint(run.checkpoints)[0])
            rendered = sizes(load_avatar(run, device=self.device).avatar)
            for name, shape in grown.items():
                require(
                    rendered[name] == shape,
                    f"'{name}' has the shape {tuple(shape)}, read back {tuple(rendered[name])}",
                )
            for one in (training, again):
                step_through(one, 3, first=done)
            _require_same(state_of(training), state_of(again), "after resuming")

    def test_same_seed_same_result(self) -> None:
        """Trained twice from one seed, the avatar has the same weights."""
        ends = []
        for _ in range(2):
            with self.training() as training:
                step_through(training, 2)
                ends.append(state_of(training))
        _require_same(ends[0], ends[1], "in a second training")

    def test_people_are_kept_apart(self) -> None:
        """With ``many_people``, a step moves the charts of one person alone; each has steps."""
        if not self.config.many_people:
            raise NotApplicable("many_people is False: it trains one person")
        with self.training() as training:
            view = training.view
            both = set_up(training.config, training.run, view, view)
            seen: set[int] = set()
            for step in range(4):
                before = [_charts_of(person) for person in both.avatar.people]
                step_through(both, 1, first=step)
                pairs = enumerate(zip(before, both.avatar.people, strict=True))
                moved = {i for i, (old, now) in pairs if not torch.equal(old, _charts_of(now))}
                whose, _ = both.method.person_at(step)
                require(moved <= {whose}, f"step {step} is of person {whose}, but moves {moved}")
                seen |= moved
        require(seen == {0, 1}, f"only the charts of {seen} move: the optimisers lack the others'")

    def test_reloads_without_the_data(self) -> None:
        """Read back when its capture is gone, the avatar renders the same picture."""
        with self.training(steps=2) as training:
            quiet(training, training.config)
            with training.shown():
                before = picture(training)
            saved = set(ckpt.latest_checkpoint(training.run.checkpoints)[0].weights())
            require(saved, "the checkpoint holds no weights")
            inside = [n for n in saved if n.startswith("body.")]
            require(not inside, f"body-model data is in the checkpoint: {inside[:2]}")
            if not self.data:
                shutil.rmtree(training.view.capture.root)
            loaded = load_avatar(RunFolder.open(training.run.root), device=self.device)
            training.method.avatar = loaded.avatar
            after = picture(training)
        off = (before - after).abs().max().item()
        require(off == 0, f"a reloaded avatar paints another picture: up to {off:.1e} of the range")


def _require_same(
    one: dict[str, Tensor], other: dict[str, Tensor], when: str, hint: str = ""
) -> None:
    """Two states, as :func:`state_of` gives them, are equal to the bit."""
    missing = sorted(set(one) ^ set(other))
    require(not missing, f"only one of the two has {missing[:3]}, {when}")
    differ = [name for name, value in one.items() if not torch.equal(value, other[name])]
    said = f"{len(differ)} of {len(one)} tensors differ {when}, first {differ[:1]}"
    require(not differ, f"{said}; {hint}" if hint else said)


@functools.cache
def _filmed(size: int) -> Path:
    """The small capture, made once a process and removed at its end."""
    folder = tempfile.mkdtemp(prefix="avatar-kit-check-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return small_capture(Path(folder) / "capture", size=size).root


def sizes(avatar: Avatar) -> dict[str, torch.Size]:
    """Shapes of what training sizes, by name; without the aligner, which fitting sizes."""
    state = avatar.state_dict()
    names = (name for name in sized_tensors(avatar) if not name.startswith("aligner."))
    return {name: state[name].shape for name in names}


def _charts_of(avatar: Avatar) -> Tensor:
    """Every value of a person's charts, in one row."""
    return torch.cat([chart.detach().flatten() for chart in avatar.charts().values()])


def step_through(training: Training, count: int, first: int = 0) -> list[dict[str, Tensor]]:
    """Do updates as the engine does them, without its loop; returns the losses."""
    training.avatar.train()
    losses = []
    for step in range(first, first + count):
        seed_step(training.config.seed, step)
        losses.append(training.update(training.read(step), step))
        if training.average is not None:
            training.average.update(step + 1)
    return losses


def quiet(training: Training, config: MethodConfig) -> None:
    """Run the engine's loop to its end, without a word, and save."""
    training.config = config
    train(training, Progress())


def state_of(training: Training) -> dict[str, Tensor]:
    """Everything that a method learns, by name."""
    state = {f"avatar.{n}": v for n, v in training.avatar.learned_state().items()}
    for name, module in training.method.modules().items():
        state |= {f"{name}.{n}": v for n, v in module.state_dict().items()}
    for name, optimizer in training.optimizers().items():
        tensors, _ = ckpt.flatten_optimizer(name, optimizer.state_dict())
        state |= tensors
    return {n: v.detach().clone() for n, v in state.items()}


@torch.no_grad()
def picture(training: Training) -> Tensor:
    """The first training frame, rendered as at test time."""
    avatar, source = training.avatar.eval(), training.frames
    sample = source.samples[0]
    context = source.posed.context([sample.frame], [sample.frame], source.camera([sample]), [-1])
    with autocast(source.device, training.config.precision):
        return avatar(context).rgb.float()
