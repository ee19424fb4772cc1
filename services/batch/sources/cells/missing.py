r"""The words that programs and people write where a value is missing.

`NULL`, `nan`, `None`, `N/A` and `\N` are missing as an author, a genre, a description or an id. A title may be such a
word: only what no title can be (`\N`, `#N/A`) is missing there.
"""

from __future__ import annotations

NEVER_A_TEXT = frozenset(
    {
        "\\n",
        "\\\\n",
        "<na>",
        "<null>",
        "(null)",
        "[null]",
        "#n/a",
        "#na",
        "#ref!",
        "#name?",
        "#value!",
        "#null!",
        "#div/0!",
    }
)
MISSING_WORDS = NEVER_A_TEXT | frozenset(
    {
        "",
        "null",
        "nan",
        "-nan",
        "nat",
        "none",
        "n/a",
        "n.a.",
        "n. a.",
        "na",
        "n/d",
        "undefined",
        "missing",
        "(none)",
        "(empty)",
        "(blank)",
        "[]",
        "{}",
        "[none]",
        "[nan]",
        "['']",
        '[""]',
        "unknown",
        "(unknown)",
        "[unknown]",
        "not available",
        "not applicable",
        "-",
        "--",
        "---",
        "\N{EN DASH}",
        "\N{EM DASH}",
        ".",
        "?",
        "??",
        "???",
    }
)
"""In lower case. A cell that holds one of these and nothing else has no value."""

_NO_DESCRIPTION = frozenset(
    f"{start}{noun}{end}"
    for noun in ("description", "summary", "synopsis", "overview", "blurb")
    for start, end in (
        ("no ", ""),
        ("no ", " available"),
        ("no ", " is available"),
        ("no ", " yet"),
        ("no ", " found"),
        ("no ", " provided"),
        ("", " not available"),
        ("", " unavailable"),
        ("", " not found"),
        ("", " coming soon"),
    )
)


def is_missing(text: str) -> bool:
    """Whether a cell has no value."""
    return text.strip().casefold() in MISSING_WORDS


def is_no_title(text: str) -> bool:
    """Whether a cell cannot be a title."""
    return not text.strip() or text.strip().casefold() in NEVER_A_TEXT


def is_no_description(text: str) -> bool:
    """Whether a text only says that there is none, for instance `No description available.`."""
    plain = text.strip().strip("[]()").rstrip(".!").casefold()
    return is_missing(text) or plain in _NO_DESCRIPTION or plain in MISSING_WORDS
