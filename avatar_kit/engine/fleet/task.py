"""A command as a job of submitit: tried several times, saved before its time is up.

Imported where the job runs; keep it light.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Exit code of a command that saved and asks to be started again.
AGAIN = 75

#: Exit codes of a command that a person stopped, by SIGHUP, SIGINT or SIGTERM: of one that saved,
#: and of one that had nothing to save yet.
STOPPED = (129, 130, 143, -1, -2, -15)

#: prctl(2): the signal that a process gets when its parent dies.
_PARENT_DEATH_SIGNAL = 1


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        code: Exit code of the command; negative: the signal that ended it.
        attempts: How often it was started.
        why: The last line it said, where it failed.
    """

    code: int
    attempts: int
    why: str = ""


class Task:
    """Runs a command of avatar-kit until it is done, or has failed too often.

    Args:
        words: The command.
        log: What it says goes there.
        attempts: Times it may fail.
        strict: Whether to raise where it failed: for schedulers, who go by that.
    """

    def __init__(self, words: Sequence[str], log: Path, attempts: int, *, strict: bool = False):
        self.words, self.log = tuple(words), Path(log)
        self.attempts, self.strict = attempts, strict
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def number(self) -> Path:
        """Holds the number of the process while it runs."""
        return self.log.with_suffix(".pid")

    def __call__(self) -> Outcome:
        """Run it.

        Raises:
            RuntimeError: It failed, where ``strict``.
        """
        failed = 0
        while True:
            code = self._run()
            failed += code not in (0, AGAIN)
            if code == 0 or code in STOPPED or failed >= self.attempts:
                break
        outcome = Outcome(code, failed + (code == 0), "" if code == 0 else self._last_line())
        if self.strict and code != 0:
            raise RuntimeError(f"exit code {code} after {failed} attempts: {outcome.why}")
        return outcome

    def checkpoint(self) -> Any:
        """Asked by submitit before the time is up: save, and be queued again."""
        from submitit.helpers import DelayedSubmission

        if self._process is not None:
            # a handler: what it interrupts may hold the lock that Popen's own methods wait for
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._process.pid, signal.SIGUSR1)
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        return DelayedSubmission(Task(self.words, self.log, self.attempts, strict=self.strict))

    def _run(self) -> int:
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "avatar_kit", *self.words],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "COLUMNS": "200"},
                start_new_session=True,  # it hears of the end from us alone
                preexec_fn=_die_with_parent,
            )
            self.number.write_text(str(self._process.pid))
            try:
                return self._process.wait()
            finally:
                self.number.unlink(missing_ok=True)

    def _last_line(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "no message")


def _die_with_parent() -> None:
    """On Linux: a job that is killed takes its command with it, which saves at SIGTERM."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)
