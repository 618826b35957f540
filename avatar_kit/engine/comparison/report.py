"""The files of a comparison: ``report.json``, ``report.md``, pictures and videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from avatar_kit.engine.comparison import markdown
from avatar_kit.engine.comparison.figures import gather, summarise
from avatar_kit.engine.comparison.pictures import show
from avatar_kit.engine.comparison.plan import Plan
from avatar_kit.io.atomic import atomic_path


def write_report(plan: Plan, out: Path, *, pictures: bool = False) -> dict[str, Any]:
    """Write the report of what is finished.

    Args:
        plan: The plan.
        out: Folder of the comparison.
        pictures: Whether to render the grids and videos as well.

    Returns:
        The content of ``report.json``.
    """
    figures = gather(plan, out)
    shown = {}
    if pictures:
        shown = {name: names for name in plan.captures if (names := show(figures, name, out))}
    summary = summarise(figures)
    for name, text in (
        ("report.json", json.dumps(summary, indent=1)),
        ("report.md", markdown.report(summary, shown)),
    ):
        with atomic_path(out / name) as path:
            path.write_text(text)
    return summary
