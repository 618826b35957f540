"""The contracts, checked by avatar-kit's own kit."""

import json
import shutil
from typing import ClassVar

import pytest

from avatar_kit.testing import (
    DatasetConformance,
    EncoderConformance,
    MethodConformance,
    MetricConformance,
    RendererConformance,
)
from avatar_kit.testing.capture import small_capture


class TestCloud(EncoderConformance):
    name = "blob_cloud"
    options: ClassVar = {"points": 100}


class TestSplat(RendererConformance):
    name = "blob_splat"


class TestBlobs(MethodConformance):
    name = "blobs"
    options: ClassVar = {"encoders": {"cloud": {"points": 600}}}


class TestEdges(MetricConformance):
    name = "blob_edges"


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """A plain folder of the small capture that avatar-kit's checks film."""
    root = tmp_path_factory.mktemp("plain") / "folder"
    capture = small_capture(root.parent / "capture", size=128)
    (root / "pictures").mkdir(parents=True)
    (root / "masks").mkdir()
    from PIL import Image

    for frame, picture in enumerate(capture.images(range(len(capture)))):
        Image.fromarray(picture).save(root / "pictures" / f"{frame:04d}.png")
    for frame, mask in enumerate(capture.masks(range(len(capture)))):
        Image.fromarray(mask).save(root / "masks" / f"{frame:04d}.png")
    camera = next(iter(capture.cameras.values()))
    about = {key: getattr(camera, key)[0].tolist() for key in ("K", "R", "t")}
    (root / "camera.json").write_text(json.dumps(about))
    shutil.copy(capture.root / "motion.npz", root / "motion.npz")
    TestFolder.options = {"path": str(root)}
    return root


class TestFolder(DatasetConformance):
    name = "blob_folder"
