"""Draw docs/images/motion-formats.jpg: one motion of studio, read back from a file of each format.

python -m tools.motion_formats

Run it in the root of the repository: the tests write the formats.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import roma
import torch
from avatar_kit_studio.config import StudioConfig
from avatar_kit_studio.session import Session
from PIL import Image, ImageDraw, ImageFont

from avatar_kit.api.body_film import body_pictures, film_body
from avatar_kit.io import save_motion
from avatar_kit.io.image import write_image
from avatar_kit.io.motion import MotionOptions, read_file
from avatar_kit.io.motion.bvh_export import save_bvh
from avatar_kit.scene import Motion
from tests.io import fbx_mixamo
from tests.io import motion_writers as bodies
from tests.io import part_writers as parts
from tests.io.vmc_writers import recorded

OUT = Path(__file__).parent.parent / "docs" / "images" / "motion-formats.jpg"
POSES, COLUMNS, TILE, BAND, GAP = 5, 3, (92, 122), 22, 14
INK, QUIET, PAPER = (32, 33, 36), (110, 116, 124), (255, 255, 255)

#: Title -> name of the file, who writes it.
FORMATS: dict[str, tuple[str, Callable[[Path, Motion], Any]]] = {
    "ours": ("a.npz", save_motion),
    "AMASS, SMPL-X": ("a.npz", bodies.amass),
    "AMASS, SMPL-H": ("a.npz", lambda p, m: bodies.amass(p, m, 156)),
    "AMASS, SMPL": ("a.npz", lambda p, m: bodies.amass(p, m, 72)),
    "BVH, SMPL-X's names": ("a.bvh", save_bvh),
    "BVH, Mixamo's names": ("a.bvh", bodies.bvh),
    "GLB, Mixamo's skeleton": ("a.glb", bodies.glb),
    "FBX, Mixamo's skeleton": ("a.fbx", fbx_mixamo.mixamo),
    "VMC recording": ("a.pcap", recorded),
    "AIST++": ("a.pkl", bodies.aist),
    "GVHMR": ("a.pt", bodies.gvhmr),
    "WHAM": ("a.pkl", bodies.wham),
    "4DHumans": ("a.pkl", bodies.humans4d),
    "TRAM": ("a.npy", bodies.tram),
    "ROMP": ("a.npz", bodies.romp),
    "PyMAF-X": ("a.pkl", parts.pymaf),
    "SAM 3D Body": ("a.pkl", parts.sam3d),
    "ExAvatar": ("a", bodies.exavatar),
    "SMPLer-X": ("a", bodies.smpler_x),
    "EasyMocap": ("a", bodies.easymocap),
    "Motion-X": ("a.npy", bodies.motion_x),
    "TalkSHOW": ("a.npy", bodies.talkshow),
    "SMPL joints": ("a.npy", bodies.joints_npy),
    "MDM": ("a.npy", bodies.mdm),
    "HumanML3D": ("a.npy", bodies.humanml),
    "DeepMimic": ("a.txt", bodies.deepmimic),
    "MANO, both hands": ("a.pkl", parts.mano),
    "Live Link Face": ("a.csv", lambda p, m: bodies.live_link(p, m, fps=round(m.fps))),
}


def walk() -> Motion:
    """Seconds of the embedded capture in which arms and legs are at work."""
    clips = Session(StudioConfig(), 64).clips
    motion = max((clip.motion for clip in clips), key=lambda m: float(m.transl.std(0).sum()))
    return motion[: min(len(motion), 60)]


def row(title: str, motion: Motion, body: Any) -> Image.Image:
    """Poses of a motion that was written and read back, with what its file was found to be."""
    name, write = FORMATS[title]
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name, motion)
        found = read_file(Path(folder) / name, options=MotionOptions(rate=motion.fps))
    chosen = np.linspace(0, len(found.motion) - 1, POSES).round().astype(int)
    tile = Image.new("RGB", (POSES * TILE[0], TILE[1] + BAND), PAPER)
    shown = facing(found.motion)[chosen.tolist()]
    centred = replace(shown, transl=shown.transl * torch.tensor([0.0, 1.0, 0.0]))
    for i, picture in enumerate(body_pictures(centred, body, TILE)):
        tile.paste(picture, (i * TILE[0], BAND))
    draw = ImageDraw.Draw(tile)
    draw.text((2, 3), title, INK, ImageFont.load_default(14))
    facts = ", ".join([f"{found.up} up", found.hands.partition(",")[0] or "no fingers"])
    draw.text((tile.width - 4, 5), facts, QUIET, ImageFont.load_default(11), anchor="ra")
    return tile


def facing(motion: Motion) -> Motion:
    """The motion, at first facing the camera: files of cameras stand anywhere."""
    turn = roma.rotvec_to_rotmat(motion.global_orient[0])
    ahead = turn[:, 2] * torch.tensor([1.0, 0.0, 1.0])
    back = torch.tensor([0.0, -float(torch.atan2(ahead[0], ahead[2])), 0.0])
    orient = roma.rotvec_composition([back.expand_as(motion.global_orient), motion.global_orient])
    return replace(motion, global_orient=orient)


def main() -> None:
    """Write, read back, draw."""
    motion, body = walk(), film_body("default")
    rows = [row(title, motion, body) for title in FORMATS]
    high = -(-len(rows) // COLUMNS)
    width, height = rows[0].width + GAP, rows[0].height + GAP // 2
    sheet = Image.new("RGB", (COLUMNS * width - GAP, high * height), PAPER)
    for i, tile in enumerate(rows):
        sheet.paste(tile, (i // high * width, i % high * height))
    write_image(OUT, np.asarray(sheet), quality=70)
    print(OUT, f"{OUT.stat().st_size / 1e3:.0f} KB")


if __name__ == "__main__":
    main()
