"""A tiny training that the CLI tests share."""

import os
import signal
import subprocess
import sys

import pytest

#: A RAM small enough for a test: every part is there, narrow.
TINY = (
    "size=64",
    "batch_size=2",
    "checkpoint.every=4",
    "report_every=2",
    "average=3",
    "evaluation.max_frames=3",
    "encoders.body.size=32",
    "encoders.body.channels=4",
)

#: Likewise an ANR, with split optimisation and a discriminator.
TINY_ANR = (
    "size=64",
    "batch_size=2",
    "crop.size=48",
    "checkpoint.every=4",
    "evaluation.max_frames=2",
    "encoders.texture.size=32",
    "renderer.widths=[6,8]",
    "split.share=0.2",
    "features.crop=32",
    "loss.adversarial=0.1",
    "discriminator.width=4",
)


@pytest.fixture(scope="session")
def cli(tmp_path_factory):
    """Run ``avatar-kit WORDS`` in a process of its own."""
    home = tmp_path_factory.mktemp("home")

    def run(*words, check=0, **env):
        done = subprocess.run(
            [sys.executable, "-m", "avatar_kit.cli.main", *map(str, words)],
            capture_output=True,
            text=True,
            cwd=home,
            env={**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", **env},
        )
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


def handlers():
    """Who gets the signals that ask for an end."""
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1")
    return {name: signal.getsignal(getattr(signal, name)) for name in names}


@pytest.fixture
def cli_here(monkeypatch, tmp_path, capsys):
    """Run ``avatar-kit WORDS`` in this process, in an empty folder: quick, for short commands.

    Whoever calls a command from Python keeps the handlers of signals that it had.
    """
    from avatar_kit.cli.main import main

    monkeypatch.setenv("COLUMNS", "200")

    def run(*words, check=0):
        monkeypatch.setattr(sys, "argv", ["avatar-kit", *map(str, words)])
        monkeypatch.chdir(tmp_path)
        before = handlers()
        with pytest.raises(SystemExit) as ended:
            main()
        assert handlers() == before
        captured = capsys.readouterr()
        text = captured.out + captured.err
        assert (ended.value.code or 0) == check, text
        return text

    return run


@pytest.fixture(scope="session")
def trained_run(cli, capture_folder, tmp_path_factory):
    """A run of ten steps."""
    out = tmp_path_factory.mktemp("runs") / "ten"
    words = ("train", "--method", "ram", "--data", capture_folder, "--out", out)
    text = cli(*words, "--consent", "lectures, until 2030", "steps=10", *TINY)
    return out, text


@pytest.fixture(scope="session")
def anr_run(cli, capture_folder, tmp_path_factory):
    """A run of ANR of four steps."""
    out = tmp_path_factory.mktemp("runs") / "anr"
    cli(
        *("train", "--method", "anr", "--preset", "demo", "--data", capture_folder, "--out", out),
        *("steps=4", *TINY_ANR),
    )
    return out
