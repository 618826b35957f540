"""The layouts of motion files that can be read, each told by its content."""

from __future__ import annotations

from avatar_kit.errors import UserError
from avatar_kit.io.motion.formats import (
    amass,
    arkit,
    bvh,
    deepmimic,
    fbx,
    frames,
    gltf,
    joints,
    ours,
    parts,
    phalp,
    pymaf,
    romp,
    rows,
    sam3d,
    smpl_parameters,
    vmc,
    wham,
)
from avatar_kit.io.motion.reading import Format
from avatar_kit.io.motion.source import Source

#: In the order in which they are tried.
FORMATS: tuple[Format, ...] = (
    ours.FORMAT,
    bvh.FORMAT,
    gltf.FORMAT,
    fbx.FORMAT,
    arkit.FORMAT,
    vmc.FORMAT,
    amass.FORMAT,
    amass.AIST,
    smpl_parameters.FORMAT,
    smpl_parameters.GVHMR,
    rows.TALKSHOW,
    rows.MOTION_X,
    joints.FORMAT,
    joints.HUMANML,
    joints.SAMPLES,
    phalp.FORMAT,
    pymaf.FORMAT,
    wham.FORMAT,
    sam3d.FORMAT,
    romp.TRAM,
    romp.FORMAT,
    deepmimic.FORMAT,
    frames.EXAVATAR,
    frames.EASYMOCAP,
    frames.FOLDER,
    parts.MANO,
    parts.FLAME,
    rows.UNKNOWN,
)


def known_formats() -> str:
    """All layouts, for messages."""
    return ", ".join(layout.name for layout in FORMATS if layout.name)


def find_format(source: Source) -> Format:
    """The layout of a file.

    Raises:
        UserError: It is none that is known; says what the file holds.
    """
    for layout in FORMATS:
        if layout.matches(source):
            return layout
    if source.kind == "unknown":
        raise UserError(
            f"{source.path}: unknown kind of motion file '{source.path.suffix.lower()}'; known: "
            f"{known_formats()}"
        )
    keys = ", ".join(sorted(map(str, source.keys))[:20]) or "none"
    what = f"keys: {keys}"
    if source.kind == "folder":
        what = f"a folder with {len(source.frames)} numbered .json or .npz files"
    raise UserError(
        f"{source.path}: unknown layout of a motion file ({what}); known: {known_formats()}"
    )
