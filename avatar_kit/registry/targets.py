"""From the text ``package.module:name`` to what it names."""

from __future__ import annotations

import importlib
from typing import Any

from avatar_kit.errors import MissingExtra, UserError

#: Optional packages and the extra that brings them.
_EXTRAS = {
    "mediapipe": "track",
    "nvdiffrast": "nvdiffrast",
    "gsplat": "cuda",
    "gsply": "export",
    "onnxruntime": "matting",
    "onnx": "onnx",
    "onnx_ir": "onnx",
    "onnxscript": "onnx",
}


def load_target(target: str, what: str, plugin: str) -> Any:
    """Import what a plugin named as the target of something it registered.

    Args:
        target: ``package.module:name``.
        what: What the target belongs to, as a person would call it: "renderer 'mine'".
        plugin: The plugin that registered it.

    Raises:
        MissingExtra: An optional package of ours that it needs is not installed.
        UserError: The target does not exist, or a package that it needs is not installed.
    """
    missing = UserError(
        f"{what}: plugin '{plugin}' registered the target '{target}', which does not exist"
    )
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise missing from None
        package = (error.name or "").partition(".")[0]
        if package in _EXTRAS:
            raise MissingExtra(what, _EXTRAS[package], package) from None
        if package in ("", "avatar_kit", module.partition(".")[0]):
            raise  # a mistake inside the plugin
        raise UserError(
            f"{what} of plugin '{plugin}' needs the package '{package}', which is not installed"
        ) from None
    except AttributeError as error:
        if f"no attribute '{name}'" in str(error):
            raise missing from None
        raise
