"""The one error a user is meant to read.

Everything a person can cause by a file, an option or a missing extra is a :class:`UserError`. The
command line prints it as a single line and exits with code 2; anything else is a bug of ours and
keeps its traceback.
"""

import difflib


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


def near(word: str, known: list[str]) -> str:
    """``; did you mean 'x'?`` with the closest known word, or the empty string."""
    match = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean '{match[0]}'?" if match else ""
