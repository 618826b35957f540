"""What a motion file holds, for ``avatar-kit motion info``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from avatar_kit.io.motion import MotionOptions, list_clips, read_file
from avatar_kit.io.motion.contacts import find_contacts

#: Clips that are named one by one.
_NAMED = 20


def motion_facts(path: Path, clip: str | None, options: MotionOptions) -> dict[str, Any]:
    """Facts of a motion file by name: texts, numbers, and lists of texts.

    Args:
        path: The file.
        clip: Name or number of the clip; None: the first of several.
        options: How to read it.

    Raises:
        UserError: It cannot be read, or is no person's motion.
    """
    whole = path
    if not path.exists() and "#" in path.name:
        whole = path.with_name(path.name.rpartition("#")[0])
    clips = list_clips(whole)
    if clip is None and whole == path and len(clips) > 1:
        clip = clips[0]
    found = read_file(path, clip=clip, options=options)
    motion, contacts = found.motion, find_contacts(found.motion)
    way = motion.transl[:, [0, 2]].diff(dim=0).norm(dim=1)
    facts: dict[str, Any] = {
        "file": str(whole),
        "layout": found.layout,
        "frames": len(motion),
        "fps": motion.fps,
        "rate": found.rate,
        "seconds": round(motion.duration, 3),
        "up": found.up,
        "unit": found.unit,
        "placed": found.placed,
        "hands": found.hands or "none",
        "face": found.face or "none",
        "left out": list(found.dropped),
        "pelvis height (median, m)": round(float(motion.transl[:, 1].median()), 3),
        "way over the floor (m)": round(float(way.sum()), 3),
        "fastest (m/s)": round(float(way.max()) * motion.fps, 3) if len(way) else 0.0,
        "feet that stand slide by (m/s)": round(contacts.skating, 3),
        "notes": list(found.notes),
    }
    if len(clips) > 1:
        facts["clip"] = found.clip
        more = [f"and {len(clips) - _NAMED} more"] if len(clips) > _NAMED else []
        facts["clips"] = [*clips[:_NAMED], *more]
    return {k: v for k, v in facts.items() if not (isinstance(v, float) and math.isnan(v))}
