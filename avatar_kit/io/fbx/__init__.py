"""Reading FBX 7, binary and ASCII: nodes, and the scene that they describe.

Sizes are checked before memory is taken, and arrays are unpacked when they are needed.
"""

from __future__ import annotations

from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.io.documents import read_bytes
from avatar_kit.io.fbx.binary import MAGIC, binary_version, parse_binary
from avatar_kit.io.fbx.node import FbxDocument, FbxNode
from avatar_kit.io.fbx.scene import FbxObject, FbxScene
from avatar_kit.io.fbx.text import is_text, parse_text, text_version

__all__ = ["FbxNode", "FbxObject", "FbxScene", "is_fbx", "read_fbx"]

#: Bytes of a file.
_LARGEST = 1 << 30

#: How to convert what is not read. Blender reads FBX 6 since 4.5.
_CONVERT = (
    'convert it once with Blender 4.5 or newer:  blender -b --python-expr "import bpy; '
    "bpy.ops.wm.read_homefile(use_empty=True); bpy.ops.wm.fbx_import(filepath='IN.fbx'); "
    "bpy.ops.export_scene.gltf(filepath='OUT.glb', export_animations=True)\"  and read OUT.glb"
)


def is_fbx(head: bytes) -> bool:
    """Whether the first bytes of a file are those of FBX of any version."""
    return head.startswith(MAGIC) or is_text(head.decode("utf-8-sig", "replace"))


def read_fbx(path: Path) -> FbxScene:
    """The scene of a file.

    Raises:
        UserError: The file is missing, damaged or larger than 1 GiB, no FBX, or of a version other
            than 7.
    """
    content = read_bytes(path, what="FBX file", limit=_LARGEST)
    if content.startswith(MAGIC):
        version = _checked(binary_version(content, path), path)
        return FbxScene(FbxDocument(version, parse_binary(content, path), False), path)
    text = content.decode("utf-8-sig", errors="replace")
    if not is_text(text[:4096]):
        raise UserError(f"{path}: no FBX file; its first bytes are those of another format")
    version = _checked(text_version(text, path), path)
    return FbxScene(FbxDocument(version, parse_text(text, path), True), path)


def _checked(version: int, path: Path) -> int:
    if not 7000 <= version < 8000:
        said = f"{version / 1000:g}"
        raise UserError(f"{path}: FBX version {said}, expected 7.0 to 7.9; {_CONVERT}")
    return version
