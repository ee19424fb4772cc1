"""Descriptions without what other programs left in them."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.sources.cells.texts import clean_line, clean_text, clean_title


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            "<p>A <b>bold</b>\n tale &amp; more<br/>of <i>it</i></p> 1 < 2 &lt;3\x07",
            "A bold tale & more of it 1 < 2 <3",
        ),
        ("&lt;p&gt;A &lt;b&gt;bold&lt;/b&gt; tale&lt;/p&gt;", "A bold tale"),
        ("&amp;lt;p&amp;gt;Twice&amp;lt;/p&amp;gt;", "Twice"),
        ("Plain<style>p{color:red}</style><script>alert(1)</script>", "Plain"),
        ('<SCRIPT src="x">\nif (a<b) {}\n</SCRIPT >Plain', "Plain"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", ""),
        ("Plain<style>p{color:red}", "Plain"),
        ("A wo<b>r</b>d, <em>kept</em>.", "A word, kept."),
        ("<ul><li>One<li>Two</ul>", "One Two"),
        ("<div class=\"x\" style='y'>A <a href=http://x.test/?a=1>link</a></div>", "A link"),
        ("<o:p>Word</o:p><!-- note --><![CDATA[ data ]]>", "Word data"),
        ("a<b and c>d", "a<b and c>d"),
        ("x <i and j> y", "x <i and j> y"),
        ("<3 and 1<2>1", "<3 and 1<2>1"),
        ("Dear <Name>,", "Dear <Name>,"),
        ("[b]bb[/b] and [i]code[/i] [1]", "bb and code [1]"),
        (r"One.\nTwo.\r\n\r\nThree in C:\news", r"One. Two. Three in C:\news"),
        ('{"type": "/type/text", "value": "Inner <b>text</b>"}', "Inner text"),
        ('{"value": 3}', '{"value": 3}'),
    ],
)
def test_descriptions(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@pytest.mark.parametrize(
    ("title", "clean"),
    [
        ("<i>Moby Dick</i>", "Moby Dick"),
        ("&lt;b&gt;Bold&lt;/b&gt;", "Bold"),
        ("<b>", "<b>"),
        ("a<b and c>d", "a<b and c>d"),
    ],
)
def test_titles(title: str, clean: str) -> None:
    assert clean_title(title) == clean


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="&<>[]{}\\"), max_size=60))
def test_plain_text_stays_however_often_it_was_escaped(text: str) -> None:
    plain = " ".join(text.split())
    assert clean_text(text) == clean_line(text) == plain
    assert clean_text(html.escape(html.escape(f"<p>{text}</p>"))) == plain


def test_texts_made_to_hurt_a_pattern_are_read_like_any_other() -> None:
    assert clean_text("<!--" * 50_000) == "<!--" * 50_000
    for text in ("<p " * 20_000, "<a b=" * 20_000, "<![CDATA[" * 5_000, "<script>" * 2_000 + "x", "<title>" * 2_000):
        clean_text(text)
