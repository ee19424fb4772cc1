"""Other spellings of a text: numbers in words, letters for words, and words people add that no title needs."""

from __future__ import annotations

_UNITS = {
    word: number
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
    )
}  # fmt: skip
_TENS = {
    word: 10 * number
    for number, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_MULTIPLES = {"hundred": 100, "thousand": 1000}
_LETTERS = {"u": "you", "r": "are", "ur": "your", "n": "and", "b4": "before", "w": "with", "2": "to", "4": "for"}
_WORDS_OF = {str(number): word for word, number in [*_UNITS.items(), *_TENS.items()]}
_ALTERNATIVES = {
    **{word: (digits,) for digits, word in _WORDS_OF.items()},
    **{digits: (word,) for digits, word in _WORDS_OF.items()},
    **{letters: (word,) for letters, word in _LETTERS.items()},
    "2": ("two", "to", "too"),
    "4": ("four", "for"),
}

PRINTING_WORDS = frozenset(
    {"book", "books", "ebook", "kindle", "audiobook", "audio", "audible", "pdf", "epub", "movie", "film", "novel"}
    | {"paperback", "hardcover", "hardback", "edition", "unabridged", "series", "trilogy", "quartet", "saga", "cycle"}
    | {"vol", "volume", "part", "pt", "episode", "season", "boxset", "tv", "show", "isbn", "free", "online", "download"}
    | {"the", "a", "an", "by", "tie", "in", "illustrated", "english", "read", "author", "buy", "new", "used"}
)
"""Words that say which printing, or what to do with it, when they are not in the title."""
PRINTING_WEIGHT = 0.15  # what they count, relative to other words


def alternatives(word: str) -> tuple[str, ...]:
    """Other spellings of a word: `"two"` and `"to"` of `"2"`, `"you"` of `"u"`."""
    return _ALTERNATIVES.get(word, ())


def with_digits(key: str) -> str:
    """A title key with numbers in digits: `"fifty shades"` gives `"50 shades"`, `"nineteen eighty four"` `"1984"`."""
    words = key.split()
    if not any(word in _UNITS or word in _TENS or word in _MULTIPLES for word in words):
        return key
    spelled: list[str] = []
    number: list[str] = []
    for word in [*words, ""]:
        if word in _UNITS or word in _TENS or word in _MULTIPLES:
            number.append(word)
            continue
        spelled += _in_digits(number)
        number = []
        spelled.append(word)
    return " ".join(spelled[:-1])


def without_letters_for_words(key: str) -> str:
    """A key with words for letters: `"me before u"` gives `"me before you"`."""
    return " ".join(_LETTERS.get(word, word) for word in key.split())


def _in_digits(words: list[str]) -> list[str]:
    """A run of number words as numbers; two numbers of two digits are a year."""
    numbers: list[int] = []
    is_open = False  # whether a unit may follow, as after "twenty" and "hundred"
    for word in words:
        value = _MULTIPLES.get(word) or _TENS.get(word) or _UNITS.get(word, 0)
        if word in _MULTIPLES:
            numbers[-1:] = [max(1, numbers[-1] if numbers else 1) * value]
            is_open = True
        elif is_open and (numbers[-1] % 100 == 0 or (numbers[-1] % 10 == 0 and 0 < value < 10)):  # noqa: PLR2004
            numbers[-1] += value
            is_open = word in _TENS
        else:
            numbers.append(value)
            is_open = word in _TENS
    if len(numbers) == 2 and all(10 <= number < 100 for number in numbers):  # noqa: PLR2004 - two digits each
        return [f"{numbers[0]}{numbers[1]}"]
    return [str(number) for number in numbers]
