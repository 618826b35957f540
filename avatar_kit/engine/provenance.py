"""What pictures of an avatar say of themselves."""

from __future__ import annotations

from avatar_kit.config import MethodConfig
from avatar_kit.engine.background import Background
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.run import RunFolder
from avatar_kit.io.signing import Signer
from avatar_kit.io.synthetic import Synthetic
from avatar_kit.nn import PlateBackground


def described(
    run: RunFolder, config: MethodConfig, capture: str, signer: Signer | None = None
) -> Synthetic:
    """Whose avatar it is, and what painted it.

    Args:
        run: Of the avatar.
        config: It was trained with.
        capture: Name of the capture.
        signer: Who signs it; None: nobody.
    """
    return Synthetic(capture, run.root.resolve().name, config.type, config.consent, signer=signer)


def described_before(
    loaded: LoadedAvatar, background: Background | None, signer: Signer | None = None
) -> Synthetic:
    """The same, of pictures of an avatar before a background.

    Recorded pixels are in them where the renderer shows a recorded plate, and where the background
    is a picture file.

    Args:
        loaded: The avatar.
        background: What is behind it; None: the scene as its renderer shows it.
        signer: Who signs them; None: nobody.
    """
    said = described(loaded.run, loaded.config, loaded.subject.capture, signer)
    if background is None:
        parts = loaded.avatar.renderer.modules()
        recorded = any(isinstance(part, PlateBackground) for part in parts)
    else:
        recorded = background.picture is not None and background.picture.size > 3
    return said.beside_recorded() if recorded else said
