"""Titles, authors, series and descriptions of synthetic books, composed from a grammar.

Pure functions of numbers: the same numbers give the same text. Names are composed of syllables; none is a real book or
person.
"""

from __future__ import annotations

from services.batch.synthetic.vocabulary import GENRES


def _parts(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_STARTS = _parts("Bel Cor Dar El Fen Gal Hal Is Jor Kel Lor Mar Nor Ol Per Quil Ros Sel Tor Ul Vel Wil Yar Zan")
_MIDDLES = _parts("a e i o u an en or il ar ath em ov ys und")
_ENDS = _parts("bridge dale don fell ford gate ham holm mere mont moor ness port rick stead thal ton vale wick worth")
_GIVEN_STARTS = _parts("Ad Bren Cal Dor Ed Fenn Gis Hel Ild Jas Kar Lis Mir Nad Osk Pav Ren Sab Tam Viv")
_GIVEN_ENDS = _parts("a an ela en ia ina is o on us")
_SERIES_KINDS = _parts("Chronicles Cycle Saga Quartet Affairs Papers Archive Mysteries Trilogy Sequence")

N_PLACES = len(_STARTS) * len(_MIDDLES) * len(_ENDS)
N_NAMES = N_PLACES * len(_GIVEN_STARTS) * len(_GIVEN_ENDS)


def place(number: int) -> str:
    """An invented place or family name; distinct for distinct numbers below `N_PLACES`."""
    number, end = divmod(number % N_PLACES, len(_ENDS))
    start, middle = divmod(number, len(_MIDDLES))
    return _STARTS[start] + _MIDDLES[middle] + _ENDS[end]


def given_name(number: int) -> str:
    """An invented given name."""
    start, end = divmod(number % (len(_GIVEN_STARTS) * len(_GIVEN_ENDS)), len(_GIVEN_ENDS))
    return _GIVEN_STARTS[start] + _GIVEN_ENDS[end]


def person(number: int) -> str:
    """An invented author; distinct for distinct numbers below `N_NAMES`. Adjacent numbers have dissimilar names."""
    scrambled = number * 1_299_709 % N_NAMES  # multiplication by a coprime number permutes the names
    family, given = divmod(scrambled, len(_GIVEN_STARTS) * len(_GIVEN_ENDS))
    return f"{given_name(given)} {place(family)}"


def series_name(genre: str, number: int) -> str:
    """The name of a series, from a place, a noun of the genre and a kind of series."""
    kind = _SERIES_KINDS[number % len(_SERIES_KINDS)]
    noun = GENRES[genre].nouns[number // 7 % len(GENRES[genre].nouns)]
    return f"The {place(number * 7919)} {noun} {kind}"


def title(genre: str, nth: int, choices: list[int]) -> str:
    """A title.

    Args:
        genre: a key of `GENRES`.
        nth: the book's position among its author's books; up to `len(nouns)` of them get different titles.
        choices: 5 or more numbers >= 0 that select the words.
    """
    words = GENRES[genre]
    noun = words.nouns[nth % len(words.nouns)]
    quality = words.qualities[choices[1] % len(words.qualities)]
    match choices[0] % 6:
        case 0:
            return f"The {quality} {noun}"
        case 1:
            return f"The {noun} of {place(choices[2])}"
        case 2:
            return f"{given_name(choices[3])} and the {quality} {noun}"
        case 3:
            return f"The {place(choices[2])} {noun}"
        case 4:
            return f"{_capital(_a(noun))} for {given_name(choices[3])}"
        case _:
            other = words.qualities[(choices[1] + 1 + choices[4] % (len(words.qualities) - 1)) % len(words.qualities)]
            return f"{quality} {noun}, {other} {place(choices[2])}"


def description(genre: str, home: str, choices: list[int]) -> str:
    """Two or three sentences in the words of a genre.

    Args:
        genre: a key of `GENRES`.
        home: the place in all books of one circle.
        choices: 8 or more numbers >= 0 that select the words.
    """
    words = GENRES[genre]
    who = words.people[choices[0] % len(words.people)]
    other = words.people[(choices[0] + 1 + choices[1] % (len(words.people) - 1)) % len(words.people)]
    trouble = words.troubles[choices[2] % len(words.troubles)]
    setting = words.settings[choices[3] % len(words.settings)]
    thing = words.nouns[choices[4] % len(words.nouns)].lower()
    quality = words.qualities[choices[5] % len(words.qualities)].lower()
    name = given_name(choices[6])
    match choices[7] % 4:
        case 0:
            first = f"{_capital(setting)} near {home}: {trouble}, and only {name}, {who}, seems to care."
            second = f"Against the advice of {other}, the search for {_a(quality)} {thing} begins."
        case 1:
            first = f"{name} is {who} in {home}, where {trouble}."
            second = f"With {other} and little time, the way leads to {setting} and {_a(thing)} best left alone."
        case 2:
            first = f"{_capital(trouble)}. {_capital(who)} called {name} leaves {home} for {setting} to learn why."
            second = f"{_capital(_a(quality))} {thing} and {other} stand between the question and its answer."
        case _:
            first = f"What has {who} to do with {_a(quality)} {thing}? {name} means to find out before {home} does."
            second = f"Meanwhile {trouble}; {other} knows more than is good for anybody in {setting}."
    return f"{first} {second}"


def _a(word: str) -> str:
    return f"an {word}" if word[0].lower() in "aeiou" else f"a {word}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
