"""The renderer of an avatar that paints from feature maps, as an ONNX graph."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import torch
from onnxscript import optimizer
from torch import Tensor, nn

from avatar_kit import __version__
from avatar_kit.errors import UserError
from avatar_kit.exporters.config import RendererNetworkConfig
from avatar_kit.exporters.pictured import posed_context
from avatar_kit.interfaces import Exported, Exporter, ExportSource, Renderer, Report
from avatar_kit.nn import PlateBackground
from avatar_kit.scene import Camera, Condition, FeatureMap, GaussianCloud, RenderOutput, Vector

#: Version of ONNX's operators.
_OPSET = 18

#: Bytes that one file can hold: the limit of protocol buffers.
_MOST = 2**31 - 1

#: What a graph may give, in this order; auxiliary pictures are for the losses of a training.
_OUTPUTS = tuple(f.name for f in fields(RenderOutput) if f.name != "auxiliary")


class RendererNetwork(Exporter):
    """From conditions to the picture: one frame of the trained size, before the main camera."""

    config: RendererNetworkConfig

    def export(self, source: ExportSource, out: Path, report: Report) -> Exported:
        """Write the graph; body and encoders stay outside."""
        title, camera = next(iter(source.cameras.items()))
        context = posed_context(source.avatar, source.training_motion[0], camera)
        conditions, _ = source.avatar.encode(context, None)
        renderer = source.avatar.renderer
        _check(renderer, conditions)
        report(0, 1, "translate the renderer")
        model = _translated(renderer, conditions, context.camera)
        unused = [v for v in model.graph.inputs if not v.uses()]
        model.graph.inputs[:] = [v for v in model.graph.inputs if v.uses()]
        about = {
            "capture": source.name,
            "method": source.method,
            "renderer": renderer.config.type,
            "camera": _described(title, camera),
        }
        _write(model, about, out)
        return Exported(
            f"renderer '{renderer.config.type}' as ONNX, opset {_OPSET}: "
            f"{_listed(model.graph.inputs)} to {_listed(model.graph.outputs)}",
            (
                f"one frame of {camera.width}x{camera.height} pixels, the trained size, in float32",
                f"what is behind the person is what camera '{title}' sees",
                "body and encoders are not in the file",
                *(f"the renderer does not use '{v.name}'" for v in unused),
            ),
        )


class _Graph(nn.Module):
    """Tensors of the conditions to tensors of the rendering, before one camera."""

    def __init__(self, renderer: Renderer, kinds: Mapping[str, type], camera: Camera):
        super().__init__()
        self.renderer = renderer
        self.kinds = dict(kinds)
        self.camera = camera

    def forward(self, values: list[Tensor]) -> dict[str, Tensor]:
        pairs = zip(self.kinds.items(), values, strict=True)
        output = self.renderer({name: kind(v) for (name, kind), v in pairs}, self.camera)
        return {name: v for name in _OUTPUTS if (v := getattr(output, name)) is not None}


class _Still(nn.Module):
    """The scene as one camera sees it."""

    picture: Tensor

    def __init__(self, picture: Tensor):
        super().__init__()
        self.register_buffer("picture", picture)

    def forward(self, camera: Camera) -> Tensor:
        return self.picture


def _check(renderer: Renderer, conditions: Mapping[str, Condition]) -> None:
    """Refuse what is no network between pictures.

    Raises:
        UserError: Names the renderer, and says what to use instead.
    """
    name = renderer.config.type
    clouds = [n for n, c in conditions.items() if isinstance(c, GaussianCloud)]
    if clouds:
        raise UserError(
            f"renderer '{name}' draws the Gaussians of encoder '{clouds[0]}', which is no network "
            "that ONNX could hold; write them as .ply, .spz, .safetensors or .html"
        )
    if type(renderer).step is not Renderer.step:
        raise UserError(
            f"renderer '{name}' remembers the frame before, which the graph of one frame cannot "
            "hold; write the mesh of the avatar as .glb or .html"
        )


def _translated(
    renderer: Renderer, conditions: Mapping[str, Condition], camera: Camera
) -> ir.Model:
    """The graph of a copy of the renderer, before this camera.

    Raises:
        UserError: The renderer does what cannot be translated.
    """
    frozen = copy.deepcopy(renderer, {id(renderer.setup): renderer.setup}).cpu().float()
    camera = camera.to("cpu")
    for name, part in list(frozen.named_modules()):
        if isinstance(part, PlateBackground):
            frozen.set_submodule(name, _Still(part(camera)))
    given = {n: c for n, c in conditions.items() if isinstance(c, FeatureMap | Vector)}
    values = [c.values.detach().cpu().float().contiguous() for c in given.values()]
    graph = _Graph(frozen, {n: type(c) for n, c in given.items()}, camera).eval()
    outputs = list(graph(values))
    try:
        with _quiet():
            program = torch.onnx.export(
                graph,
                (values,),
                input_names=list(given),
                output_names=outputs,
                opset_version=_OPSET,
                dynamo=True,
                optimize=False,
                verbose=False,
            )
            assert program is not None
            # the reference of Resize computes pixel by pixel in Python; who loads a file folds it
            optimizer.optimize_ir(
                program.model, should_fold=lambda node: None if node.op_type != "Resize" else False
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise UserError(
            f"renderer '{renderer.config.type}' cannot be translated to ONNX: {reason}"
        ) from error
    return program.model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the translation says of packages and interfaces that are none of ours."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir", "onnxscript")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _write(model: ir.Model, about: Mapping[str, Any], out: Path) -> None:
    """One file without the traces that the translation left: places of source files.

    Raises:
        UserError: The graph is larger than a file of ONNX.
    """
    graph = model.graph
    size = sum(v.const_value.nbytes for v in graph.initializers.values() if v.const_value)
    if size > _MOST:
        raise UserError(
            f"the renderer has {size / 1e9:.1f} GB of weights, a file of ONNX holds "
            f"{_MOST / 1e9:.1f} GB; train a narrower one"
        )
    nodes = list(graph.all_nodes())
    values = [*graph.inputs, *(value for node in nodes for value in node.outputs)]
    traced: list[Any] = [graph, *nodes, *values]
    for part in traced:
        part.metadata_props.clear()
    model.producer_name, model.producer_version = "avatar-kit", __version__
    model.metadata_props.clear()
    model.metadata_props.update({name: json.dumps(value) for name, value in about.items()})
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    out.write_bytes(proto.SerializeToString(deterministic=True))


def _described(title: str, camera: Camera) -> dict[str, Any]:
    """The camera that the conditions have to be drawn before."""
    matrices = {name: getattr(camera, name)[0].tolist() for name in ("K", "R", "t")}
    return {"name": title, "width": camera.width, "height": camera.height, **matrices}


def _listed(values: Iterable[ir.Value]) -> str:
    """Names and shapes, for a person."""
    return ", ".join(f"{v.name} {[int(str(n)) for n in v.shape or ()]}" for v in values)
