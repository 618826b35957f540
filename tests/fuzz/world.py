"""What is right, made once: a tiny capture, a tiny run, and a file of every kind that is read."""

from __future__ import annotations

import io
import json
import wave
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import avatar_kit as ak
from avatar_kit.config import resolve_method
from avatar_kit.config.layers import dump_method, nested
from avatar_kit.io import VideoWriter, load_motion, write_image
from avatar_kit.testing.capture import small_capture
from tests.api.tiny import TINY
from tests.fuzz import examples

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
FLEET = {
    "prepare": {"me": {"videos": ["me.mp4"], "options": ["--every", "2"]}},
    "contenders": {"a": "anr", "b": {"type": "dnr", "steps": 3}},
    "captures": {"studio": {"type": "studio", "subject": "ada"}},
    "seeds": [0],
    "values": {"steps": 4, "size": 64},
    "limits": {"minutes": 5, "attempts": 2},
    "slurm": {"slurm_partition": "gpu", "gpus_per_node": 1},
}
JOINT_MAP = {"left_hip": "LeftUpLeg", "left_knee": "LeftLeg", "neck": None, "head": "Head"}
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
    def seen_by_three(self) -> Path:
        """A capture by three cameras, the last of them held out."""
        made = {"frames": 3, "test_frames": 2, "cameras": 3, "held_out_camera": True}
        return small_capture(self.root / "three", **made).root

    @cached_property
    def run(self) -> Path:
        """A run of two steps."""
        return ak.train(
            "anr", data=self.capture, out=self.root / "run", steps=2, values=TINY["anr"]
        )

    @cached_property
    def both(self) -> Path:
        """A run of two steps of two people."""
        second = examples.renamed(self.capture, self.root / "second", "normals-2")
        data = [self.capture, second]
        return ak.train("anr", data=data, out=self.root / "both", steps=2, values=TINY["anr"])

    @cached_property
    def avatar(self) -> Any:
        """The avatar of the run."""
        return ak.load(self.run, device="cpu")

    @cached_property
    def shape(self) -> dict[str, float]:
        """The shape of the person of the capture."""
        return self.json("capture.json")["shape"]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The values of the run's config."""
        values = {**nested(TINY["anr"]), "steps": 2}
        return dump_method(resolve_method("anr", overrides=values).config)

    @cached_property
    def comparison(self) -> Path:
        """A comparison of one training that is measured."""
        return examples.comparison(self.root / "comparison", self.run, self.capture)

    @cached_property
    def rendering(self) -> Path:
        """A folder of pictures, the first of a rendering of two."""
        folder = self.root / "pictures"
        words = ["render", str(self.run), "--orbit", "9", "--frames", "2", "--out", str(folder)]
        examples.commanded(words)
        (folder / "000001.png").unlink()
        return folder

    @cached_property
    def cached(self) -> Path:
        """A cache that holds the decoded frames of the capture."""
        return examples.cached(self.root / "cached", self.capture)

    @cached_property
    def recordings(self) -> dict[str, tuple[str, str]]:
        """Format of the field -> dataset, and path below its folder."""
        return examples.recordings(self.root / "recordings", self.root / "recorded")

    @cached_property
    def walk(self) -> Any:
        """The motion of the capture."""
        return load_motion(self.capture / "motion.npz")

    @cached_property
    def video(self) -> bytes:
        """A video of eight frames."""
        return self._video("clip.mp4")

    @cached_property
    def videos(self) -> dict[str, bytes]:
        """Videos by name, one with sound."""
        return {"v.mp4": self.video, "talk.mp4": self._video("talk.mp4", heard=True)}

    def _video(self, name: str, *, heard: bool = False) -> bytes:
        from avatar_kit.io.sound import Sound

        path, noise, sound = self.root / name, np.random.default_rng(0), None
        if heard:
            with wave.open(str(self.root / "talk.wav"), "wb") as file:
                file.setparams((1, 2, 48000, 0, "NONE", ""))
                file.writeframes(noise.integers(0, 99, 2 * 48000, dtype=np.uint8).tobytes())
            sound = Sound.of(self.root / "talk.wav", ((0.0, 0.3),))
        with VideoWriter(path, 25, (64, 64), sound=sound) as video:
            for _ in range(8):
                video.write(noise.integers(0, 255, (64, 64, 3), dtype=np.uint8))
        return path.read_bytes()

    @cached_property
    def motions(self) -> dict[str, bytes]:
        """Motion files by name, of every layout of one file but glTF."""
        own, flat = self.capture / "motion.npz", io.BytesIO()
        np.save(flat, np.zeros((3, 265), dtype=np.float32))
        plain = {"own.npz": own.read_bytes(), "talk.npy": flat.getvalue(), "walk.bvh": BVH.encode()}
        plain["osc.txt"] = OSC.encode()
        return plain | examples.motions(self.root / "motions")

    @cached_property
    def gltf_files(self) -> dict[str, bytes]:
        """glTF files by name: of another program, and one that we export."""
        return examples.gltf_files(self.root / "gltf", self.avatar)

    @cached_property
    def frame_folders(self) -> dict[str, Path]:
        """Folders with a motion file for each frame, by name."""
        return examples.frame_folders(self.root / "folders")

    @cached_property
    def colours(self) -> np.ndarray:
        """A picture of 64x64."""
        return np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)

    @cached_property
    def pictures(self) -> dict[str, bytes]:
        """Picture files by name."""
        for name in ("a.png", "a.jpg"):
            write_image(self.root / name, self.colours[:24, :32])
        return {name: (self.root / name).read_bytes() for name in ("a.png", "a.jpg")}

    @cached_property
    def mask(self) -> bytes:
        """A mask of 64x64 as PNG."""
        mask = np.zeros((64, 64), np.uint8)
        mask[16:48, 24:40] = 255
        write_image(self.root / "mask.png", mask)
        return (self.root / "mask.png").read_bytes()

    @cached_property
    def clouds(self) -> dict[str, bytes]:
        """Files of Gaussians, plain and rigged, by name."""
        return examples.clouds(self.root)

    @cached_property
    def prior(self) -> bytes:
        """A pose prior."""
        return examples.prior(self.root / "prior.safetensors")

    @cached_property
    def models(self) -> dict[str, bytes]:
        """Model files of the SMPL family by name."""
        return examples.body_models(self.root / "models")

    @cached_property
    def certificate(self) -> tuple[bytes, bytes]:
        """A chain of certificates and the key of the first."""
        return examples.certificate()

    @cached_property
    def packets(self) -> dict[str, list[bytes]]:
        """What programs send, by protocol."""
        return examples.packets(self.walk)

    def json(self, name: str) -> Any:
        """A JSON file of the run or the capture."""
        folder = self.capture if name == "capture.json" else self.run
        return json.loads((folder / name).read_text())
