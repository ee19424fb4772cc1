"""Word forms: a word and its plural are one, and terms that repeat each other are recognised."""

from __future__ import annotations

import pytest

from services.batch.content.word_forms import alike, singular


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("robot", "robots", True),
        ("witches", "witch", True),
        ("historical fiction", "history", True),
        ("ya", "young adult", True),
        ("scifi", "science fiction", True),
        ("vampire", "vampires", True),
        ("empire", "vampire", False),
        ("war", "warrior", False),
        ("magic", "magical realism", True),
        ("horror", "house", False),
    ],
)
def test_terms_that_repeat_each_other_are_known(one, other, same):
    assert alike(one, other) is alike(other, one) is same


def test_a_plural_has_the_key_of_its_singular():
    pairs = {"stories": "story", "wolves": "wolf", "boxes": "box", "churches": "church", "kings": "king", "guns": "gun"}
    assert {plural: singular(plural) for plural in pairs} == pairs
    assert [singular(word) for word in ("princess", "paris", "virus", "boss")] == ["princess", "paris", "virus", "boss"]
