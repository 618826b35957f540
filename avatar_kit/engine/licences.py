"""What went into a run, and under which terms: code, model, data and weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from avatar_kit.capture.record import RECORD, read_record
from avatar_kit.config import ComponentConfig, MethodConfig
from avatar_kit.engine.assemble import build_body
from avatar_kit.engine.run import RunFolder, Subject
from avatar_kit.errors import UserError
from avatar_kit.registry import catalog, plugins
from avatar_kit.registry.licences import Commercial, allows, distribution_licence

#: Packages whose terms matter wherever they took part, though no component brings them.
_BESIDE = ("torch", "numpy", "numba", "av", "roma", "safetensors")
#: Those that a run on CUDA rests on, where they are installed.
_ON_CUDA = ("gsplat", "nvdiffrast")

#: Terms of distributions whose metadata do not say all.
_KNOWN = {
    "nvdiffrast": "Nvidia Source Code License: non-commercial use",
    "av": "BSD-3-Clause; its wheels carry FFmpeg with x264: GPL, when you pass them on",
}

_NOT_STATED = "not stated"


@dataclass(frozen=True)
class Ingredient:
    """One thing that went into a run.

    Attributes:
        sort: What it is.
        name: Its name, with the version where it has one.
        role: What it did.
        licence: Its terms, as whoever brings it states them.
        commercial: Whether these terms allow commercial use; "ask" where they do not say.
    """

    sort: Literal["code", "model", "data", "weights"]
    name: str
    role: str
    licence: str
    commercial: Commercial


def ingredients(run: RunFolder) -> list[Ingredient]:
    """What went into the run of one person.

    Raises:
        UserError: It is no run, or a file of it is damaged.
    """
    config, subject = run.read_config(), run.read_subject()
    about = run.read_json("environment.json")
    return [
        *_code(config, about),
        _body(config, subject),
        *_data(config, subject, run),
        *_weights(config, about),
    ]


def _parts(config: MethodConfig) -> list[tuple[str, ComponentConfig]]:
    """Kind and config of every component of a run."""
    return [
        ("method", config),
        ("body", config.body),
        *(("encoder", encoder) for encoder in config.encoders.values()),
        ("renderer", config.renderer),
        ("aligner", config.aligner),
        ("dataset", config.data),
        *(("metric", metric) for metric in config.evaluation.metrics),
    ]


def _code(config: MethodConfig, about: dict[str, Any]) -> Iterator[Ingredient]:
    """Distributions of the plugins that took part, and packages beside them."""
    origin = {plugin.name: plugin for plugin in plugins()}
    roles: dict[str, dict[str, None]] = {}
    for kind, part in _parts(config):
        plugin = origin[catalog().get(kind, part.type).plugin]
        name = f"{plugin.distribution} {plugin.version}".strip()
        roles.setdefault(name, {})[f"{kind} {part.type}"] = None
    for name, did in roles.items():
        yield _ingredient("code", name, ", ".join(did), _licence(name.split(" ")[0]))
    packages = about.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    wanted = (*_BESIDE, *(_ON_CUDA if about.get("gpu") else ()))
    for name in wanted:
        licence = _licence(name)
        if licence:
            version = versions.get(name) or ""
            yield _ingredient("code", f"{name} {version}".strip(), "library", licence)


def _body(config: MethodConfig, subject: Subject) -> Ingredient:
    """The body model's data, which no checkpoint holds and rendering needs."""
    try:
        licence = build_body(config).asset.licence
    except UserError as error:
        licence = f"{_NOT_STATED} ({error})"
    name = f"{subject.body_asset['name']}, sha256 {subject.body_asset['sha256'][:12]}"
    return _ingredient("model", name, f"body {config.body.type}", licence)


def _data(config: MethodConfig, subject: Subject, run: RunFolder) -> Iterator[Ingredient]:
    """The capture, and what found the motion in it."""
    consent = f"; the person agreed to: {config.consent}" if config.consent else ""
    licence = config.data.licence or f"the terms of your pictures, which only you know{consent}"
    yield _ingredient("data", subject.capture, f"capture ({config.data.type})", licence)
    path = getattr(config.data, "path", None)
    if path is None:
        return
    if not (path / RECORD).is_file():
        yield _ingredient(
            "weights", "tracker", "found the motion", f"{_NOT_STATED}: {path} is gone"
        )
        return
    for kind in ("tracker", "matting"):
        name = read_record(path).provenance.get(kind)
        if isinstance(name, str):
            yield from _of_maker(kind, name)


def _of_maker(kind: str, name: str) -> Iterator[Ingredient]:
    """Code and model files of the component that made a part of a capture."""
    if name not in catalog().names(kind):
        yield _ingredient("code", name, f"{kind} of the capture", f"{_NOT_STATED}: not installed")
        return
    component = catalog().get(kind, name)
    plugin = next(p for p in plugins() if p.name == component.plugin)
    licence = _licence(plugin.distribution)
    yield _ingredient("code", plugin.distribution, f"{kind} {name} of the capture", licence)
    if component.config.licence:
        yield _ingredient("weights", name, f"{kind} of the capture", component.config.licence)
    for model in (*component.config.models, *component.config.needs):
        role = f"{kind} of the capture" + ("" if model.here() else ", where it was used")
        yield _ingredient("weights", model.name, role, model.licence)


def _weights(config: MethodConfig, about: dict[str, Any]) -> Iterator[Ingredient]:
    """Networks that somebody else trained: of losses, of metrics, of the aligner's prior."""
    method, aligner = (about.get(key) for key in ("method", "aligner"))
    for role, name in (method if isinstance(method, dict) else {}).items():
        if "perceptual" in role:
            licence = _licence(str(name).split("-")[0]) or f"{_NOT_STATED}: ask its publisher"
            yield _ingredient("weights", str(name), role, licence)
    prior = aligner if isinstance(aligner, dict) else {}
    if "prior" in prior:
        licence = str(prior.get("prior_licence", _NOT_STATED))
        yield _ingredient("weights", str(prior["prior"]), "prior of the aligner", licence)
    for metric in config.evaluation.metrics:
        if metric.licence:
            yield _ingredient("weights", metric.type, "metric: measures, alone", metric.licence)


def _licence(distribution: str) -> str:
    stated = distribution_licence(distribution)
    return _KNOWN.get(distribution, stated) if stated else ""


def _ingredient(
    sort: Literal["code", "model", "data", "weights"], name: str, role: str, licence: str
) -> Ingredient:
    terms = licence or f"{_NOT_STATED}: a file of its own"
    return Ingredient(sort, name, role, terms, allows(terms))
