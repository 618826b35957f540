import sys
from pathlib import Path

import pytest

from avatar_kit.io.freed_memory import give_back


def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_freed_blocks_below_one_in_use_are_given_back():
    blocks = [bytes(100_000) for _ in range(2_000)]  # below the size that is mapped on its own
    last = bytes(100_000)
    full = resident()
    del blocks
    give_back()
    assert resident() < full - 100_000 and len(last) == 100_000
