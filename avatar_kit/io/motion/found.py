"""What was found in a motion file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from avatar_kit.scene import Motion


@dataclass(frozen=True)
class MotionFile:
    """One motion of a file, and how it was read.

    Attributes:
        path: The file.
        motion: y up, metres.
        clip: Name of the clip; the file's own name if it holds one motion.
        layout: What the file is.
        up: The axis that was taken to point up.
        unit: The unit that its places were taken to be in.
        rate: "stated", "usual" of its format, or "guessed".
        placed: Whether the file says where the person is.
        hands: What of hands was read; empty: none.
        face: What of the face was read; empty: none.
        dropped: What the file holds and was left out.
        notes: What was guessed, mended, or looks odd.
    """

    path: Path
    motion: Motion
    clip: str
    layout: str
    up: str
    unit: str
    rate: str
    placed: bool
    hands: str
    face: str
    dropped: tuple[str, ...]
    notes: tuple[str, ...]

    def line(self) -> str:
        """What was found, in one line for a person."""
        rates = {"usual": " (usual of the format)", "guessed": " (a guess: say --motion-fps)"}
        frames = "1 frame" if len(self.motion) == 1 else f"{len(self.motion)} frames"
        parts = [
            self.layout,
            f"{frames} at {self.motion.fps:g} fps{rates.get(self.rate, '')}",
            f"{self.up} up",
            self.unit if self.placed else "stays in place",
            self.hands or "no fingers",
        ]
        if self.face:
            parts.append(self.face)
        if self.dropped:
            parts.append(f"left out: {', '.join(self.dropped)}")
        return f"{self.path.name}: {', '.join(parts)}"
