"""What is right, made once: a tiny capture, a tiny run, and a file of every kind that is read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import avatar_kit as ak
from avatar_kit.config import resolve_method
from avatar_kit.config.layers import dump_method, nested
from avatar_kit.io import VideoWriter, write_image
from avatar_kit.testing.capture import small_capture
from tests.api.tiny import TINY
from tests.io import motion_writers, part_writers
from tests.io.vmc_writers import recorded

CAMERA = {"fx": 80.0, "fy": 80.0, "cx": 32.0, "cy": 32.0, "width": 64, "height": 64, "k1": 0.01}
PERFORMER = {"body": "x", "shape": {"height": 0.5}, "height": 1.7, "pelvis": 0.95, "floor": 0.0}
PATH = {
    "keys": [
        {"time": 0, "eye": [0, 1, 4], "target": [0, 1, 0]},
        {"time": 1, "eye": [1, 1, 4], "target": [0, 1, 0]},
    ],
    "fov_y": 40,
}
PLAN = {
    "contenders": {"a": "anr", "b": {"type": "dnr", "steps": 3}},
    "captures": {"studio": {"type": "studio", "subject": "ada"}},
    "seeds": [0, 1],
    "values": {"steps": 4, "size": 64},
}
BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 90 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT LeftUpLeg
  {
    OFFSET 9 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -40 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.04
0 90 0 0 0 0 1 2 3
0 90 0 0 0 0 4 5 6
"""


#: What oscdump prints of a sender of VMC.
OSC = "".join(
    f'{t:08x}.00000000 /VMC/Ext/{bone} sfffffff "{name}" 0.0 0.9 0.0 0.0 0.0 0.0 1.0\n'
    for t in range(1, 4)
    for bone, name in (("Root/Pos", "root"), ("Bone/Pos", "Hips"), ("Bone/Pos", "Head"))
)


@dataclass
class World:
    """The folder of what is right.

    Attributes:
        root: Where it is made when it is first asked for.
    """

    root: Path
    _avatar: Any = field(default=None)

    @cached_property
    def capture(self) -> Path:
        """A capture of six pictures of 64x64."""
        return small_capture(self.root / "capture", frames=4, test_frames=2).root

    @cached_property
    def run(self) -> Path:
        """A run of two steps."""
        return ak.train(
            "anr", data=self.capture, out=self.root / "run", steps=2, values=TINY["anr"]
        )

    @cached_property
    def avatar(self) -> Any:
        """The avatar of the run."""
        return ak.load(self.run, device="cpu")

    @cached_property
    def config(self) -> dict[str, Any]:
        """The values of the run's config."""
        values = {**nested(TINY["anr"]), "steps": 2}
        return dump_method(resolve_method("anr", overrides=values).config)

    @cached_property
    def video(self) -> bytes:
        """A video of eight frames."""
        path, noise = self.root / "clip.mp4", np.random.default_rng(0)
        with VideoWriter(path, 25, (64, 64)) as video:
            for _ in range(8):
                video.write(noise.integers(0, 255, (64, 64, 3), dtype=np.uint8))
        return path.read_bytes()

    @cached_property
    def motions(self) -> dict[str, bytes]:
        """Motion files by suffix."""
        own = self.capture / "motion.npz"
        amass, flat = self.root / "amass.npz", self.root / "talk.npy"
        np.savez(
            amass, poses=np.zeros((3, 156)), trans=np.ones((3, 3)), mocap_framerate=np.array(30.0)
        )
        np.save(flat, np.zeros((3, 265), dtype=np.float32))
        walk = motion_writers.walking(4, hands=True)
        written: dict[str, Any] = {
            "walk.glb": motion_writers.glb, "face.csv": motion_writers.live_link,
            "aist.pkl": motion_writers.aist, "joints.npy": motion_writers.joints_npy,
            "pymaf.pkl": part_writers.pymaf, "sam.pkl": part_writers.sam3d,
            "mano.pkl": part_writers.mano, "flame.npz": part_writers.flame,
            "vmc.pcap": recorded,
        }  # fmt: skip
        for name, write in written.items():
            write(self.root / name, walk)
        return {
            "own.npz": own.read_bytes(),
            "amass.npz": amass.read_bytes(),
            "talk.npy": flat.read_bytes(),
            "walk.bvh": BVH.encode(),
            "osc.txt": OSC.encode(),
            **{name: (self.root / name).read_bytes() for name in written},
        }

    @cached_property
    def pictures(self) -> dict[str, bytes]:
        """Picture files by name."""
        picture = np.random.default_rng(1).integers(0, 255, (24, 32, 3), dtype=np.uint8)
        for name in ("a.png", "a.jpg"):
            write_image(self.root / name, picture)
        return {name: (self.root / name).read_bytes() for name in ("a.png", "a.jpg")}

    @cached_property
    def clouds(self) -> dict[str, bytes]:
        """Files of Gaussians, plain and rigged, by name."""
        import torch

        from avatar_kit.io import save_rigged_gaussians, write_gaussian_ply
        from avatar_kit.scene import GaussianCloud
        from avatar_kit.testing.avatar import small_avatar

        cloud = GaussianCloud(
            means=torch.rand(1, 5, 3),
            quaternions=torch.nn.functional.normalize(torch.rand(1, 5, 4) + 0.1, dim=-1),
            scales=torch.full((1, 5, 3), 0.1),
            opacities=torch.full((1, 5), 0.5),
            features=torch.rand(1, 5, 3),
        )
        write_gaussian_ply(self.root / "a.ply", cloud)
        rigged = small_avatar().encoders["points"].rigged_gaussians()
        save_rigged_gaussians(self.root / "a.safetensors", rigged)
        return {n: (self.root / n).read_bytes() for n in ("a.ply", "a.safetensors")}

    def json(self, name: str) -> Any:
        """A JSON file of the run or the capture."""
        folder = self.capture if name == "capture.json" else self.run
        return json.loads((folder / name).read_text())
