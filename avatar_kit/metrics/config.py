"""Configs of the built-in metrics."""

from typing import ClassVar, Literal

from avatar_kit.declarations import MetricConfig

#: Terms of the weights that the metrics rest on.
_SHIFT_TOLERANT = "BSD-2-Clause, MIT (the metadata of stlpips_pytorch); trained on ImageNet"
_TORCHVISION = "weights of torchvision, trained on ImageNet: ask their publisher"


class PSNRConfig(MetricConfig):
    """Peak signal-to-noise ratio in dB, per frame, then the mean."""

    type: Literal["psnr"] = "psnr"


class SSIMConfig(MetricConfig):
    """Structural similarity, 11x11 Gaussian window with sigma 1.5, per frame, then the mean."""

    type: Literal["ssim"] = "ssim"


class StLpipsConfig(MetricConfig):
    """Shift-tolerant LPIPS on the AlexNet that its wheel carries. Not comparable to LPIPS."""

    licence: ClassVar[str] = _SHIFT_TOLERANT

    type: Literal["st_lpips_alex"] = "st_lpips_alex"


class StTlpipsConfig(MetricConfig):
    """Temporal twin of ``st_lpips_alex``: |d(p[t-1], p[t]) - d(g[t-1], g[t])| x 100."""

    licence: ClassVar[str] = _SHIFT_TOLERANT

    type: Literal["st_tlpips_alex"] = "st_tlpips_alex"


class FlipConfig(MetricConfig):
    """LDR-FLIP at 67 pixels per degree, per frame, then the mean. Needs the extra ``metrics``."""

    type: Literal["flip"] = "flip"


class LpipsConfig(MetricConfig):
    """Genuine LPIPS 0.1 with AlexNet, where torchvision's weights are in torch's hub folder."""

    licence: ClassVar[str] = _TORCHVISION

    type: Literal["lpips_alex"] = "lpips_alex"


class FrechetAlexConfig(MetricConfig):
    """Frechet distance on the AlexNet of ``st_lpips_alex``. Not FID; compare at equal frames."""

    licence: ClassVar[str] = _SHIFT_TOLERANT

    type: Literal["frechet_alex"] = "frechet_alex"


class FidConfig(MetricConfig):
    """FID, where the genuine Inception weights are in torch's hub folder."""

    licence: ClassVar[str] = "weights of Inception, trained on ImageNet: ask their publisher"

    type: Literal["fid_inception"] = "fid_inception"
