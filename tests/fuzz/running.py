"""Running one case, and telling how it ended."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import os
import re
import shutil
import signal
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from random import Random

import typer

from tests.fuzz.damage import Case
from tests.fuzz.kinds import KINDS
from tests.fuzz.world import World

#: Seconds of computing that a case may take, and of waiting: other work may share the machine.
LIMIT, WAITING = 10.0, 60.0
#: Seconds between two looks at how long a case waits.
_TICK = 0.5

#: Names of what is being written and was never finished.
_UNFINISHED = re.compile(r"\.partial|\.part$|\.avatar-kit-|\.tmp$")


class TooSlow(BaseException):
    """The case was still at work after :data:`LIMIT`, or waited for :data:`WAITING`."""


@dataclass(frozen=True)
class Ending:
    """How a case ended.

    Attributes:
        how: accepted, refused, traceback, hang or left-over.
        text: The message, the traceback, or what is left.
        seconds: How long it computed.
    """

    how: str
    text: str
    seconds: float

    @property
    def bad(self) -> bool:
        """Whether it must not end so."""
        return self.how not in ("accepted", "refused")

    @property
    def cause(self) -> str:
        """What all cases of one cause share: type of the error, and the line it is from."""
        lines = self.text.strip().splitlines() or [""]
        frames = [line.strip() for line in lines if line.startswith("  File ")]
        ours = [f for f in frames if "avatar_kit" in f and "/tests/" not in f]
        return f"{(ours or frames or [''])[-1]} {lines[-1][:120]}" if frames else lines[-1][:160]


def ended(kind: str, seed: str, world: World, folder: Path) -> Ending:
    """Run the case of a kind and a seed in an empty folder, which is removed afterwards."""
    folder.mkdir(parents=True)
    here = os.getcwd()
    try:
        os.chdir(folder)
        case = KINDS[kind](Random(seed), world, folder)
        before = _listed(folder)
        started = time.process_time()
        how, text = _run(case)
        seconds = time.process_time() - started
        if how in ("accepted", "refused"):
            new = _listed(folder) - before
            left = {n for n in new if how == "refused" or _UNFINISHED.search(n)}
            if left:
                how, text = "left-over", f"{', '.join(sorted(left)[:3])} after: {text.strip()}"
            elif seconds > LIMIT:
                how, text = "hang", f"{seconds:.1f} s"
        return Ending(how, text, seconds)
    finally:
        os.chdir(here)
        shutil.rmtree(folder, ignore_errors=True)


def _listed(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _run(case: Case) -> tuple[str, str]:
    from avatar_kit.cli.main import main
    from avatar_kit.errors import UserError

    said = io.StringIO()

    ticks = itertools.count(1)

    def stop(number: int, frame: object) -> None:
        # ticks are counted, not time: a process that was stopped meanwhile did not wait
        if number == signal.SIGPROF or next(ticks) * _TICK >= WAITING:
            raise TooSlow

    before = {n: signal.signal(n, stop) for n in (signal.SIGALRM, signal.SIGPROF)}
    asked = signal.getsignal(signal.SIGTERM)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), no_training():
            if callable(case):
                case()
            else:
                main(case)
        return "accepted", ""
    except SystemExit as end:
        code = end.code or 0
        refused = code == 2 and "Traceback" not in said.getvalue()
        return "accepted" if code in (
            0,
            1,
        ) else "refused" if refused else "traceback", said.getvalue()
    except UserError as error:
        return "refused", str(error)
    except TooSlow:
        return "hang", traceback.format_exc()
    except BaseException:
        return "traceback", traceback.format_exc()
    finally:
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        assert signal.getsignal(signal.SIGTERM) == asked, f"SIGTERM is handled by another: {case}"


@contextlib.contextmanager
def no_training():
    """Commands that train end where the first step would be; those that serve, where they would."""
    from avatar_kit import viewer
    from avatar_kit.cli import compare, train
    from avatar_kit.live import session

    async def serve(*given: object) -> None:
        raise SystemExit(0)

    def ends(*given: object, **named: object) -> None:
        raise SystemExit(0)

    changed = (
        *((compare, "run_comparison", ends), (train, "_run", ends), (viewer, "Viewer", ends)),
        *((session, "serve", serve), (session, "check", serve)),
        (typer.main, "get_command", _built),
    )
    kept = [getattr(owner, name) for owner, name, _ in changed]
    for owner, name, other in changed:
        setattr(owner, name, other)
    try:
        yield
    finally:
        for (owner, name, _), before in zip(changed, kept, strict=True):
            setattr(owner, name, before)


#: The commands from their annotations, which takes longer than most cases: once, not each time.
_built = functools.cache(typer.main.get_command)
