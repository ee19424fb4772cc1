"""docs/commands.md: every `nightshelf` command with its arguments and options, from the command itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer

from docs.reference.markdown import code, table
from services.batch.evaluate.baselines.registry import all_recommenders
from services.cli.main import app
from shared.settings import load_settings

HEAD = """\
# Commands

`nightshelf COMMAND --help` says the same. Exit code 0 means done, 1 that something is wrong, 2 that the command line is
wrong, 3 that the quality gate refused, 75 that another run holds the data folder. `make docs` writes this page from the
commands.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Each command that does something, by its full name."""

    def below(group: Any, name: str) -> Iterator[tuple[str, Any]]:
        for child_name, child in group.commands.items():
            full_name = f"{name} {child_name}"
            if hasattr(child, "commands"):
                yield from below(child, full_name)
            else:
                yield full_name, child

    yield from below(typer.main.get_command(app), "nightshelf")


def commands_page() -> str:
    """The page's text."""
    sections = [HEAD]
    for name, command in sorted(commands()):
        rows = [[_spelt(one), _default(one), _meaning(one)] for one in command.params]
        parts = [f"## {code(name)}", (command.help or "").strip()]
        if rows:
            parts.append(table(("Option", "Default", "Meaning"), rows))
        sections.append("\n\n".join(parts) + "\n")
    return "\n".join(sections)


def _spelt(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(parameter.name.upper())
    return code(", ".join((*parameter.opts, *parameter.secondary_opts)))


def _meaning(parameter: Any) -> str:
    meaning = getattr(parameter, "help", None) or ""
    choices = choices_of(parameter)
    return f"{meaning} One of {', '.join(map(code, choices))}.".strip() if choices else meaning


def choices_of(parameter: Any) -> list[str]:
    """The values that an option allows, if they are names."""
    if "--system" in parameter.opts:
        settings = load_settings(reranker={"enabled": True})  # has all of them
        return [recommender.name for recommender in all_recommenders(settings, Path())]
    annotation = parameter.type_descriptor.annotation
    allowed = (get_args(annotation) or (annotation,))[0]
    return [one.value for one in allowed] if isinstance(allowed, type) and issubclass(allowed, Enum) else []


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None or parameter.default is False or parameter.default == []:
        return ""
    return code(parameter.default)
