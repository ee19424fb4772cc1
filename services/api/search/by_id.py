"""Books by id, several at a time, and by their item index on the map."""

from __future__ import annotations

from collections.abc import Sequence

from services.api.present import rated, record
from services.api.schemas.books import BooksAnswer, MappedBook
from services.api.schemas.text import LONGEST_TEXT
from shared.artifacts.catalog import Catalog
from shared.artifacts.generation import Generation
from shared.errors import InvalidRequestError, UnknownBookError

MAX_IDS = 100


def books_by_id(generation: Generation, given: Sequence[str]) -> BooksAnswer:
    """The records of these books, each once.

    Args:
        generation: the served generation.
        given: ids; each entry may hold several, separated by commas.

    Raises:
        InvalidRequestError: no ids, more than `MAX_IDS`, or one that is too long.
    """
    catalog = generation.catalog
    item_index = {book_id: catalog.find(book_id) for book_id in dict.fromkeys(_ids(catalog, given))}
    return BooksAnswer(
        books=[record(generation, number) for number in item_index.values() if number is not None],
        unknown=[book_id for book_id, number in item_index.items() if number is None],
    )


def _ids(catalog: Catalog, given: Sequence[str]) -> list[str]:
    ids: list[str] = []
    for entry in given:  # an id may contain a comma itself
        ids += [entry] if catalog.find(entry) is not None else filter(None, map(str.strip, entry.split(",")))
    longest = max(map(len, ids), default=0)
    if not 1 <= len(ids) <= MAX_IDS or longest > LONGEST_TEXT:
        raise InvalidRequestError(
            f"The request has {len(ids)} ids; the longest has {longest} characters.",
            where="ids",
            hint=f"Ask for 1 to {MAX_IDS} ids at a time, of at most {LONGEST_TEXT} characters each.",
        )
    return ids


def mapped_book(generation: Generation, number: int) -> MappedBook:
    """The book at a point of the map.

    Raises:
        UnknownBookError: no active book has this item index.
    """
    catalog = generation.catalog
    if number >= catalog.n_books or not catalog.active[number]:
        raise UnknownBookError(f"No book has the item index {number}.", where="number", hint="/api/map lists them.")
    return MappedBook(
        **rated(generation, number).model_dump(), number=number, tribe=int(generation.content.cluster_of[number])
    )
