"""What a folder is, by the files that only one format has. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avatar_kit_datasets.names import KINDS


@dataclass(frozen=True)
class Kind:
    """What a folder or a file was recognised as.

    Attributes:
        dataset: Name of the dataset that opens it; empty where none does.
        title: What it is called.
        path: What to give to the dataset.
        advice: What to do where no dataset opens it.
    """

    dataset: str
    title: str
    path: Path
    advice: str = ""


def _has(*names: str) -> Callable[[Path], bool]:
    return lambda path: all((path / name).exists() for name in names)


#: Dataset, title, test; the first that holds counts.
_KNOWN: tuple[tuple[str, str, Callable[[Path], bool]], ...] = (
    ("capture", "capture folder", _has("capture.json")),
    ("people_snapshot", "People-Snapshot, in InstantAvatar's form", _has("cameras.npz", "images")),
    ("people_snapshot", "People-Snapshot, as published", _has("camera.pkl")),
    ("neuman", "NeuMan", _has("sparse", "alignments.npy")),
    ("zju_mocap", "ZJU-MoCap", _has("annots.npy")),
    ("actorshq", "ActorsHQ", _has("calibration.csv")),
    ("avatarrex", "AvatarReX", _has("calibration_full.json")),
    ("avatarrex", "THuman4.0", _has("calibration.json", "images")),
    ("easymocap", "EasyMocap", _has("intri.yml")),
    ("exavatar", "ExAvatar's form of an own video", _has("smplx_optimized", "frames")),
    ("x_humans", "X-Humans", _has("render/image", "SMPLX")),
    ("hf_nhmt", "HF-NHMT (HFshirt)", _has("images", "background.png")),
)


def recognised(path: Path) -> Kind | None:
    """What a path is; None where nothing tells."""
    if path.is_file():
        if path.suffix == ".smc":
            main = path.with_name(path.name.replace("_annots.smc", ".smc"))
            return Kind("dna_rendering", "DNA-Rendering", main)
        return None
    for dataset, title, holds in _KNOWN:
        if holds(path):
            return Kind(dataset, title, path)
    if (path / "config.yaml").exists() and (path / "checkpoints").is_dir():
        return Kind("", "run of a training", path, f"avatar-kit view {path}")
    archives = [p for p in sorted(path.glob("*.smc")) if not p.stem.endswith("_annots")]
    if archives:
        return Kind("dna_rendering", "DNA-Rendering", archives[0])
    return _plain(path)


def _plain(path: Path) -> Kind | None:
    """A folder of pictures, or the one that holds it beside masks."""
    for folder in (path / "images", path):
        if folder.is_dir() and _holds_pictures(folder):
            return Kind("pictures", "pictures", folder)
    return None


def _holds_pictures(folder: Path) -> bool:
    below = [folder, *(p for p in sorted(folder.iterdir()) if p.is_dir())][:3]
    return any(p.suffix.lower() in KINDS for place in below for p in place.iterdir())
