"""``train --devices N``: the same command in N processes, which train one avatar together."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import IO

from avatar_kit.engine.stopping import handled
from avatar_kit.errors import UserError

#: Seconds in which the others end by themselves when one has failed, and after they were asked to.
_PATIENCE = 10.0

#: What is sent on to the processes.
_SENT_ON = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1")


def check_devices(count: int) -> None:
    """Refuse more processes than there are GPUs, where there are any.

    Raises:
        UserError: There are fewer.
    """
    import torch

    found = torch.cuda.device_count()
    if 0 < found < count:
        raise UserError(f"--devices {count}: this machine has {found} CUDA devices")


def train_on(count: int, words: Sequence[str]) -> int:
    """Run ``avatar-kit`` in processes that know of one another; the first one speaks.

    Args:
        count: How many.
        words: The command line, without ``--devices``.

    Returns:
        Exit code: of the first process, or of the one that failed.
    """
    port = _free_port()
    with tempfile.TemporaryFile() as said:
        company = [_started(rank, count, port, words, said) for rank in range(count)]
        with _sending_on(company) as sent:
            while any(p.poll() is None for p in company):
                if not sent and _failed(company) is not None:
                    _end(company)
                time.sleep(0.1)
        failed = _failed(company)
        if failed is None or sent:
            return _exit_code(company[0])
        if failed > 0:
            said.seek(0)
            _report(company[failed], failed, count, said.read().decode(errors="replace"))
        return _exit_code(company[failed])


def without_devices(words: Sequence[str]) -> list[str]:
    """A command line without its option ``--devices``."""
    kept, skip = [], False
    for word in words:
        if not skip and word != "--devices" and not word.startswith("--devices="):
            kept.append(word)
        skip = not skip and word == "--devices"
    return kept


def _started(
    rank: int, count: int, port: int, words: Sequence[str], said: IO[bytes]
) -> subprocess.Popen[bytes]:
    cores = os.cpu_count() or 1
    environment = {
        "OMP_NUM_THREADS": str(max(1, cores // count)),
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "avatar_kit", *words],
        env=environment,
        stdout=None if rank == 0 else subprocess.DEVNULL,
        stderr=None if rank == 0 else said,
        start_new_session=True,  # Ctrl-C reaches them once, by the process that started them
    )


def _free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def _failed(company: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """The process that failed; of several the last one, for the first misses the others."""
    failed = [i for i, p in enumerate(company) if p.poll() not in (None, 0)]
    return failed[-1] if failed else None


def _exit_code(process: subprocess.Popen[bytes]) -> int:
    code = process.returncode
    return code if code >= 0 else 128 - code


def _report(process: subprocess.Popen[bytes], rank: int, count: int, said: str) -> None:
    lines = said.strip().splitlines()
    why = f": {lines[-1].removeprefix('error: ')}" if lines else ""
    code = process.returncode
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    print(f"error: process {rank + 1} of {count} {how}{why}", file=sys.stderr)


def _end(company: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for the processes to end, ask them to, and end them."""
    for ask in (None, subprocess.Popen.terminate, subprocess.Popen.kill):
        until = time.monotonic() + _PATIENCE
        for process in company:
            if ask is not None and process.poll() is None:
                ask(process)
        while any(p.poll() is None for p in company) and time.monotonic() < until:
            time.sleep(0.1)


@contextlib.contextmanager
def _sending_on(company: Sequence[subprocess.Popen[bytes]]) -> Iterator[list[int]]:
    """Within it signals that ask for the end go to all of them; yields those that came."""
    sent: list[int] = []

    def send(number: int, _frame: object) -> None:
        sent.append(number)
        for process in company:
            if process.poll() is None:
                process.send_signal(number)

    with handled(send, *_SENT_ON):
        yield sent
