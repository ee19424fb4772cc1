"""Books by title, by search and by id."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints, TypeAdapter, WithJsonSchema

from services.api.deps import JSON_ONLY, BookPath, Limit, ServingDep, TitlePath
from services.api.present import rated, record, reference
from services.api.problems import documented
from services.api.schemas.books import BookRecord, BooksAnswer, SearchAnswer
from services.api.schemas.legacy import LegacyBook, LegacyRecommendations, LegacyRequest, LegacySuggestions
from services.api.schemas.neighbours import SimilarAnswer, SimilarBook
from services.api.schemas.text import LONGEST_TEXT, PRINTABLE, Text
from services.api.search.titles import Resolution
from services.api.state.generation_manager import ServingState
from shared.errors import InvalidRequestError, UnknownTitleError

router = APIRouter(tags=["books"])
_MOST_IDS = 100
_OneOrSeveralIds = Annotated[  # documented as one: arrays in a query are repeated parameters, commas an addition
    str,
    StringConstraints(min_length=1, max_length=_MOST_IDS * (LONGEST_TEXT + 1), pattern=PRINTABLE),
    WithJsonSchema(TypeAdapter(Text).json_schema()),
]
_LEGACY_RECOMMENDATIONS = 5
_SUGGESTIONS = 7


def resolve(served: ServingState, title: str) -> Resolution:
    """The book a title means.

    Raises:
        UnknownTitleError: none; carries suggestions.
    """
    resolution = served.titles.resolve(title)
    if resolution is None:
        suggested = [reference(served.generation, number) for number in served.titles.suggest(title, _SUGGESTIONS)]
        raise UnknownTitleError(
            f"No book is called {title!r}.",
            suggestions=[suggestion.model_dump() for suggestion in suggested],
            hint="Try one of the suggestions." if suggested else "Search with /api/books/search?q=…",
        )
    return resolution


def similar_books(served: ServingState, number: int, limit: int) -> list[SimilarBook]:
    """Nearest other works by description, one edition of each."""
    generation = served.generation
    numbers, similarities = generation.neighbours.of(number)
    works: set[int] = set()
    books = []
    for neighbour, similarity in zip(numbers.tolist(), similarities.tolist(), strict=True):
        work = int(generation.catalog.editions[neighbour])
        if work not in works:
            works.add(work)
            rounded = min(1.0, round(similarity, 4))
            books.append(SimilarBook(**rated(generation, neighbour).model_dump(), similarity=rounded))
        if len(books) == limit:
            break
    return books


@router.get("/books/{title:path}/similar", responses=documented(404, 422, 503))
async def similar(served: ServingDep, title: TitlePath, limit: Limit = 10) -> SimilarAnswer:
    """Books like the one of this title. An unknown title is answered with suggestions (404)."""
    resolution = resolve(served, title)
    return SimilarAnswer(
        book=rated(served.generation, resolution.number),
        alternatives=[rated(served.generation, number) for number in resolution.alternatives],
        items=similar_books(served, resolution.number, limit),
        simulated_readers=served.generation.manifest.simulated_readers,
    )


@router.get("/api/books/search", responses=documented(422, 503))
async def search(
    served: ServingDep, q: Annotated[Text, Query(description="what was typed")], limit: Limit = 10
) -> SearchAnswer:
    """Search as you type: titles and authors, typos included."""
    return SearchAnswer(items=[rated(served.generation, number) for number in served.titles.search(q, limit)])


@router.get("/api/books", responses=documented(422, 503))
async def books(
    served: ServingDep,
    ids: Annotated[
        list[_OneOrSeveralIds],
        Query(min_length=1, max_length=_MOST_IDS, description="repeat it, or separate by commas"),
    ],
) -> BooksAnswer:
    """Several books by id."""
    catalog = served.generation.catalog
    wanted: list[str] = []
    for given in ids:  # an id may hold a comma itself
        wanted += [given] if catalog.find(given) is not None else filter(None, map(str.strip, given.split(",")))
    longest = max(map(len, wanted), default=0)
    if not 1 <= len(wanted) <= _MOST_IDS or longest > LONGEST_TEXT:
        raise InvalidRequestError(
            f"There are {len(wanted)} ids, the longest of {longest} characters.",
            where="ids",
            hint=f"Ask for 1 to {_MOST_IDS} ids at a time, of at most {LONGEST_TEXT} characters each.",
        )
    numbers = {book_id: catalog.find(book_id) for book_id in dict.fromkeys(wanted)}
    return BooksAnswer(
        books=[record(served.generation, number) for number in numbers.values() if number is not None],
        unknown=[book_id for book_id, number in numbers.items() if number is None],
    )


@router.get("/api/books/{book_id:path}", responses=documented(404, 422, 503))
async def book(served: ServingDep, book_id: BookPath) -> BookRecord:
    """One book by id."""
    return record(served.generation, served.generation.catalog.number_of(book_id))


@router.post("/recommend", responses=documented(400, 415, 422, 503), dependencies=[JSON_ONLY])
async def recommend_like_the_original(
    served: ServingDep, body: LegacyRequest
) -> LegacyRecommendations | LegacySuggestions:
    """Books like a title, in the shape existing clients expect: recommendations, or else suggestions."""
    generation = served.generation
    resolution = served.titles.resolve(body.book_name)
    if resolution is None:
        suggested = served.titles.suggest(body.book_name, _SUGGESTIONS)
        return LegacySuggestions(suggestions=[generation.catalog.titles[number] for number in suggested])
    return LegacyRecommendations(
        recommendations=[
            LegacyBook(
                title=neighbour.title,
                author=", ".join(neighbour.authors),
                image_url=generation.catalog.record(generation.catalog.number_of(neighbour.book_id))["image_url"],
                average_rating=neighbour.average_rating,
                rating_count=neighbour.n_ratings,
            )
            for neighbour in similar_books(served, resolution.number, _LEGACY_RECOMMENDATIONS)
        ]
    )
