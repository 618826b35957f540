"""Memory that was freed, given back to the system."""

import ctypes
import sys


def give_back() -> None:
    """Give back what the allocator keeps of freed memory; does nothing where it cannot.

    The C library keeps freed blocks that lie below ones in use. After work in pictures of another
    size, hardly any of them serves again.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc alone
    if trim is not None:
        trim(0)
