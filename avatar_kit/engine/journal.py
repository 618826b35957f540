"""What a training says while it runs: to its log, to TensorBoard and to a person."""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from avatar_kit.engine.device import peak_memory_gib
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.setting_up import Training
from avatar_kit.engine.stopping import StopSignal

#: The rate is that of the updates of so many seconds, and of so many updates at least.
_RECENT, _LEAST_UPDATES = 30.0, 5


class Clock:
    """Time of the loop, and of its updates: a context manager around each.

    Args:
        before: Seconds of earlier sittings.
    """

    def __init__(self, before: float):
        self._before, self._started = before, time.perf_counter()
        self._updates, self._inside, self._tick = 0, 0.0, 0.0
        self._ends: deque[float] = deque()

    def __enter__(self) -> None:
        self._tick = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        now = time.perf_counter()
        self._inside += now - self._tick
        self._updates += 1
        self._ends.append(now)
        while len(self._ends) > _LEAST_UPDATES and now - self._ends[0] > _RECENT:
            self._ends.popleft()

    @property
    def seconds(self) -> float:
        """All of it, earlier sittings included."""
        return self._before + time.perf_counter() - self._started

    @property
    def rate(self) -> float:
        """Updates per second of late, so that the time left is right after a change of pace."""
        if len(self._ends) < 2:  # the first one also compiles kernels
            return self._updates / (time.perf_counter() - self._started)
        return (len(self._ends) - 1) / max(self._ends[-1] - self._ends[0], 1e-9)

    def overhead(self) -> dict[str, float]:
        """The share of the time in which no update ran, for the log; nothing without any."""
        elapsed = time.perf_counter() - self._started
        return {"loop_overhead": 1 - self._inside / elapsed} if self._updates else {}


class SilentJournal:
    """Says nothing and writes nothing: of a process beside the first one."""

    def __enter__(self) -> SilentJournal:
        return self

    def __exit__(self, *failure: Any) -> None:
        pass

    def start(self, stop: int) -> None:
        """The loop begins and ends after step ``stop``."""

    def losses(self, values: dict[str, float], rate: float) -> None:
        """Those of the step that was done last."""

    def note(self, line: str) -> None:
        """What a person should know."""

    def saved(self, psnr: float) -> None:
        """A checkpoint was written, with its probe in dB."""

    def end(self, clock: Clock) -> None:
        """The loop is over."""


class Journal(SilentJournal):
    """The journal of a training, which holds its run folder as long as it is open.

    Args:
        training: The training.
        progress: Told of it.
        asked: Asked to stop where nobody reads the output any more.
    """

    def __init__(self, training: Training, progress: Progress, asked: StopSignal):
        self._training, self._progress, self._asked = training, progress, asked
        self._open = ExitStack()

    def __enter__(self) -> Journal:
        self._open.enter_context(self._training.claim)
        self._board = self._open.enter_context(_tensorboard(self._training.run.root))
        self._open.enter_context(self._progress)
        return self

    def __exit__(self, *failure: Any) -> None:
        self._open.__exit__(*failure)

    def start(self, stop: int) -> None:
        """Tell where the loop begins and ends."""
        self._progress.start(self._training.step, stop)

    def losses(self, values: dict[str, float], rate: float) -> None:
        """Log and show them; ``rate`` in steps a second."""
        step = self._training.step
        self._training.run.append_log({"step": step, **values, "steps_per_second": rate})
        for name, value in values.items():
            self._board.add_scalar(f"loss/{name}", value, step)
        memory = peak_memory_gib(self._training.frames.device)
        with self._asked.on_closed_output():
            self._progress.report(step, values, rate, memory)

    def note(self, line: str) -> None:
        """Show a line that stays."""
        with self._asked.on_closed_output():
            self._progress.note(line)

    def saved(self, psnr: float) -> None:
        """Log and show the probe of a checkpoint."""
        step = self._training.step
        self._board.add_scalar("probe/psnr", psnr, step)
        self._training.run.append_log({"step": step, "probe_psnr": psnr})
        self.note(f"step {step}: saved, probe {psnr:.2f} dB")

    def end(self, clock: Clock) -> None:
        """Log how long it took."""
        facts = {"seconds": self._training.seconds, **clock.overhead()}
        self._training.run.append_log({"step": self._training.step, **facts})


def _tensorboard(root: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(root / "tensorboard"))
