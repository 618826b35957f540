"""The capture folder: read, write, validate, split.

Names are imported when they are used.
"""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.capture.folder import Capture as Capture
    from avatar_kit.capture.opening import open_capture as open_capture
    from avatar_kit.capture.pictures import Pictures as Pictures
    from avatar_kit.capture.record import CaptureRecord as CaptureRecord
    from avatar_kit.capture.split import Sample as Sample
    from avatar_kit.capture.split import Split as Split
    from avatar_kit.capture.view import CaptureView as CaptureView
    from avatar_kit.capture.writer import CaptureWriter as CaptureWriter

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Capture": "avatar_kit.capture.folder",
        "CaptureRecord": "avatar_kit.capture.record",
        "CaptureView": "avatar_kit.capture.view",
        "CaptureWriter": "avatar_kit.capture.writer",
        "Pictures": "avatar_kit.capture.pictures",
        "Sample": "avatar_kit.capture.split",
        "Split": "avatar_kit.capture.split",
        "open_capture": "avatar_kit.capture.opening",
    },
)
