"""The line of a training on terminals of several widths."""

import io

import pytest
from rich.console import Console

from avatar_kit.cli.progress import TerminalProgress

LOSSES = {"loss": 0.0507, "pixel": 0.0278, "ssim": 0.0967, "alpha": 0.0203, "background": 0.0041}


@pytest.mark.parametrize("width", [72, 80, 96, 200])
def test_a_narrow_terminal_cuts_off_the_losses_and_nothing_else(width):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    progress = TerminalProgress(console)
    with progress:
        progress.start(0, 2000)
        progress.report(340, LOSSES, 10.18, 1.0)
        progress._bar.refresh()
    lines = console.file.getvalue().replace("\r", "\n").splitlines()
    line = next(line for line in reversed(lines) if "train" in line)
    for told in ("340/2000", "10.18 steps/s", "left", "1.0 GiB"):
        assert told in line
    assert ("background 0.0041" in line) == (width == 200)
