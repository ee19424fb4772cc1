"""Popular books: overall, in a genre, in a tribe."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.api.present import rated
from services.api.schemas.books import Rated
from shared.artifacts.generation import Generation
from shared.errors import InvalidRequestError, UnknownListError
from shared.recommend.popularity_backfill import first_of_each_work


def popular_books(generation: Generation, *, genre: str | None, tribe: int | None, limit: int) -> list[Rated]:
    """The most popular books, one edition of each work.

    Raises:
        InvalidRequestError: both a genre and a tribe are given.
        UnknownListError: there is no such genre or tribe.
    """
    item_index = _popular(generation, genre, tribe)
    firsts = first_of_each_work(item_index, generation.catalog.work_id)
    return [rated(generation, number) for number in firsts[:limit].tolist()]


def _popular(generation: Generation, genre: str | None, tribe: int | None) -> NDArray[np.int32]:
    popularity = generation.popularity
    if genre and tribe is not None:
        raise InvalidRequestError("genre and tribe cannot be combined.", where="genre, tribe", hint="Ask for one.")
    if genre:
        found = popularity.genres.get(genre.strip().lower())
        if found is None:
            raise UnknownListError(f"There is no genre {genre!r}.", where="genre", hint="/api/genres lists them.")
        return found
    if tribe is not None:
        found = popularity.clusters.get(tribe)
        if found is None:
            raise UnknownListError(f"There is no tribe {tribe}.", where="tribe", hint="/api/tribes lists them.")
        return found
    return popularity.overall
