"""Checks of exporters."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any, cast

import torch

from avatar_kit.config import ExporterConfig
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Exported, ExportSource
from avatar_kit.testing.avatar import export_source
from avatar_kit.testing.conformance import Conformance, NotApplicable, require


class ExporterConformance(Conformance):
    """What every exporter must do.

    It is given a small avatar of the default body, whose one encoder yields Gaussians and has
    ``rigged_gaussians``, and one whose encoder yields a feature map. It may refuse one of them by a
    UserError; the checks go by the other.
    """

    kind = "exporter"

    def build(self) -> Any:
        """A new exporter."""
        return self.component.load()(self.config)

    @property
    def declared(self) -> type[ExporterConfig]:
        """Its config class."""
        return cast(type[ExporterConfig], self.component.config)

    def written(self, source: ExportSource) -> tuple[bytes, Exported]:
        """The file that a new exporter writes, and what it says of it."""
        with tempfile.TemporaryDirectory(prefix="avatar-kit-check-") as folder:
            out = Path(folder) / f"avatar{self.declared.suffixes[0]}"
            exported = self.build().export(source, out, lambda done, total, line: None)
            there = sorted(p.name for p in Path(folder).iterdir())
            require(there == [out.name], f"export left {there or 'nothing'} instead of {out.name}")
            require(out.is_file(), f"{out.name} is no file")
            return out.read_bytes(), exported

    def test_suffixes_are_declared(self) -> None:
        """The config names suffixes in small letters, with the dot, and what a file ``holds``."""
        suffixes = self.declared.suffixes
        good = isinstance(suffixes, tuple) and all(
            isinstance(s, str) and re.fullmatch(r"(\.[a-z0-9_]+)+", s) for s in suffixes
        )
        require(good and suffixes, f"suffixes is {suffixes!r}: a tuple such as ('.ply',)")
        holds = self.declared.holds
        require(
            holds in ("pose", "motion", "avatar"),
            f"holds is {holds!r}: say 'pose', 'motion' or 'avatar'",
        )

    def test_writes_the_one_file(self) -> None:
        """The file is where it was asked for, not empty, and alone; what was written is said."""
        data, exported = self.written(self.source())
        require(data, "the file is empty")
        require(
            isinstance(exported, Exported) and exported.what.strip(),
            f"export returns {exported!r}: an Exported that says what was written",
        )
        lines = (exported.what, *exported.notes)
        bad = [text for text in lines if not isinstance(text, str) or "\n" in text]
        require(not bad, f"{bad[:1]} is no line: notes are printed one after another")

    def test_the_same_source_gives_the_same_file(self) -> None:
        """Written twice by two exporters, the file is the same, byte for byte."""
        first, second = (self.written(self.source())[0] for _ in range(2))
        require(first == second, "two exports of one avatar differ: leave times and chance out")

    def test_another_pose_gives_another_file(self) -> None:
        """What holds a pose or a motion follows it."""
        if self.declared.holds == "avatar":
            raise NotApplicable("holds no pose")
        source = self.source()
        if self.declared.holds == "pose":
            other = self.source(frame=2)
        else:
            assert source.motion is not None
            other = ExportSource(**{**vars(source), "motion": source.motion[[2, 0, 1, 3]]})
        same = self.written(source)[0] == self.written(other)[0]
        require(not same, "another pose gives the same file")

    def test_a_motion_may_be_left_out(self) -> None:
        """What holds a motion is written, or refused by a UserError, where none is given."""
        if self.declared.holds != "motion":
            raise NotApplicable("holds no motion")
        source = ExportSource(**{**vars(self.source()), "motion": None})
        self.written_or_refused(source)

    def test_an_avatar_without_gaussians(self) -> None:
        """An avatar whose encoder yields a feature map is written, or refused by a UserError."""
        self.written_or_refused(export_source(self.declared.holds, gaussians=False))

    def test_leaves_the_avatar_alone(self) -> None:
        """No parameter, buffer or mode of the avatar changes."""
        source = self.source()
        avatar = source.avatar
        before = {name: value.clone() for name, value in avatar.state_dict().items()}
        self.written(source)
        after = avatar.state_dict()
        changed = [n for n, v in before.items() if n not in after or not torch.equal(v, after[n])]
        require(not changed and len(before) == len(after), f"export changes {changed[:3]}")
        require(not avatar.training, "export leaves the avatar in training mode")

    def source(self, frame: int = 0) -> ExportSource:
        """The small avatar, of Gaussians where the exporter takes some, in one of its poses."""
        taken = self.once("takes Gaussians", self.takes_gaussians)
        return export_source(self.declared.holds, frame=frame, gaussians=taken)

    def takes_gaussians(self) -> bool:
        """Whether the avatar of Gaussians is written, and not refused by a UserError."""
        try:
            self.written(export_source(self.declared.holds))
        except UserError:
            return False
        return True

    def written_or_refused(self, source: ExportSource) -> None:
        """Export; a UserError of one line is as good as a file."""
        try:
            self.written(source)
        except UserError as refused:
            text = str(refused)
            require(text.strip() and "\n" not in text, "a refusal is one line that says why")
