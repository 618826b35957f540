"""A .glb read by the words of the glTF 2.0 specification: numpy and scipy, nothing of ours."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

_TYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    """One file with one mesh, one skin and one texture."""

    def __init__(self, path: Path):
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        self.json = json.loads(data[20 : 20 + size])
        self.size, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0"
        self.binary = data[28 + size :]
        self.primitive = self.json["meshes"][0]["primitives"][0]

    def _view(self, number: int) -> bytes:
        view = self.json["bufferViews"][number]
        return self.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def values(self, number: int) -> np.ndarray:
        """[N, width] of an accessor."""
        accessor = self.json["accessors"][number]
        kind, width = _TYPES[accessor["componentType"]], _WIDTHS[accessor["type"]]
        found = np.zeros((accessor["count"], width), kind)
        if "bufferView" in accessor:
            found = np.frombuffer(self._view(accessor["bufferView"]), kind).reshape(-1, width)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            index = np.frombuffer(
                self._view(sparse["indices"]["bufferView"]),
                _TYPES[sparse["indices"]["componentType"]],
            )
            found = found.copy()
            found[index] = np.frombuffer(self._view(sparse["values"]["bufferView"]), kind).reshape(
                -1, width
            )
        assert len(found) == accessor["count"]
        return found

    def attribute(self, name: str) -> np.ndarray:
        return self.values(self.primitive["attributes"][name])

    def faces(self) -> np.ndarray:
        return self.values(self.primitive["indices"]).reshape(-1, 3)

    def picture(self) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self._view(self.json["images"][0]["bufferView"]))))

    def names(self) -> list[str]:
        return self.json["meshes"][0]["extras"]["targetNames"]

    def skin_weights(self) -> np.ndarray:
        """[N, J] of all sets."""
        joints = self.json["skins"][0]["joints"]
        count = len(self.attribute("POSITION"))
        found = np.zeros((count, len(joints)))
        sets = sum(name.startswith("JOINTS_") for name in self.primitive["attributes"])
        for i in range(sets):
            index, share = self.attribute(f"JOINTS_{i}"), self.attribute(f"WEIGHTS_{i}")
            for j in range(4):
                np.add.at(found, (np.arange(count), index[:, j]), share[:, j])
        return found

    def posed(self, frame: int | None = None, animation: int = 0) -> np.ndarray:
        """[N, 3] vertices in a frame of the animation; None: as the nodes stand."""
        nodes = [dict(node) for node in self.json["nodes"]]
        weights = np.zeros(len(self.names()))
        if frame is not None:
            found = self.json["animations"][animation]
            for channel in found["channels"]:
                sampler = found["samplers"][channel["sampler"]]
                keys = self.values(sampler["input"])[:, 0]
                rows = self.values(sampler["output"]).reshape(len(keys), -1)
                value = rows[min(frame, len(keys) - 1)]
                target = channel["target"]
                if target["path"] == "weights":
                    weights = value
                else:
                    nodes[target["node"]][target["path"]] = value
        world: dict[int, np.ndarray] = {}

        def walk(number, above):
            world[number] = above @ _matrix(nodes[number])
            for child in nodes[number].get("children", ()):
                walk(child, world[number])

        for root in self.json["scenes"][0]["nodes"]:
            walk(root, np.eye(4))
        skin = self.json["skins"][0]
        bind = self.values(skin["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
        bones = np.stack([world[j] for j in skin["joints"]]) @ bind
        points = self.attribute("POSITION").astype(float)
        for target, weight in zip(self.primitive["targets"], weights, strict=True):
            points = points + weight * self.values(target["POSITION"])
        blend = np.einsum("nj,jxy->nxy", self.skin_weights(), bones)
        return np.einsum("nxy,ny->nx", blend[:, :3, :3], points) + blend[:, :3, 3]


def _matrix(node: dict) -> np.ndarray:
    found = np.eye(4)
    found[:3, :3] = Rotation.from_quat(node.get("rotation", (0, 0, 0, 1))).as_matrix()
    found[:3, 3] = node.get("translation", (0, 0, 0))
    return found
