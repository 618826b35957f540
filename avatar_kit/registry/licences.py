"""What an installed distribution says of its licence, and what a licence allows."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata
from typing import Literal

#: Whether something may be used commercially; "ask": the words do not say, or set conditions.
Commercial = Literal["yes", "no", "ask"]

#: A longer text is the licence itself, not its name.
_LONGEST = 120
_FREE = (
    r"apache|\bmit\b|bsd|\bisc\b|cc0|zlib|unlicense|public domain|psf|hpnd|"
    r"python software foundation|"
    r"boost|0bsd|ofl|bsl-1\.0|cc-by-[1-4](?!.*-(nc|nd|sa))"
)
_FORBIDS = re.compile(r"non-?\s?commercial|-nc\b|research (use )?only|evaluation only", re.I)
_CONDITIONS = re.compile(r"gpl|mpl|mozilla|-sa\b|cddl|epl|eupl|proprietary", re.I)


def distribution_licence(name: str) -> str:
    """The licence that a distribution names; "not stated", or empty where it is not installed."""
    try:
        about = metadata(name)
    except (PackageNotFoundError, ValueError):
        return ""
    for key in ("License-Expression", "License"):
        stated = " ".join((about[key] or "").split()) if key in about else ""
        if (stated and len(stated) <= _LONGEST) or (key == "License-Expression" and stated):
            return stated
    classified = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    return " and ".join(classified) or "not stated"


def allows(licence: str) -> Commercial:
    """Whether a licence allows commercial use, by its words alone.

    Args:
        licence: An SPDX expression or a short sentence. Where it names several, each counts.
    """
    if _FORBIDS.search(licence):
        return "no"
    if _CONDITIONS.search(licence):
        return "ask"
    return "yes" if re.search(_FREE, licence, re.I) else "ask"
