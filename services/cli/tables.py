"""The results of commands as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli.ingest_summary import ingest_summary, n_set_aside
from shared.errors import UnknownTitleError

if TYPE_CHECKING:
    from services.api.recommend.recommender import Recommended
    from services.api.schemas.neighbors import SimilarBook
    from services.api.state.generation_manager import ServingState
    from services.batch.evaluate.nightly_evaluation import NightlyMetrics
    from services.batch.ingest.ingest import IngestReport
    from services.batch.night.nightly import NightReport
    from services.batch.synthetic.generate import GenerateReport
    from shared.artifacts.generation import GenerationManifest
    from shared.layout import DataFolder

_MAX_AUTHORS_WIDTH = 20


def summary(title: str, rows: Mapping[str, object]) -> Table:
    """Names and values, one per line. Aligns counts."""
    only_counts = all(_is_count(value) for value in rows.values())
    table = Table(title=Text(title), show_header=False, title_justify="left", box=None, padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right" if only_counts else "left", overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(name), Text(f"{value:,}" if _is_count(value) else str(value)))
    return table


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def generate_table(report: GenerateReport) -> Table:
    """What was generated, and where."""
    rows: dict[str, object] = {
        "books": report.n_books,
        "users": report.n_users,
        "ratings": report.n_ratings,
        "seed": str(report.seed),
        "size": f"{report.n_bytes / 2**20:,.1f} MiB",
        "seconds": f"{report.seconds:.1f}",
        "ingest it with": f"nightshelf nightly --source {report.out}",
    }
    return summary("Generated", rows)


def _taken_in(report: IngestReport) -> dict[str, object]:
    return {
        "books": report.n_active_books,
        "users": report.n_users,
        "interactions": report.n_interactions,
        "events ingested": report.n_events,
        "duplicates merged": report.n_duplicates,
        "rows rejected": n_set_aside(report),
    }


def _snapshot_row(report: IngestReport) -> dict[str, object]:
    return {"snapshot": f"{report.snapshot_id}{'' if report.changed else ', unchanged'}"}


def ingest_table(report: IngestReport, folder: DataFolder) -> RenderableType:
    """What an ingest read."""
    counts = summary("Ingested", _taken_in(report) | _snapshot_row(report))
    return Group(counts, ingest_summary(report, folder))


def night_table(report: NightReport, folder: DataFolder) -> RenderableType:
    """What a night ingested and built, seconds per step, and what is served."""
    made = {
        "books embedded": report.n_embedded,
        "books reused": report.n_reused_vectors,
        "users listed": report.n_users_listed,
    }
    seconds = {step: f"{seconds:6.1f}" for step, seconds in report.seconds.items()}
    seconds["total"] = f"{sum(report.seconds.values()):6.1f}"
    side_by_side = Table.grid(padding=(0, 4))
    side_by_side.add_row(summary("The night is done", _taken_in(report.ingest) | made), summary("Seconds", seconds))
    result = {
        **_snapshot_row(report.ingest),
        "NDCG@10 on held-out interactions": _quality(report.quality),
        "gate": f"{report.gate.verdict}: {report.gate.reason}",
        "artifacts reused": ", ".join(report.reused_artifacts) or "none",
        "generation": f"{report.generation_id}, {'published' if report.published else 'served already'}",
    }
    page = folder.report(report.generation_id, "night")
    if page.exists():
        result["report"] = str(page)
    return Group(side_by_side, ingest_summary(report.ingest, folder), summary("", result))


def _quality(quality: NightlyMetrics) -> str:
    """The served pipeline and the popularity baseline."""
    if not quality.comparable:
        return quality.reason or "not known"
    served, popular = (quality.systems[name]["ndcg_at_10"] for name in ("served", "popularity"))
    return f"{served.value:.4f} ({served.low:.4f} to {served.high:.4f}); popular books {popular.value:.4f}"


def recommendations_table(user: str, recommended: Recommended) -> Table:
    """Recommendations for one user with their reasons."""
    generation = recommended.served.generation
    simulated = ", simulated readers" if generation.manifest.simulated_readers else ""
    degraded = ", Redis unavailable" if recommended.degraded else ""
    explained = bool((recommended.because >= 0).any())
    title = Text(f"For {user}: {recommended.strategy}{degraded}{simulated}")
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("", justify="right")
    table.add_column("title")
    table.add_column("authors", no_wrap=True, max_width=_MAX_AUTHORS_WIDTH)
    table.add_column("score", justify="right")
    if explained:
        table.add_column("because of")
    titles, authors = generation.catalog.titles, generation.catalog.authors
    rows = zip(
        recommended.items.item_index.tolist(),
        recommended.items.scores.tolist(),
        recommended.because.tolist(),
        strict=True,
    )
    for place, (number, score, because) in enumerate(rows, start=1):
        reason = [Text(titles[because] if because >= 0 else "")] if explained else []
        table.add_row(str(place), Text(titles[number]), Text(", ".join(authors[number])), f"{score:.3f}", *reason)
    return table


def similar_table(served: ServingState, number: int, books: list[SimilarBook]) -> Table:
    """Books similar to a book."""
    catalog = served.generation.catalog
    title = f"Like {catalog.titles[number]} by {', '.join(catalog.authors[number]) or 'unknown'}"
    table = Table(title=Text(title), title_justify="left", box=None)
    table.add_column("title")
    table.add_column("authors", no_wrap=True, max_width=_MAX_AUTHORS_WIDTH)
    for column in ("similarity", "rating", "ratings"):
        table.add_column(column, justify="right")
    for book in books:
        rating = "-" if book.average_rating is None else f"{book.average_rating:.2f}"
        authors = Text(", ".join(book.authors))
        table.add_row(Text(book.title), authors, f"{book.similarity:.3f}", rating, f"{book.n_ratings:,}")
    return table


def suggestions_table(error: UnknownTitleError) -> RenderableType:
    """Suggestions for an unknown title."""
    if not error.suggestions:
        return Text(f"{error.what} No similar title was found.")
    lines = [Text(f"{error.what} Did you mean:")]
    for suggestion in error.suggestions:
        authors = suggestion["authors"]
        lines.append(
            Text(f"  {suggestion['title']}" + (f" - {', '.join(authors)}" if isinstance(authors, list) else ""))
        )
    return Group(*lines)


def generations_table(manifests: list[GenerationManifest], current: str | None, published: list[str]) -> RenderableType:
    """Generations and whether each is served."""
    if not manifests:
        return Text("Nothing has been published yet. Run `nightshelf nightly` or `nightshelf demo`.")
    table = Table(title="Generations", title_justify="left", box=None)
    table.add_column("id", no_wrap=True)
    table.add_column("source", overflow="fold")
    for column in ("books", "users"):
        table.add_column(column, justify="right")
    table.add_column("")
    for manifest in manifests:
        state = "served" if manifest.id == current else "published" if manifest.id in published else "never published"
        counts = manifest.counts
        table.add_row(manifest.id, Text(manifest.source), f"{counts['books']:,}", f"{counts['users']:,}", state)
    return table
