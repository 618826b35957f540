"""Train an avatar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from avatar_kit.config import MethodConfig, resolve_method
from avatar_kit.config.layers import nested
from avatar_kit.engine.choosing import Data, all_values, default_preset, with_data
from avatar_kit.engine.people import finished
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.results import measure_person
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import Training
from avatar_kit.engine.starting import resumption, start, start_again
from avatar_kit.engine.trainer import train as run_loop
from avatar_kit.errors import UserError

#: Called with the steps done, the step the loop ends at, and the losses of the last step.
Report = Callable[[int, int, dict[str, float]], None]


def train(
    method: str | None = None,
    *,
    data: Data | Sequence[Data] | None = None,
    preset: str | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    values: Mapping[str, Any] | None = None,
    progress: Report | None = None,
    **more: Any,
) -> Path:
    """Train an avatar, evaluate it, and write pictures of it, as ``avatar-kit train`` does.

    It prints nothing. The global generators of random, numpy and torch are seeded at every step.

    Args:
        method: Registered name of the method, such as "ram".
        data: A capture folder, a dataset ("studio subject=ben"), or values of the config's
            ``data``; several of them train several people in one model. None: the default dataset.
        preset: Named starting values. None: "light" with a GPU and "demo" without one, where the
            method has them.
        out: Run folder to make. None: ``runs/METHOD-CAPTURE-TIME``.
        resume: Run folder to go on with; it brings method, data and preset. "auto": start in
            ``out``, or go on with the run that lies there.
        values: Config values, nested or by dotted key: ``{"encoders.body.size": 64}``.
        progress: Called every ``report_every`` steps with the steps done, the step the loop ends
            at, and the losses of the last step.
        **more: Config values of the top level: ``steps=2000``, ``renderer={"widths": [32, 64]}``,
            ``device="cpu"``. They win over ``values``.

    Returns:
        The run folder, for :func:`avatar_kit.load`. Of several people each has one of its own:
        ``RUN/people/NAME``.

    Raises:
        UserError: A name or a value does not fit, the folder is in use, a capture cannot be opened,
            or a loss is not finite.
        KeyboardInterrupt: Ctrl-C, SIGTERM, SIGHUP or SIGUSR1 came. The state is saved: go on with
            ``resume``.
    """
    given = nested({**(values or {}), **more})
    training: Training | None
    if resume is None:
        training = start(_config(method, data, preset, given), None if out is None else Path(out))
    elif resume == "auto":
        if out is None:
            raise UserError('resume="auto" needs the run folder: out=RUN')
        training = _started_or_resumed(method, data, preset, Path(out), given)
        if training is None:
            return Path(out)
    else:
        named = {"method": method, "data": data, "preset": preset, "out": out}
        if extra := [name for name, value in named.items() if value is not None]:
            raise UserError(f"resume takes everything from the run; drop {', '.join(extra)}")
        training = resumption(Path(resume), given, "argument").start()
    if run_loop(training, _Reporting(progress)):
        for person in finished(training):
            measure_person(training, person)
        return training.run.root
    stop = training.config.stop_at
    if stop is None or training.step < stop:
        raise KeyboardInterrupt(f"saved at step {training.step}; continue with resume")
    return training.run.root


def _config(
    method: str | None,
    data: Data | Sequence[Data] | None,
    preset: str | None,
    values: dict[str, Any],
) -> MethodConfig:
    if method is None:
        raise UserError('which method? for example  train("ram")')
    return resolve_method(
        method,
        preset=preset,
        overrides=with_data(_several(data), values),
        default_preset=default_preset(method)[0],
        origin="argument",
    ).config


def _started_or_resumed(
    method: str | None,
    data: Data | Sequence[Data] | None,
    preset: str | None,
    out: Path,
    values: dict[str, Any],
) -> Training | None:
    """None where nothing is left to do."""
    run = RunFolder(out)
    laid = all_values(method, preset, _several(data), values)
    if run.ended_early():
        if method is None and run.has_config():
            return start_again(run.read_config(laid, "argument"), out)
        return start_again(_config(method, data, preset, values), out)
    if not run.has_config():
        return start(_config(method, data, preset, values), out)
    found = resumption(out, laid, "argument")
    if not found.is_done:
        return found.start()
    found.claim.release()
    return None


def _several(data: Data | Sequence[Data] | None) -> Any:
    """The captures as a list, if any were given."""
    one = data is None or isinstance(data, str | Path | Mapping)
    return [data] if one and data is not None else data


class _Reporting(Progress):
    def __init__(self, report: Report | None):
        self._report, self._total = report, 0

    def start(self, done: int, total: int) -> None:
        self._total = total

    def report(self, step: int, losses: dict[str, float], rate: float, memory_gib: float) -> None:
        if self._report is not None:
            self._report(step, self._total, losses)
