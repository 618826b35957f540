"""The one error a user is meant to read.

Everything a person can cause by a file, an option or a missing extra is a :class:`UserError`. The
command line prints it as a single line and exits with code 2; anything else is a bug of ours and
keeps its traceback.
"""

import difflib
import errno
import re
import reprlib

#: Number of an OSError -> what a person can do about it.
_MENDS = {
    errno.EACCES: "you have no permission; run  chmod u+rw  on it, or take another place",
    errno.EPERM: "you have no permission; take another place",
    errno.EROFS: "the disk is read-only; take another place",
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "a part of the path is a file; expected a folder there",
    errno.EEXIST: "a file of that name is there already; take another place",
    errno.ENAMETOOLONG: "the name is too long; take a shorter one",
    errno.ELOOP: "its links lead in a circle; name the file itself",
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "your share of the disk is full; free some space",
    errno.EMFILE: "too many files are open; raise the limit with  ulimit -n",
}


class UserError(Exception):
    """Bad input that a person can mend: one line that names the file, the key and the fix."""


class Unavailable(UserError):
    """A component whose package or model files are not on this machine; says how to get them."""


class MissingExtra(Unavailable):
    """A feature whose optional dependency is not installed.

    Args:
        feature: What was asked for, as the user would call it.
        extra: Name of the extra that brings it.
        package: The import that failed.
    """

    def __init__(self, feature: str, extra: str, package: str):
        super().__init__(
            f"{feature} needs the package '{package}', which is not installed: "
            f"{how_to_install(extra)}"
        )


def how_to_install(extra: str) -> str:
    """What to run for an extra."""
    return f'run  pip install "avatar-kit[{extra}]"'


class MissingModels(Unavailable):
    """A component whose model files are not here.

    Args:
        feature: What was asked for, as the user would call it.
        names: The files.
    """

    def __init__(self, feature: str, names: list[str]):
        files = ", ".join(names)
        super().__init__(f"{feature} needs the model files {files}: {how_to_get(names)}")


def how_to_get(names: list[str]) -> str:
    """What to run for model files."""
    return f"run  avatar-kit models get {' '.join(names)}"


class MetricUnavailable(UserError):
    """A metric that this machine cannot compute: weights or a package it rests on are missing.

    Raised when the metric is built; the message says what is missing and how to get it. Whoever
    asked for several metrics reports this one as "n/a" with the message and goes on. Weights that
    are there but not the genuine ones are a plain :class:`UserError`.
    """


def why(error: OSError | ValueError) -> str:
    """Why the system refused a path, and what to do: the end of a message that names the path."""
    if isinstance(error, OSError):
        known = _MENDS.get(error.errno or 0)
        return known or f"the system says: {error.strerror or error}"
    return "the name holds a character that no file can have; take another name"


def out_of_memory(error: Exception) -> str:
    """``the GPU ran out of memory (20.00 GiB asked for)`` of an error that says so; else empty.

    Knows the errors of Python, NumPy, torch and Warp.
    """
    text = str(error)
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if not known and not (isinstance(error, RuntimeError) and _NO_MEMORY.search(text)):
        return ""
    where = "the GPU" if _OF_GPU.search(text) else "this machine"
    size = _ASKED.search(text)
    if size is None:
        return f"{where} ran out of memory"
    asked = size[1] if "B" in size[1] else f"{int(size[1]) / 2**30:.2f} GiB"
    return f"{where} ran out of memory ({asked} asked for)"


_NO_MEMORY = re.compile(
    r"can't allocate memory|out of memory|bad_alloc|ALLOC_FAILED|Failed to alloc"
)
_OF_GPU = re.compile("cuda|cublas|cudnn", re.IGNORECASE)
#: Memory that was asked for, in words or in bytes.
_ASKED = re.compile(r"allocate (\d[\d.]* ?[KMGTPE]iB|\d+(?= bytes))")


def shown(value: object) -> str:
    """A value as a message repeats it: short, whatever it is."""
    text = _SHORT.repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


_LONGEST = 60
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _LONGEST
_SHORT.maxlong = 24


def near(word: str, known: list[str]) -> str:
    """``; did you mean 'x'?`` with the closest known word, or the empty string."""
    match = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean '{match[0]}'?" if match else ""
