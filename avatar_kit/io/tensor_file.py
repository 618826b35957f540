"""Reading safetensors files: whole, of a sane size, and never more than the file holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.documents import check_regular, opened, parse_json

#: Bytes that the header of a file of ours may take; safetensors itself allows 100 MB.
_HEADER = 16 << 20


@dataclass(frozen=True)
class TensorFile:
    """What a safetensors file holds.

    Attributes:
        path: The file.
        tensors: By name, on the CPU.
        metadata: Texts by name.
    """

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]

    def facts(self, key: str) -> Any:
        """The JSON of a text of the metadata as plain values; None where there is no such text.

        Raises:
            UserError: It is no JSON.
        """
        text = self.metadata.get(key)
        return None if text is None else parse_json(text, f"{self.path}: metadata '{key}'")


def read_tensors(path: str | Path, *, fix: str = "") -> TensorFile:
    """Read a safetensors file.

    Args:
        path: The file.
        fix: How to get one, the end of the message that says there is none.

    Raises:
        UserError: It is missing, cannot be read, is no whole safetensors file, or its header is
            larger than any of ours.
    """
    path = Path(path)
    size = check_regular(path, "safetensors file", fix).st_size
    with opened(path, what="safetensors file") as file:
        header = int.from_bytes(file.read(8), "little")
    if size < 10 or header > min(size - 8, _HEADER):
        raise UserError(
            f"{path}: is no whole safetensors file (its header says {header} bytes, the file has "
            f"{size})"
        )
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: is no whole safetensors file ({error})") from None
    return TensorFile(path, tensors, metadata)
