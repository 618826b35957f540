import os
import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
from avatar_kit.cli.process import prepare_process
if sys.argv[1] == "prepared":
    prepare_process()
import numpy as np
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def pictures():
    for _ in range(20):
        np.empty(3_000_000, np.uint8).fill(1)
pictures()
before = faults()
pictures()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this C library is not glibc")
def test_freed_memory_is_kept_for_the_next_picture():
    """Blocks of 3 MB: below the size from which numpy asks for huge pages."""

    def faults(how):
        # the first block would otherwise teach glibc to keep blocks of its size
        env = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"}
        out = subprocess.run(
            [sys.executable, "-c", COUNT_FAULTS, how], capture_output=True, text=True, env=env
        )
        assert out.returncode == 0, out.stderr
        return int(out.stdout)

    assert faults("prepared") < 100 < faults("as it is")


def test_a_choice_of_the_user_stands(monkeypatch):
    from avatar_kit.cli.process import prepare_process

    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    prepare_process()
    assert os.environ["GOMP_SPINCOUNT"] == "5"
