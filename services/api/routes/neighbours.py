"""Books next to a book: by what it is about, and by what its readers went on to read, each with its reason."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.api.deps import BookPath, Limit, ServingDep
from services.api.present import rated, reference
from services.api.problems import documented
from services.api.routes.books import similar_books
from services.api.schemas.neighbours import AlikeByContent, AlikeByReaders, NeighboursAnswer
from services.api.state.generation_manager import ServingState

router = APIRouter(tags=["books"])


@router.get("/api/neighbours/{book_id:path}", responses=documented(404, 422, 503))
async def neighbours(served: ServingDep, book_id: BookPath, limit: Limit = 10) -> NeighboursAnswer:
    """Books next to one book: nearest by description, and what readers of it went on to read."""
    number = served.generation.catalog.number_of(book_id)
    return NeighboursAnswer(
        book=reference(served.generation, number),
        by_content=_by_content(served, number, limit),
        by_readers=_by_readers(served, number, limit),
        simulated_readers=served.generation.manifest.simulated_readers,
    )


def _by_content(served: ServingState, number: int, limit: int) -> list[AlikeByContent]:
    generation = served.generation
    catalog, cluster_of = generation.catalog, generation.neighbours.cluster_of
    record, tribe = catalog.record(number), int(cluster_of[number])
    books = []
    for book in similar_books(served, number, limit):
        neighbour = catalog.number_of(book.book_id)
        other = catalog.record(neighbour)
        same_tribe = tribe >= 0 and tribe == cluster_of[neighbour]
        books.append(
            AlikeByContent(
                **book.model_dump(),
                same_series=record["series"] if record["series"] and record["series"] == other["series"] else None,
                same_authors=_in_both(record, other, "authors"),
                same_genres=_in_both(record, other, "genres"),
                same_tribe=generation.neighbours.clusters[tribe]["name"] if same_tribe else None,
            )
        )
    return books


def _in_both(record: dict[str, Any], other: dict[str, Any], field: str) -> list[str]:
    return [entry for entry in record[field] if entry in other[field]]


def _by_readers(served: ServingState, number: int, limit: int) -> list[AlikeByReaders]:
    """Item transitions, one edition of each work; a book younger than the night's lists has none."""
    generation = served.generation
    if number >= generation.item_transitions.n_books:
        return []
    numbers, scores = generation.item_transitions.of(number)
    works = {int(generation.catalog.editions[number])}
    books: list[AlikeByReaders] = []
    for item_transition, score in zip(numbers.tolist(), scores.tolist(), strict=True):
        work = int(generation.catalog.editions[item_transition])
        if work in works:
            continue
        works.add(work)
        closeness = score / scores[0].item()
        books.append(AlikeByReaders(**rated(generation, item_transition).model_dump(), closeness=closeness))
        if len(books) == limit:
            break
    return books
