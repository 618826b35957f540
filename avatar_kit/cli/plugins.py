"""``avatar-kit plugins``."""

from __future__ import annotations

HELP = """List the plugins, what they register, and which of them failed to load."""


def plugins() -> None:
    """List the plugins."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from avatar_kit.registry import KINDS
    from avatar_kit.registry import plugins as loaded

    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in ("plugin", "from", "registers"):
        table.add_column(column)
    for plugin in loaded():
        if plugin.failure:
            text = f"[red]failed: {escape(plugin.failure)}[/]"
        else:
            names = {kind: [c.name for c in plugin.components if c.kind == kind] for kind in KINDS}
            text = "\n".join(f"{k}: {', '.join(n)}" for k, n in names.items() if n)
        table.add_row(plugin.name, f"{plugin.distribution} {plugin.version}".strip(), text)
        table.add_section()
    Console().print(table)
