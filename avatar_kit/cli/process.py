"""What the process is told before anything heavy is imported."""

from __future__ import annotations

import ctypes
import os

#: glibc's numbers of these two settings (mallopt(3)).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def prepare_process() -> None:
    """Threads that sleep soon, freed memory that is kept, children that import from no folder."""
    # GNU OpenMP's threads spin for milliseconds when they wait, which makes torch several times
    # slower on a machine with other work: a frame of an avatar of Gaussians took 200 ms beside
    # others on two cores, and 53 to 90 with this many turns. It must be said before torch is
    # imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # Python puts the folder it is started in first on the path of "-m" and "-c". We start others
    # so, and the folder may hold a yaml.py of somebody else.
    os.environ["PYTHONSAFEPATH"] = "1"
    # glibc gives large blocks back to the system at once; to get them again page by page costs
    # more than drawing a picture into them (visibility at 1024: 14 ms, kept: 7 ms).
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(_MMAP_THRESHOLD, 2**30)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
