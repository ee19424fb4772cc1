"""Texts without the HTML, JSON and control characters that other programs left in them."""

from __future__ import annotations

import html
import json
import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_ESCAPES = 3  # a text may have been escaped again by each program it came through
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_WITH_CONTENT = re.compile(
    r"<(style|script)\b[^<>]*>.*?(?:</\1\s*>|\Z)|<(head|title|template)\b[^<>]*>.*?</\2\s*>", re.DOTALL | re.IGNORECASE
)
_WRITTEN_LINE_END = re.compile(r"(?:\\r)?\\n(?=[A-Z\s\"'\\*-]|$)")
_COMMENT = re.compile(r"<!--[^<>]*-->|<!DOCTYPE[^<>]*>|<\?xml[^<>]*\?>", re.IGNORECASE)
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|"
    "var|wbr"
)
_BLOCK = (
    "address|area|article|aside|audio|base|blockquote|body|br|button|canvas|caption|center|col|colgroup|dd|details|dir|div|"
    "dl|dt|embed|fieldset|figcaption|figure|footer|form|frame|h[1-6]|head|header|hr|html|iframe|img|input|label|legend|li|"
    "link|main|map|menu|meta|nav|noscript|object|ol|option|p|param|picture|pre|script|section|select|source|style|summary|"
    "svg|table|tbody|td|template|textarea|tfoot|th|thead|title|tr|track|ul|video|[a-z]\\w*:\\w+"
)
_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))*\s*/?"""
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}>", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK}){_ATTRIBUTES}>", re.IGNORECASE)
_BB_TAG = re.compile(
    r"\[(/?)(?:b|i|u|s|url|quote|spoiler|center|size|color|img|list|\*)(?:=[^\[\]]*)?\]", re.IGNORECASE
)


def clean_line(text: str) -> str:
    """The text as one line: entities decoded, control characters and whitespace runs replaced by one blank."""
    return " ".join(_CONTROL.sub(" ", _unescaped(text)).split())


def clean_title(text: str) -> str:
    """The text as one line without HTML tags; as it is if nothing else would be left."""
    line = clean_line(text)
    return (clean_line(_without_tags(line)) or line) if "<" in line else line


def clean_text(text: str) -> str:
    """The text without HTML tags, styles, scripts and BBCode, otherwise as `clean_line`.

    What only looks like a tag stays: `a<b and c>d`, `1 < 2`.
    """
    text = _unescaped(_inner(text))
    if "<" in text:
        text = _CDATA.sub(r"\1", text) if "]]>" in text else text
        text = _COMMENT.sub(" ", _WITH_CONTENT.sub(" ", text))
        text = _without_tags(text)
    if "\\n" in text:
        text = _WRITTEN_LINE_END.sub(" ", text)
    if "[/" in text:
        text = _BB_TAG.sub("", text)
    return " ".join(_CONTROL.sub(" ", text).split())


def _without_tags(text: str) -> str:
    return _INLINE_TAG.sub("", _BLOCK_TAG.sub(" ", text))


def _unescaped(text: str) -> str:
    for _ in range(_MAX_ESCAPES):
        if "&" not in text:
            break
        text = html.unescape(text)
    return text


def _inner(text: str) -> str:
    """The text in a JSON object with a `value`, as Open Library writes it."""
    if not text.lstrip().startswith("{") or '"value"' not in text:
        return text
    try:
        value = json.loads(text)["value"]
    except (ValueError, KeyError, TypeError):
        return text
    return value if isinstance(value, str) else text
