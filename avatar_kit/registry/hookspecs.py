"""The hooks a plugin may implement: one per kind of component, and one for commands.

The hook of a kind receives
``register(name, config=ConfigClass, target="package.module:Class", default=False)``:

* ``name``: what a person writes in a config.
* ``config``: a torch-free pydantic class derived from the kind's config class.
* ``target``: where the implementation lives; imported on first use.
* ``default``: take this component where a config does not say (one per kind).

The hook of commands receives
``register(name, target="package.module:function", help="One line.")``:

* ``name``: what a person types after ``avatar-kit``.
* ``target``: a function with typer's annotations or a ``typer.Typer``; imported when it is run.
* ``help``: one line for ``avatar-kit --help``.
"""

from __future__ import annotations

from collections.abc import Callable

import pluggy

hookspec = pluggy.HookspecMarker("avatar_kit")

Register = Callable[..., None]


@hookspec
def register_bodies(register: Register) -> None:
    """Register body models (config: ``BodyConfig``, target: ``Body``)."""


@hookspec
def register_encoders(register: Register) -> None:
    """Register condition encoders (config: ``EncoderConfig``, target: ``Encoder``)."""


@hookspec
def register_renderers(register: Register) -> None:
    """Register renderers (config: ``RendererConfig``, target: ``Renderer``)."""


@hookspec
def register_aligners(register: Register) -> None:
    """Register motion aligners (config: ``AlignerConfig``, target: ``Aligner``)."""


@hookspec
def register_methods(register: Register) -> None:
    """Register methods (config: ``MethodConfig``, target: ``Method``)."""


@hookspec
def register_datasets(register: Register) -> None:
    """Register datasets (config: ``DatasetConfig``, target: ``Dataset``)."""


@hookspec
def register_trackers(register: Register) -> None:
    """Register trackers (config: ``TrackerConfig``, target: ``Tracker``)."""


@hookspec
def register_mattings(register: Register) -> None:
    """Register mattings (config: ``MattingConfig``, target: ``Matting``)."""


@hookspec
def register_metrics(register: Register) -> None:
    """Register metrics (config: ``MetricConfig``, target: ``Metric``)."""


@hookspec
def register_exporters(register: Register) -> None:
    """Register exporters (config: ``ExporterConfig``, target: ``Exporter``)."""


@hookspec
def register_commands(register: Register) -> None:
    """Register commands of ``avatar-kit`` (target: a function, or a ``typer.Typer``)."""
