"""The version of an artifact's build function: a hash of its source, so changed code never reuses an old artifact.

The hash covers the build function and every module of this project that it imports, directly or through others, except
those in `_NOT_SHAPING`. It is computed from the syntax tree without docstrings, so comments, docstrings, layout and the
checkout path do not change it. Another minor version of Python may change it; then all artifacts are built again once.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_OURS = ("services.", "shared.")
# Modules that do not affect artifacts. Settings values are separate inputs of the id; the others are infrastructure.
_NOT_SHAPING = frozenset(
    {
        "services.batch.runtime",
        "shared.artifacts.generation",
        "shared.deprecated",
        "shared.errors",
        "shared.keys",
        "shared.layout",
        "shared.log",
        "shared.redis",
        "shared.settings",
    }
)


@cache
def source_version(build: Callable[..., object]) -> str:
    """The version of a build function, 12 hex digits.

    Imports inside functions and for typing also count, to be safe.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(build)))
    digests = {build.__qualname__: _digest(tree)}
    waiting = list(_imported(tree))
    while waiting:
        module = waiting.pop()
        if module not in digests:
            digests[module], imported = _module(module)
            waiting += imported
    lines = "\n".join(f"{name} {digest}" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def source_digest(source: str) -> str:
    """A hash of Python source that comments, docstrings and layout do not change."""
    return _digest(ast.parse(source))


@cache
def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """The digest of a module and the modules of this project that it imports."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"The source of {name} is missing.", name=name)
    tree = ast.parse(Path(spec.origin).read_bytes())
    imported = tuple(_imported(tree))
    return _digest(tree), imported


def _imported(tree: ast.Module) -> Iterator[str]:
    """Modules of this project that a tree imports and that affect artifacts."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            # `from package import module` names a module, `from module import function` does not.
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [node.module, *(name for name in inside if name.startswith(_OURS) and _is_module(name))]
        yield from (name for name in names if name.startswith(_OURS) and not _is_plumbing(name))


@cache
def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is not a package
        return False


def _is_plumbing(name: str) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:n]) in _NOT_SHAPING for n in range(1, len(parts) + 1))


def _digest(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
