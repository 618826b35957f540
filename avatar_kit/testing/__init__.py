"""The conformance kit: what a component must do to stand beside ours.

A plugin author subclasses the class of the component's kind and names the component::

    from avatar_kit.testing import RendererConformance


    class TestMine(RendererConformance):
        name = "mine"

pytest runs every check; ``avatar-kit plugins check mine`` runs the same ones without pytest.
Names are imported when they are used: the pytest plugin must not bring torch into every test run.
"""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.testing.aligner import AlignerConformance as AlignerConformance
    from avatar_kit.testing.body import BodyConformance as BodyConformance
    from avatar_kit.testing.conformance import Broken as Broken
    from avatar_kit.testing.conformance import Conformance as Conformance
    from avatar_kit.testing.conformance import NotApplicable as NotApplicable
    from avatar_kit.testing.conformance import require as require
    from avatar_kit.testing.dataset import DatasetConformance as DatasetConformance
    from avatar_kit.testing.encoder import EncoderConformance as EncoderConformance
    from avatar_kit.testing.exporter import ExporterConformance as ExporterConformance
    from avatar_kit.testing.matting import MattingConformance as MattingConformance
    from avatar_kit.testing.method import MethodConformance as MethodConformance
    from avatar_kit.testing.metric import MetricConformance as MetricConformance
    from avatar_kit.testing.renderer import RendererConformance as RendererConformance
    from avatar_kit.testing.running import Outcome as Outcome
    from avatar_kit.testing.running import check_component as check_component
    from avatar_kit.testing.running import conformance_class as conformance_class
    from avatar_kit.testing.tracker import TrackerConformance as TrackerConformance

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "AlignerConformance": "avatar_kit.testing.aligner",
        "BodyConformance": "avatar_kit.testing.body",
        "Broken": "avatar_kit.testing.conformance",
        "Conformance": "avatar_kit.testing.conformance",
        "DatasetConformance": "avatar_kit.testing.dataset",
        "EncoderConformance": "avatar_kit.testing.encoder",
        "ExporterConformance": "avatar_kit.testing.exporter",
        "MattingConformance": "avatar_kit.testing.matting",
        "MethodConformance": "avatar_kit.testing.method",
        "MetricConformance": "avatar_kit.testing.metric",
        "NotApplicable": "avatar_kit.testing.conformance",
        "Outcome": "avatar_kit.testing.running",
        "RendererConformance": "avatar_kit.testing.renderer",
        "TrackerConformance": "avatar_kit.testing.tracker",
        "check_component": "avatar_kit.testing.running",
        "conformance_class": "avatar_kit.testing.running",
        "require": "avatar_kit.testing.conformance",
    },
)
