"""HTML and SVG put together from Python: whatever is not markup already is escaped."""

from __future__ import annotations

from html import escape


class Markup(str):
    """Text that is HTML or SVG as it stands."""

    __slots__ = ()


_VOID = frozenset({"meta", "br", "link"})


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: `Markup` as it is, anything else escaped; `None` is left out.
        attributes: escaped; `None` is left out. `cls` stands for `class`, `_` for `-`.
    """
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items() if value is not None)}>"
    if name in _VOID:
        return Markup(opened)
    return Markup(f"{opened}{joined(*children)}</{name}>")


def joined(*children: object) -> Markup:
    """One after the other."""
    return Markup(
        "".join(child if isinstance(child, Markup) else escape(str(child)) for child in children if child is not None)
    )


def _attribute(name: str, value: object) -> str:
    name = "class" if name == "cls" else name if name in _CAMEL else name.replace("_", "-")
    return f' {name}="{escape(_number(value))}"'


_CAMEL = frozenset({"viewBox", "preserveAspectRatio"})


def _number(value: object) -> str:
    """Coordinates to a tenth; everything else as it is."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
