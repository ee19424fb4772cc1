"""Writes the pages of the reference that are made from the code: `make docs`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs.reference.api_page import api_page
from docs.reference.commands_page import commands_page
from docs.reference.settings_page import settings_page

DOCS = Path(__file__).parent.parent
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "api.md": api_page,
    "commands.md": commands_page,
}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
