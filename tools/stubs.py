"""Public classes and functions as plain text: signatures and docstrings, without their bodies."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import textwrap
from typing import Any


def stub(what: Any) -> str:
    """A class or a function without what is inside its functions, as Python.

    Args:
        what: A class, a function, or anything else, which is given by its repr.
    """
    if not (inspect.isclass(what) or inspect.isfunction(what)):
        return repr(what)
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(what))).body
    if isinstance(tree, ast.ClassDef):
        tree.body = [kept for node in tree.body if (kept := _without_body(node)) is not None]
    else:
        tree = _without_body(tree)
    done = subprocess.run(
        ["ruff", "format", "-", "--line-length", "100"],
        input=ast.unparse(tree),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip()


def _without_body(node: ast.stmt) -> ast.stmt | None:
    """A statement of a class as a reader needs it; None where it is private."""
    if isinstance(node, ast.FunctionDef):
        if node.name.startswith("_") and node.name not in ("__init__", "__getitem__"):
            return None
        doc = ast.get_docstring(node, clean=False)
        node.body = [ast.Expr(ast.Constant(doc if doc is not None else ...))]
    names = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    private = any(isinstance(n, ast.Name) and n.id.startswith("_") for n in names)
    return None if private else node


def stubs(module: str, leave_out: frozenset[str] = frozenset()) -> str:
    """The public classes and functions of a module, one block each, in alphabetical order."""
    found = importlib.import_module(module)
    blocks = []
    for name in sorted(found.__all__):
        what = getattr(found, name)
        if name not in leave_out and (inspect.isclass(what) or inspect.isfunction(what)):
            blocks.append(f"```py\n{stub(what)}\n```\n")
    return "\n".join(blocks)


def first_lines(module: str) -> str:
    """A table of the public names of a module: how each is called, and the first line about it."""
    found = importlib.import_module(module)
    rows = []
    for name in sorted(found.__all__):
        what = getattr(found, name)
        if not callable(what):
            continue
        doc = (inspect.getdoc(what) or "").partition("\n\n")[0].replace("``", "`")
        arguments = ", ".join(_parameters(what))
        rows.append(f"| `{name}({arguments})` | {' '.join(doc.split())} |".replace("\\|", "|"))
    return "\n".join(["| name | |", "|---|---|", *rows])


def _parameters(what: Any) -> list[str]:
    try:
        found = inspect.signature(what).parameters
    except (TypeError, ValueError):
        return []
    return [name for name in found if not name.startswith("_")]
