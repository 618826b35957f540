"""Checkpoints: whole or not at all.

``step-000600/{weights.safetensors, training.safetensors, state.json}``. The three are written to a
temporary folder, flushed to disk, and the folder is renamed. ``state.json`` carries the sha256 of
the other two, so a file that was damaged later is found out.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from avatar_kit.engine.records import FORMAT, CheckpointState
from avatar_kit.errors import UserError, shown
from avatar_kit.interfaces import Avatar, make_room
from avatar_kit.io.atomic import as_others
from avatar_kit.io.digest import file_digest
from avatar_kit.io.documents import read_json, validated
from avatar_kit.io.tensor_file import read_tensors


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found whole.

    Attributes:
        path: Its folder.
        state: Content of ``state.json``.
    """

    path: Path
    state: dict[str, Any]

    @property
    def step(self) -> int:
        """Number of training steps done."""
        return self.state["step"]

    def weights(self) -> dict[str, Tensor]:
        """What the avatar learned."""
        return read_tensors(self.path / "weights.safetensors").tensors

    def training(self) -> dict[str, Tensor]:
        """What only training needs: optimisers and other modules."""
        return read_tensors(self.path / "training.safetensors").tensors


def save_checkpoint(
    folder: Path,
    step: int,
    weights: Mapping[str, Tensor],
    training: Mapping[str, Tensor],
    state: Mapping[str, Any],
) -> Path:
    """Write ``folder/step-NNNNNN``.

    Raises:
        UserError: The disk is full; nothing half-written is left.
    """
    final = folder / f"step-{step:06d}"
    temporary = folder / f".step-{step:06d}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        files = {"weights.safetensors": weights, "training.safetensors": training}
        for name, tensors in files.items():
            plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
            save_file(plain, temporary / name)
            as_others(temporary / name)
        manifest = {
            "format": FORMAT,
            "step": step,
            **state,
            "sha256": {name: file_digest(temporary / name) for name in files},
        }
        (temporary / "state.json").write_text(json.dumps(manifest, indent=1))
        for file in temporary.iterdir():
            _flush(file)
        if final.exists():
            shutil.rmtree(final)
        os.replace(temporary, final)
        _flush(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if _disk_is_full(error):
            raise UserError(
                f"{folder}: the disk is full, checkpoint of step {step} was not written; earlier "
                "checkpoints are complete: free some space, then continue with --resume"
            ) from None
        raise
    return final


def save_avatar(folder: Path, step: int, avatar: Avatar, method: str, seconds: float = 0.0) -> Path:
    """Write a checkpoint to render from; training cannot go on from it.

    Args:
        folder: Of the checkpoints.
        step: Training steps done.
        avatar: The avatar.
        method: Registered name of the method that trained it.
        seconds: How long that took.
    """
    state: dict[str, Any] = {"method": method, "best": None, "optimizers": {}, "seconds": seconds}
    return save_checkpoint(folder, step, avatar.learned_state(), {}, state)


def load_checkpoint(path: Path) -> Checkpoint:
    """Open a checkpoint folder and verify it.

    Raises:
        UserError: It is not a checkpoint, was made by another format, or a file is damaged.
    """
    file, mend = path / "state.json", "use another checkpoint"
    if not file.exists():
        raise UserError(f"{path}: not a checkpoint (no state.json)")
    values = read_json(file, what="state of a checkpoint")
    if isinstance(values, dict) and values.get("format") != FORMAT:
        raise UserError(
            f"{file}: format {shown(values.get('format'))}, this version reads {FORMAT}"
        )
    state = validated(CheckpointState, values, file, mend).model_dump(by_alias=True)
    for name, digest in state["sha256"].items():
        if not (path / name).is_file() or file_digest(path / name) != digest:
            raise UserError(
                f"{path / name}: truncated or altered (sha256 differs); use another checkpoint"
            )
    return Checkpoint(path, state)


def list_checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders, oldest first; unfinished ones are not listed."""
    found = [p for p in folder.glob("step-*") if p.is_dir() and p.name[5:].isdecimal()]
    return sorted(found, key=lambda path: int(path.name[5:]))


def latest_checkpoint(folder: Path) -> tuple[Checkpoint, list[str]]:
    """The newest checkpoint that is whole, and a line for each damaged one that was passed over.

    Raises:
        UserError: There is none.
    """
    passed: list[str] = []
    for path in reversed(list_checkpoints(folder)):
        try:
            return load_checkpoint(path), passed
        except UserError as error:
            passed.append(str(error))
    reason = f" ({passed[0]})" if passed else ""
    raise UserError(
        f"{folder}: no complete checkpoint here{reason}; train again with another --out"
    )


def prune(folder: Path, keep: int, best: int | None) -> None:
    """Delete all but the last ``keep`` checkpoints and the best one."""
    for path in list_checkpoints(folder)[:-keep]:
        if best is None or path.name != f"step-{best:06d}":
            shutil.rmtree(path)


def flatten_optimizer(name: str, state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's ``state_dict`` as tensors under ``optimizer/NAME/INDEX/KEY`` and JSON."""
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for index, entry in state["state"].items():
        for key, value in entry.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{name}/{index}/{key}"] = value
            else:
                plain.setdefault(str(index), {})[key] = value
    return tensors, {"plain": plain, "groups": state["param_groups"]}


def unflatten_optimizer(
    name: str, tensors: Mapping[str, Tensor], described: Mapping[str, Any]
) -> dict[str, Any]:
    """The inverse of :func:`flatten_optimizer`."""
    state: dict[int, dict[str, Any]] = {
        int(index): dict(entry) for index, entry in described["plain"].items()
    }
    prefix = f"optimizer/{name}/"
    for key, value in tensors.items():
        if key.startswith(prefix):
            index, _, field = key[len(prefix) :].partition("/")
            state.setdefault(int(index), {})[field] = value
    return {"state": state, "param_groups": described["groups"]}


def load_optimizer(
    optimizer: Optimizer,
    name: str,
    tensors: Mapping[str, Tensor],
    described: Mapping[str, Any],
    what: str,
) -> None:
    """Put back what :func:`flatten_optimizer` gave.

    A file does not know how a tensor lay in memory. What belongs to the values of a parameter is
    laid out like it: a fused update goes through both value by value, as they lie.

    Raises:
        UserError: It is not the state of this optimiser; ``what`` names the checkpoint.
    """
    try:
        optimizer.load_state_dict(unflatten_optimizer(name, tensors, described))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{what}: its state of the optimiser '{name}' does not fit ({error}); use another "
            "checkpoint, or train again with another --out"
        ) from None
    for parameter, entry in optimizer.state.items():
        for key, value in entry.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                entry[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _disk_is_full(error: OSError | SafetensorError) -> bool:
    """Whether that is why nothing could be written; safetensors tells it in words alone."""
    full = (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, OSError):
        return error.errno in full
    return any(f"os error {number}" in str(error) for number in full)


def _flush(path: Path) -> None:
    """Force a file or a folder entry to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load_learned(avatar: Avatar, found: Checkpoint) -> None:
    """Load what an avatar learned, its fitted aligner among it.

    Raises:
        UserError: The checkpoint belongs to another config, or the aligner to another body.
    """
    load_strict(avatar, found.weights(), str(found.path / "weights.safetensors"))
    avatar.aligner.check_body(avatar.body.asset)


def load_strict(module: torch.nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Load a module's whole state; what training sizes takes the sizes saved.

    Raises:
        UserError: Keys or shapes differ: the checkpoint belongs to another config or method.
    """
    make_room(module, tensors)
    own = module.learned_state() if isinstance(module, Avatar) else module.state_dict()
    wrong = sorted(set(own) ^ set(tensors)) or sorted(
        k for k in own if (own[k].shape, own[k].dtype) != (tensors[k].shape, tensors[k].dtype)
    )
    if wrong:
        raise UserError(
            f"{what}: does not fit the config ({len(wrong)} tensors differ, first '{wrong[0]}'); "
            "it was made by another method or with other structural keys"
        )
    module.load_state_dict(dict(tensors), strict=False)
