"""``avatar-kit doctor``."""

from __future__ import annotations

import typer

from avatar_kit.cli.options import AsJson

HELP = """Report what this machine can run, and what to install for the rest."""

_EXTRAS = {
    "track": ("mediapipe", "prepare your own videos; drive with a video"),
    "live": ("aiohttp", "drive an avatar live"),
    "view": ("viser", "view an avatar from all sides"),
    "cuda": ("gsplat", "splatting on NVIDIA GPUs"),
}


def doctor(as_json: AsJson = False) -> None:
    """Check the machine."""
    import json

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    found = _found()
    if as_json:
        rows = [{"ok": ok, "name": name, "text": text} for ok, name, text in found]
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table(show_header=False, show_edge=False, pad_edge=False)
    for ok, name, text in found:
        table.add_row("[green]ok[/]" if ok else "[yellow]--[/]", name, escape(text))
    Console().print(table)


def _found() -> list[tuple[bool, str, str]]:
    """Of each thing whether it is as it should be, its name, and what it is or what to do."""
    import importlib.util
    import shutil

    import torch

    from avatar_kit import __version__
    from avatar_kit.errors import how_to_get, how_to_install
    from avatar_kit.graphics import splat_cuda, warp_device
    from avatar_kit.io.cache import cache_dir, cache_limit, cache_size, stages_limit
    from avatar_kit.registry import catalog, plugins

    rows: list[tuple[bool, str, str]] = []
    cuda = torch.cuda.is_available()
    gpu = torch.cuda.get_device_name() if cuda else "none: training uses the preset 'demo'"
    rows.append((True, "avatar-kit", __version__))
    rows.append((True, "torch", f"{torch.__version__}, {torch.get_num_threads()} CPU threads"))
    rows.append((cuda, "CUDA", gpu))
    lacks = {
        "rasterising": ("Warp", warp_device.missing(torch.device("cuda")) if cuda else ""),
        "splatting": ("gsplat", splat_cuda.missing()),
    }
    for what, (package, lacking) in lacks.items():
        reason = "there is no GPU" if not cuda else f"{package} is {lacking}" if lacking else ""
        where = f"on the CPU: {reason}" if reason else f"on the GPU, by {package}"
        rows.append((not reason, what, where))
    for extra, (module, purpose) in _EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        fix = "" if there else f"   {how_to_install(extra)}"
        rows.append((there, f"extra {extra}", purpose + fix))
    for component in catalog().components():
        missing = component.missing_models()
        if component.default and missing:
            what = f"{component.kind} {component.name}"
            rows.append((False, what, f"needs {', '.join(missing)}   {how_to_get(missing)}"))
    optional = [m for m, users in catalog().models() if any(m in c.config.models for c in users)]
    here = sum(model.here() for model in optional)
    if optional:
        text = f"{here} of {len(optional)} optional ones are installed"
        text += "" if here == len(optional) else "   avatar-kit models list"
        rows.append((here == len(optional), "models", text))
    failed = [p for p in plugins() if p.failure]
    names = ", ".join(p.name for p in failed) or "all load"
    rows.append((not failed, "plugins", names))
    folder = cache_dir()
    free = shutil.disk_usage(folder).free / 2**30
    rows.append((free > 2, "cache", f"{folder}, {free:.0f} GiB free"))
    for name, limit, what in (
        ("frames", cache_limit(), "decoded frames"),
        ("prepare", stages_limit(), "stages of prepare"),
    ):
        size = f"{cache_size(name) / 2**30:.1f} of {limit / 2**30:g} GiB"
        rows.append((True, f"cache of {what}", f"{folder / name}, {size}"))
    return rows
