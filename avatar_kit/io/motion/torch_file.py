"""Numbers out of files that ``torch.save`` wrote."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from avatar_kit.errors import UserError


def read_torch(path: Path) -> Any:
    """What a file of tensors holds: arrays, numbers, texts, lists and mappings.

    Raises:
        UserError: It is damaged, claims more than it holds, or holds more than tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(member.file_size for member in archive.infolist())
        size = path.stat().st_size
        if claimed > size:  # torch packs nothing
            raise UserError(
                f"{path}: claims {claimed / 2**30:.3g} GiB in a file of {size / 2**30:.3g} GiB; is "
                "it from torch.save?"
            )
        return _plain(torch.load(path, map_location="cpu", weights_only=True))
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: holds more than tensors and plain values ({_first_line(error)}), which may "
            "run code and is never read; save its arrays with numpy.savez"
        ) from None
    except Exception as error:  # torch raises whatever the damage leads it to
        raise UserError(f"{path}: a damaged file of tensors ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    """The start of torch's message, without its advice to load unsafely."""
    lines = [line.strip() for line in str(error).splitlines() if "GLOBAL" in line]
    text = lines[-1] if lines else str(error).partition("\n")[0].partition(". ")[0]
    return text.partition(" was not an allowed")[0].removeprefix("WeightsUnpickler error: ")[:120]


def _plain(value: Any) -> Any:
    """Tensors as arrays, in mappings and lists."""
    if isinstance(value, torch.Tensor):
        dense = value.detach()
        if dense.dtype == torch.bfloat16 or dense.dtype == torch.float16:
            dense = dense.float()
        return dense.numpy()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
