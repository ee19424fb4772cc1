"""Books by title, by search and by id, and the books next to one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints, TypeAdapter, WithJsonSchema

from services.api.deps import BookPath, Limit, ServingDep, TitlePath
from services.api.present import rated, record, reference
from services.api.problems import documented
from services.api.schemas.books import BookRecord, BooksAnswer, SearchAnswer, SearchQuery
from services.api.schemas.neighbors import NeighboursAnswer, SimilarAnswer
from services.api.schemas.text import LONGEST_TEXT, PRINTABLE, Text
from services.api.search.by_id import MAX_IDS, books_by_id
from services.api.search.neighbors import alike_by_content, alike_by_readers, similar_books
from services.api.search.resolve import resolve

router = APIRouter(tags=["books"])
_OneOrSeveralIds = Annotated[  # documented as one id: repeat the parameter, or separate ids by commas
    str,
    StringConstraints(min_length=1, max_length=MAX_IDS * (LONGEST_TEXT + 1), pattern=PRINTABLE),
    WithJsonSchema(TypeAdapter(Text).json_schema()),
]


@router.get("/books/{title:path}/similar", responses=documented(404, 422, 503))
async def similar(served: ServingDep, title: TitlePath, limit: Limit = 10) -> SimilarAnswer:
    """Find books like the one with this title. An unknown title gets suggestions (404)."""
    generation = served.generation
    resolution = resolve(generation, served.titles, title)
    return SimilarAnswer(
        book=rated(generation, resolution.number),
        alternatives=[rated(generation, number) for number in resolution.alternatives],
        items=similar_books(generation, resolution.number, limit),
        simulated_readers=generation.manifest.simulated_readers,
    )


@router.get("/api/books/search", responses=documented(422, 503))
async def search(served: ServingDep, query: Annotated[SearchQuery, Query()]) -> SearchAnswer:
    """Search titles and authors as you type. Typos are fine."""
    return SearchAnswer(
        items=[rated(served.generation, number) for number in served.titles.search(query.q, query.limit)]
    )


@router.get("/api/books", responses=documented(422, 503))
async def books(
    served: ServingDep,
    ids: Annotated[
        list[_OneOrSeveralIds],
        Query(min_length=1, max_length=MAX_IDS, description="Ids: repeat the parameter, or separate them by commas"),
    ],
) -> BooksAnswer:
    """Get several books by id."""
    return books_by_id(served.generation, ids)


@router.get("/api/books/{book_id:path}", responses=documented(404, 422, 503))
async def book(served: ServingDep, book_id: BookPath) -> BookRecord:
    """Get one book by id."""
    return record(served.generation, served.generation.catalog.number_of(book_id))


@router.get("/api/neighbours/{book_id:path}", responses=documented(404, 422, 503))
async def neighbours(served: ServingDep, book_id: BookPath, limit: Limit = 10) -> NeighboursAnswer:
    """Get the books next to one: similar by description, and read next by its readers."""
    generation = served.generation
    number = generation.catalog.number_of(book_id)
    return NeighboursAnswer(
        book=reference(generation, number),
        by_content=alike_by_content(generation, number, limit),
        by_readers=alike_by_readers(generation, number, limit),
        simulated_readers=generation.manifest.simulated_readers,
    )
