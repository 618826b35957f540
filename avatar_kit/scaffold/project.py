"""From the template files to a project of one's own."""

from __future__ import annotations

import importlib.util
import json
import keyword
import os
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from avatar_kit import API_VERSION, __version__
from avatar_kit.errors import UserError
from avatar_kit.io.atomic import temporary_sibling
from avatar_kit.registry import KINDS, catalog, plugins

TEMPLATES = Path(__file__).parent / "templates"


def new_project(name: str, kind: str, parent: Path) -> Path:
    """Write a project ``avatar-kit-NAME`` with a working component, whole or not at all.

    Args:
        name: Name of the component and of the plugin.
        kind: Kind of the component.
        parent: Folder that will hold the project.

    Returns:
        The project's folder.

    Raises:
        UserError: The name or the kind will not do, or the folder is there already.
    """
    check_name(name, kind)
    root = parent / f"avatar-kit-{name.replace('_', '-')}"
    if root.exists():
        raise UserError(f"{root}: exists already; choose another name, or remove it")
    if not parent.is_dir():
        raise UserError(f"{parent}: no such folder; make it first")
    partial = temporary_sibling(root.absolute())
    try:
        for path, text in project_files(name, kind):
            target = partial / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        os.replace(partial, root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return root


def check_name(name: str, kind: str) -> None:
    """Refuse a name that Python, the catalog or the environment cannot take.

    Raises:
        UserError: One line that says why.
    """
    if kind not in KINDS:
        raise UserError(f"--kind {kind}: unknown; one of {', '.join(KINDS)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(
            f"'{name}' cannot name a plugin: lower-case letters, digits and _, a letter first, "
            "no Python keyword, for example  soft_renderer"
        )
    if name in catalog().names(kind):
        owner = catalog().get(kind, name).plugin
        raise UserError(f"the {kind} name '{name}' is taken by plugin '{owner}'; choose another")
    if name in {plugin.name for plugin in plugins()}:
        raise UserError(f"a plugin named '{name}' is installed already; choose another name")
    if importlib.util.find_spec(f"avatar_kit_{name}"):
        raise UserError(f"a package 'avatar_kit_{name}' is installed already; choose another name")


def project_files(name: str, kind: str) -> Iterator[tuple[Path, str]]:
    """Path and text of every file of a new project."""
    package = Path(f"avatar_kit_{name}")
    for source in sorted((TEMPLATES / "project").rglob("*")):
        if source.is_file():
            path = source.relative_to(TEMPLATES / "project").as_posix()
            yield Path(path.replace("dot_", ".")), _filled(source, name, kind)
    for source in sorted((TEMPLATES / kind).glob("*.py")):
        yield package / source.name, _filled(source, name, kind)
    yield package / "__init__.py", f'"""{kind.capitalize()} {name} for avatar-kit."""\n'


def source_of_avatar_kit() -> str:
    """What pip takes to install this avatar-kit elsewhere; empty where it was a folder here."""
    try:
        text = distribution("avatar-kit").read_text("direct_url.json")
        about = json.loads(text) if text else {}
    except (PackageNotFoundError, ValueError):
        return ""
    if "vcs_info" in about:
        return f"avatar-kit @ git+{about['url']}@{about['vcs_info']['commit_id']}"
    return "" if about else "avatar-kit"


def _filled(source: Path, name: str, kind: str) -> str:
    camel = "".join(part.capitalize() for part in name.split("_"))
    words = {
        "avatar-kit-myplugin": f"avatar-kit-{name.replace('_', '-')}",
        "myplugin": name,
        "MyPlugin": camel,
        "mykind": kind,
        "MyKind": kind.capitalize(),
        "avatar_kit_api = 2": f"avatar_kit_api = {API_VERSION}",
        "avatar-kit>=0.1.0": f"avatar-kit>={__version__}",
        "SOURCE_OF_AVATAR_KIT": source_of_avatar_kit(),
    }
    text = source.read_text()
    for placeholder, value in words.items():
        text = text.replace(placeholder, value)
    return text
