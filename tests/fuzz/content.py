"""Damage inside a format: arrays, tensors and the parts of a glTF file, packed again as is right.

Flipped bytes of an archive mostly end at its checksum. What is changed here reaches the readers
behind it.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import pickle
import struct
import tempfile
import warnings
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import safetensors.torch
import torch

from tests.fuzz import mutation
from tests.io import fbx_writers

_TYPES = ["<i8", "<f2", "<f8", "u1", "?", "<c16", "<U8", ">f4"]
_FACTORS = [0, -1, 0.01, 57.3, 1e3, 1e30, float("inf")]


def numbers(random: Random, values: np.ndarray) -> np.ndarray:
    """An array of another shape, type or content."""
    values, kind = np.array(values), random.randrange(11)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == 0:
            return np.atleast_1d(values)[:0]
        if kind == 1:
            return random.choice([values.reshape(-1), values[..., None], values.T, values[None]])
        if kind == 2:
            return np.concatenate([np.atleast_1d(values)] * 2)
        if kind == 3:
            return np.atleast_1d(values)[: max(1, len(np.atleast_1d(values)) // 2)]
        if kind == 4 and values.dtype.kind in "iuf":
            return (values * random.choice(_FACTORS)).astype(values.dtype)
        if kind == 5 and values.dtype.kind in "iufb":
            return values.astype(random.choice(_TYPES))
        if kind == 6:
            return np.array(random.choice([0, -1, 1e30, np.nan, True, "x", 2**62, 60000]))
        if values.dtype.kind == "f" and values.size:
            flat = values.reshape(-1)
            odd = [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-30, 0, 300]
            for _ in range(random.choice([1, 1, 5])):
                flat[random.randrange(flat.size)] = random.choice(odd)
        elif values.dtype.kind in "iu" and values.size:
            info = np.iinfo(values.dtype)
            values.reshape(-1)[random.randrange(values.size)] = random.choice([info.min, info.max])
        return values


def named(random: Random, content: dict[str, Any]) -> dict[str, Any]:
    """Named arrays or tensors of which one or two are changed, missing, or called otherwise."""
    content = dict(content)
    for _ in range(random.choice([1, 1, 2])):
        key, kind = random.choice(list(content) or ["x"]), random.randrange(8)
        if kind == 0:
            content.pop(key, None)
        elif kind == 1 and key in content:
            content[mutation.misspelt(random, key).replace("\0", "x")] = content.pop(key)
        elif kind == 2:
            content["more"] = np.zeros(random.choice([0, 1, 7]))
        elif key in content:
            content[key] = _changed(random, content[key])
    return content


def _changed(random: Random, value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        array = numbers(random, value.numpy())
        if array.dtype.kind in "iufb" and array.dtype.byteorder != ">":
            return torch.from_numpy(np.ascontiguousarray(array))
        return value
    return numbers(random, value) if isinstance(value, np.ndarray) else value


def npz(random: Random, data: bytes) -> bytes:
    """An npz file of other arrays; one that holds objects is changed in its bytes."""
    with np.load(io.BytesIO(data)) as archive:
        try:
            content = {key: archive[key] for key in archive.files}
        except ValueError:
            return mutation.octets(random, data)
    held = io.BytesIO()
    np.savez(held, **named(random, content))
    return held.getvalue()


def npy(random: Random, data: bytes) -> bytes:
    """An npy file of another array; one that holds objects is changed in its bytes."""
    try:
        array = np.load(io.BytesIO(data))
    except ValueError:
        return mutation.octets(random, data)
    held = io.BytesIO()
    np.save(held, numbers(random, array))
    return held.getvalue()


def safetensors_file(random: Random, data: bytes) -> bytes:
    """A safetensors file of other tensors or metadata."""
    size = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + size]).get("__metadata__", {})
    tensors = safetensors.torch.load(data)
    if metadata and random.random() < 0.4:
        metadata = _metadata(random, metadata)
    else:
        tensors = {k: torch.as_tensor(v) for k, v in named(random, tensors).items()}
    return safetensors.torch.save({k: v.contiguous() for k, v in tensors.items()}, metadata)


def _metadata(random: Random, metadata: dict[str, str]) -> dict[str, str]:
    metadata, key = dict(metadata), random.choice(list(metadata))
    kind = random.randrange(4)
    if kind == 0:
        del metadata[key]
    elif kind == 1:
        metadata[key] = random.choice(["", "x", "null", "[]", "{", "9" * 400, "[" * 500])
    else:
        try:
            metadata[key] = json.dumps(mutation.structure(random, json.loads(metadata[key])))
        except ValueError:
            metadata[key] += "x"
    return metadata


def pickled(random: Random, values: Any) -> bytes:
    """A pickle of plain values and arrays in which some are changed."""
    return pickle.dumps(deep(random, values), protocol=random.choice([2, 4]))


def torch_file(random: Random, data: bytes) -> bytes:
    """A file of PyTorch with other tensors."""
    held = io.BytesIO()
    torch.save(deep(random, torch.load(io.BytesIO(data), weights_only=True)), held)
    return held.getvalue()


def deep(random: Random, values: Any) -> Any:
    """Nested values, lists and arrays in which one to three are changed."""
    values = copy.deepcopy(values)
    for _ in range(random.choice([1, 1, 3])):
        owner, key = _anywhere(random, values)
        if owner is None:
            return _changed(random, values)
        value = owner[key]
        if isinstance(value, np.ndarray | torch.Tensor) and random.random() < 0.8:
            owner[key] = _changed(random, value)
        else:
            mutation.change(random, owner, key)
    return values


def _anywhere(random: Random, values: Any) -> tuple[Any, Any]:
    """A place below nested values: whoever is met on a way down at random."""
    owner, key, below = None, None, values
    while isinstance(below, dict | list) and below:
        owner = below
        key = random.choice(list(below) if isinstance(below, dict) else range(len(below)))
        below = below[key]
        if random.random() < 0.15:
            break
    return owner, key


def gltf(random: Random, data: bytes) -> tuple[str, bytes]:
    """Suffix and content of a glTF file with another document or other numbers."""
    size = int.from_bytes(data[12:16], "little")
    document, binary = json.loads(data[20 : 20 + size]), data[28 + size :]
    if random.random() < 0.7:
        section = random.choice([k for k in document if k != "asset"])
        if random.random() < 0.9 and document[section]:
            document[section] = mutation.structure(random, document[section])
        else:
            document = mutation.structure(random, document)
    else:
        changed = numbers(random, np.frombuffer(binary[: len(binary) // 4 * 4], "<f4"))
        binary = changed.tobytes()
    if random.random() < 0.3 and isinstance(document, dict):
        text = base64.b64encode(binary).decode()
        kept = {"byteLength": len(binary), "uri": f"data:application/octet-stream;base64,{text}"}
        document["buffers"] = [kept]
        return ".gltf", json.dumps(document).encode()
    return ".glb", _chunks(json.dumps(document).encode(), binary)


def fbx(random: Random, data: bytes) -> bytes:
    """A binary FBX file with other values, arrays or nodes."""
    from avatar_kit.io.fbx.binary import parse_binary

    nodes = [_node(node) for node in parse_binary(data, Path("a.fbx")).children]
    try:
        return fbx_writers.binary(deep(random, nodes), random.choice([7400, 7700]))
    except (TypeError, ValueError, KeyError, AttributeError, struct.error):
        return mutation.octets(random, data)


def _node(node: Any) -> list[Any]:
    values = [v.numbers("") if hasattr(v, "numbers") else v for v in node.values]
    return [node.name, values, [_node(below) for below in node.children]]


def _chunks(text: bytes, binary: bytes) -> bytes:
    text, binary = text + b" " * (-len(text) % 4), binary + bytes(-len(binary) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text
    body += struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<III", 0x46546C67, 2, 12 + len(body)) + body


def inside(random: Random, name: str, data: bytes) -> bytes:
    """The content of a file, damaged as its format allows; by its bytes where there is none."""
    suffix = Path(name).suffix
    if suffix == ".npz" and zipfile.is_zipfile(io.BytesIO(data)):
        return npz(random, data)
    if suffix == ".npy" and data.startswith(b"\x93NUMPY"):
        return npy(random, data)
    if suffix == ".safetensors":
        return safetensors_file(random, data)
    if suffix == ".pt":
        return torch_file(random, data)
    if suffix == ".pkl":
        return pickled(random, _plain(data))
    if suffix in (".json", ".txt") and data[:1] in (b"{", b"["):
        return json.dumps(mutation.structure(random, json.loads(data))).encode()
    if suffix == ".fbx" and data.startswith(b"Kaydara"):
        return fbx(random, data)
    if suffix in (".fbx", ".csv", ".bvh", ".yml", ".yaml", ".txt", ".pem"):
        text = mutation.lines(random, data.decode(errors="surrogateescape"))
        return text.encode(errors="surrogateescape" if max(text or "x") >= "\udc80" else "replace")
    return mutation.octets(random, data)


def _plain(data: bytes) -> Any:
    from avatar_kit.io.plain_pickle import read_pickle

    with tempfile.NamedTemporaryFile(suffix=".pkl") as file:
        file.write(data)
        file.flush()
        return read_pickle(Path(file.name))
