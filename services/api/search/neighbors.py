"""Books next to a book: similar by description, read next by its readers. One edition of each work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.api.present import rated
from services.api.schemas.neighbors import AlikeByContent, AlikeByReaders, SimilarBook
from shared.artifacts.generation import Generation
from shared.recommend.series import is_same_series
from shared.title_keys import author_key


def similar_books(generation: Generation, number: int, limit: int) -> list[SimilarBook]:
    """Books with the most similar descriptions, most similar first."""
    item_index, similarities = generation.content.neighbors(number)
    own = {int(generation.catalog.work_id[number])}
    found = _one_per_work(generation, own, item_index.tolist(), similarities.tolist(), limit)
    return [
        SimilarBook(**rated(generation, neighbor).model_dump(), similarity=min(1.0, round(similarity, 4)))
        for neighbor, similarity in found
    ]


def alike_by_content(generation: Generation, number: int, limit: int) -> list[AlikeByContent]:
    """Similar books, each with what else it shares with the book."""
    catalog, cluster_of = generation.catalog, generation.content.cluster_of
    record, cluster = catalog.record(number), int(cluster_of[number])
    books = []
    for book in similar_books(generation, number, limit):
        neighbor = catalog.number_of(book.book_id)
        other = catalog.record(neighbor)
        same_cluster = cluster >= 0 and cluster == cluster_of[neighbor]
        books.append(
            AlikeByContent(
                **book.model_dump(),
                same_series=record["series"] if _of_one_series(record, other) else None,
                same_authors=[name for name in _in_both(record, other, "authors") if author_key(name)],
                same_genres=_in_both(record, other, "genres"),
                same_tribe=generation.content.clusters[cluster]["name"] if same_cluster else None,
            )
        )
    return books


def alike_by_readers(generation: Generation, number: int, limit: int) -> list[AlikeByReaders]:
    """Books that readers of this one read next; empty for a book newer than the night's table."""
    transitions = generation.item_transitions
    if number >= transitions.n_books:
        return []
    item_index, scores = transitions.neighbors(number)
    own = {int(generation.catalog.work_id[number])}
    found = _one_per_work(generation, own, item_index.tolist(), scores.tolist(), limit)
    return [
        AlikeByReaders(**rated(generation, neighbor).model_dump(), closeness=score / scores[0].item())
        for neighbor, score in found
    ]


def _one_per_work(
    generation: Generation, taken: set[int], item_index: list[int], scores: list[float], limit: int
) -> Iterator[tuple[int, float]]:
    """The first book of each work that is not in `taken`, at most `limit`."""
    n_found = 0
    for neighbor, score in zip(item_index, scores, strict=True):
        work = int(generation.catalog.work_id[neighbor])
        if work in taken:
            continue
        taken.add(work)
        yield neighbor, score
        n_found += 1
        if n_found == limit:
            return


def _of_one_series(record: dict[str, Any], other: dict[str, Any]) -> bool:
    return is_same_series(record["series"], other["series"], record["authors"], other["authors"])


def _in_both(record: dict[str, Any], other: dict[str, Any], field: str) -> list[str]:
    return [entry for entry in record[field] if entry in other[field]]
