"""What a renderer returns, in the words that renderers offer and methods want."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from torch import Tensor


@dataclass(frozen=True)
class RenderOutput:
    """B rendered frames.

    A renderer fills the fields that its config offers (``RendererConfig.offers``) and no others.
    If it returns ``person``, ``alpha`` and ``background``,
    ``rgb = alpha * person + (1 - alpha) * background``.

    Attributes:
        rgb: [B, 3, H, W] the whole picture, nominally in [0, 1]; not clamped, so that losses keep
            their gradient.
        alpha: [B, 1, H, W] in [0, 1], how much the person covers a pixel.
        alpha_logit: [B, 1, H, W] alpha before its sigmoid, for a stable cross entropy.
        person: [B, 3, H, W] colours of the person only, not multiplied by alpha; any value where
            alpha is 0.
        background: [B or 1, 3, H, W] the scene behind the person.
        depth: [B, 1, H, W] camera z of the person's surface in metres; 0 where there is none.
        normals: [B, 3, H, W] unit normals of the person's surface in camera axes; 0 where there is
            none.
        auxiliary: Name -> [B, 4, H, W], further pictures that should look like the recording: three
            colours, and a mask in [0, 1] of the pixels that count.
    """

    rgb: Tensor
    alpha: Tensor | None = None
    alpha_logit: Tensor | None = None
    person: Tensor | None = None
    background: Tensor | None = None
    depth: Tensor | None = None
    normals: Tensor | None = None
    auxiliary: dict[str, Tensor] = field(default_factory=dict)

    def given(self) -> dict[str, Tensor]:
        """Every tensor that is given, by its dotted name."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "auxiliary"}
        pictures = {f"auxiliary.{name}": value for name, value in self.auxiliary.items()}
        return {name: value for name, value in plain.items() if value is not None} | pictures
