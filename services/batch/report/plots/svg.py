"""Builds SVG elements; text and attributes are escaped."""

from __future__ import annotations

from markupsafe import Markup, escape

_CAMEL = frozenset({"viewBox", "preserveAspectRatio"})


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: `Markup` is kept, anything else is escaped, `None` is dropped.
        attributes: escaped; `None` is dropped. `cls` stands for `class`, `_` for `-`.
    """
    opened = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    return Markup(f"<{name}{opened}>{joined(*children)}</{name}>")  # noqa: S704  # its parts are escaped


def joined(*children: object) -> Markup:
    """The children in sequence, escaped as in `tag`."""
    return Markup("").join(
        child if isinstance(child, Markup) else str(child) for child in children if child is not None
    )


def _attribute(name: str, value: object) -> str:
    name = "class" if name == "cls" else name if name in _CAMEL else name.replace("_", "-")
    return f' {name}="{escape(_number(value))}"'


def _number(value: object) -> str:
    """Floats rounded to one decimal; everything else unchanged."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
