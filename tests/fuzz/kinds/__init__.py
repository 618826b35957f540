"""Kinds of cases: each writes something wrong into an empty folder and says how to read it.

A kind is a function of the random numbers of the case, the world of what is right, and the folder
of the case. It gives the words of a command line, or a function to call.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz.damage import Case
from tests.fuzz.kinds import commands, files, folders, motions, received
from tests.fuzz.world import World

#: Name -> kind, in the order of the table.
KINDS: dict[str, Callable[[Random, World, Path], Case]] = {
    kind.__name__: kind
    for kind in (
        *(commands.config, commands.overrides, commands.setup, commands.command, commands.plan),
        *(commands.fleet, folders.capture, folders.run, folders.people, folders.recording),
        *(folders.comparison, folders.rendering, folders.masks, folders.cache),
        *(files.camera, files.path, files.performer, files.picture, files.video, files.cloud),
        *(files.prior, files.model, files.certificate, motions.motion, motions.gltf),
        *(motions.frames, motions.corpus, motions.joint_map, motions.drive, received.packet),
    )
}
