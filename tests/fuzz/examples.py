"""What is right, of every kind: small files and folders as our program and others write them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avatar_kit.scene import Motion
from avatar_kit.testing.capture import small_capture
from tests.io import fbx_mixamo, part_writers
from tests.io import motion_writers as writers
from tests.io.vmc_writers import recorded


def _parameters(path: Path, motion: Motion) -> None:
    """Parameters of SMPL-X under names of their own."""
    fields = {"global_orient": motion.global_orient, "transl": motion.transl}
    fields |= {"body_pose": torch.from_numpy(writers.smplx_body(motion)), "fps": torch.tensor(30.0)}
    np.savez(path, **{name: value.numpy() for name, value in fields.items()})


#: Name of a motion file -> who writes it.
_WRITERS = {
    "amass.npz": writers.amass, "smpl.npz": lambda p, m: writers.amass(p, m, 72),
    "aist.pkl": writers.aist, "gvhmr.pt": writers.gvhmr, "joints.npy": writers.joints_npy,
    "mdm.npy": writers.mdm, "humanml.npy": writers.humanml, "motion_x.npy": writers.motion_x,
    "talkshow.npy": writers.talkshow, "wham.pkl": writers.wham, "phalp.pkl": writers.humans4d,
    "tram.npy": writers.tram, "romp.npz": writers.romp, "face.csv": writers.live_link,
    "deepmimic.txt": writers.deepmimic, "mixamo.bvh": writers.bvh, "parameters.npz": _parameters,
    "pymaf.pkl": part_writers.pymaf, "sam.pkl": part_writers.sam3d, "mano.pkl": part_writers.mano,
    "flame.npz": part_writers.flame, "vmc.pcap": recorded, "mixamo.fbx": fbx_mixamo.mixamo,
    "text.fbx": lambda p, m: fbx_mixamo.mixamo(p, m, text=True),
}  # fmt: skip


def commanded(words: list[str]) -> None:
    """Run a command; it must end well."""
    from avatar_kit.cli.main import main

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main(words)
    except SystemExit as end:
        assert not end.code, said.getvalue()


def renamed(capture: Path, root: Path, name: str) -> Path:
    """A copy of a capture under another name."""
    shutil.copytree(capture, root)
    record = json.loads((root / "capture.json").read_text())
    (root / "capture.json").write_text(json.dumps({**record, "name": name}))
    return root


def comparison(root: Path, run: Path, capture: Path) -> Path:
    """The folder of a comparison of one training: a run that is there already."""
    from avatar_kit.config import load_yaml
    from avatar_kit.engine.comparison.plan import Plan, keep_plan

    own = {k: v for k, v in load_yaml(run / "config.yaml").items() if k not in ("data", "seed")}
    data = {"type": "capture", "path": str(capture)}
    plan = keep_plan(Plan(contenders={"a": own}, captures={"c": data}), root)
    (cell,) = plan.cells()
    skipped = shutil.ignore_patterns("tensorboard", "preview*")
    shutil.copytree(run, root / "runs" / cell.slug, ignore=skipped)
    return root


def cached(root: Path, capture: Path) -> Path:
    """A cache after a capture was opened."""
    from avatar_kit.capture import CaptureView, open_capture

    before = os.environ.get("AVATAR_KIT_CACHE")
    os.environ["AVATAR_KIT_CACHE"] = str(root)
    try:
        view = CaptureView(open_capture(capture), 32)
        view.image(view.capture.splits["train"].samples()[0])
    finally:
        os.environ.pop("AVATAR_KIT_CACHE")
        if before is not None:
            os.environ["AVATAR_KIT_CACHE"] = before
    return root


def recordings(root: Path, captures: Path) -> dict[str, tuple[str, str]]:
    """Recordings in the formats of the field whose packages are here."""
    from tests.plugins.datasets import imitations

    of = {
        several: small_capture(
            captures / str(several), frames=3, test_frames=2, size=96, cameras=3 if several else 1
        )
        for several in (False, True)
    }
    found = {}
    for writer, (dataset, several) in imitations.FORMATS.items():
        try:
            path = getattr(imitations, writer)(of[several], root / writer)
        except ModuleNotFoundError:  # h5py, which few need
            shutil.rmtree(root / writer, ignore_errors=True)
            continue
        found[writer] = (dataset, str(path.relative_to(root / writer)))
    return found


def motions(root: Path) -> dict[str, bytes]:
    """Four frames of a walk in every layout of one file."""
    root.mkdir(parents=True)
    walk = writers.walking(4, hands=True)
    for name, write in _WRITERS.items():
        write(root / name, walk)
    return {name: (root / name).read_bytes() for name in _WRITERS}


def frame_folders(root: Path) -> dict[str, Path]:
    """Four frames of a walk, a file each."""
    root.mkdir(parents=True)
    walk = writers.walking(4, hands=True)
    own = (writers.exavatar, writers.easymocap, writers.smpler_x, part_writers.sam3d_folder)
    named = {writer.__name__: writer for writer in own}
    for name, write in named.items():
        write(root / name, walk)
    return {name: root / name for name in named}


def gltf_files(root: Path, avatar: Any) -> dict[str, bytes]:
    """A walk of Mixamo's skeleton, and the mesh of an avatar as we export it."""
    root.mkdir(parents=True)
    writers.glb(root / "walk.glb", writers.walking(4, hands=True))
    avatar.export(root / "ours.glb", motion=avatar.training_motion()[[0, 1]])
    return {name: (root / name).read_bytes() for name in ("walk.glb", "ours.glb")}


def clouds(root: Path) -> dict[str, bytes]:
    """Five Gaussians as PLY, and those of an avatar with their rig."""
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
    write_gaussian_ply(root / "a.ply", cloud)
    rigged = small_avatar().encoders["points"].rigged_gaussians()
    save_rigged_gaussians(root / "a.safetensors", rigged)
    return {n: (root / n).read_bytes() for n in ("a.ply", "a.safetensors")}


def prior(path: Path) -> bytes:
    """A small pose prior that learned nothing."""
    from avatar_kit_mda.networks import PosePrior
    from avatar_kit_mda.prior_file import save_prior
    from avatar_kit_mda.training import Figures

    from avatar_kit.interfaces import Corpus

    save_prior(path, PosePrior(4, 8).eval(), Corpus({}, {}), 1, Figures(1.0, 1.0, 1.0))
    return path.read_bytes()


def body_models(root: Path) -> dict[str, bytes]:
    """Model files of a mannequin of ours in the format of the SMPL family."""
    from tests.plugins.smplx import smplx_files

    kinds = (("smplx", "npz"), ("smpl", "pkl"), ("smplh", "npz"))
    files = [smplx_files.write_model(root, family, kind) for family, kind in kinds]
    return {file.name: file.read_bytes() for file in files}


def rig(root: Path) -> Path:
    """The folder of a small rig in the format of MHR."""
    from tests.plugins.mhr import mhr_files

    return mhr_files.write_assets(root, mhr_files.make_rig())


def certificate() -> tuple[bytes, bytes]:
    """A chain of certificates and the key of the first, made here."""
    from avatar_kit.io.certificates import _made

    key, chain = _made().split(b"-----BEGIN CERTIFICATE-----", 1)
    return b"-----BEGIN CERTIFICATE-----" + chain, key


def packets(motion: Motion) -> dict[str, list[bytes]]:
    """What programs send of a pose, by protocol."""
    from avatar_kit.live.vmc import packets as said
    from tests.live.test_live_link import packet

    return {"vmc": said(motion[[0]], 1.0), "livelink": [packet(), packet({"JawOpen": 0.5})]}
