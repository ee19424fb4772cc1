"""What the command shows: one screen at the end of each thing it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shared.errors import UnknownTitleError

if TYPE_CHECKING:
    from services.api.live import Served
    from services.api.recommend import Recommended
    from services.api.schemas import SimilarBook
    from services.batch.ingest import IngestReport
    from services.batch.nightly import NightReport
    from services.doctor import Finding
    from shared.generation import GenerationManifest
    from shared.layout import DataFolder

_MOST_REASONS = 6


def summary(title: str, rows: Mapping[str, object]) -> Table:
    """Names and values, one a line."""
    table = Table(title=title, show_header=False, title_justify="left", box=None, padding=(0, 2))
    for name, value in rows.items():
        shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        table.add_row(name.removeprefix("n_").replace("_", " "), Text(shown))
    return table


def _ingest_rows(report: IngestReport, folder: DataFolder) -> dict[str, object]:
    rows: dict[str, object] = {
        "snapshot": f"{report.snapshot_id}{'' if report.changed else ' (nothing changed)'}",
        "books": f"{report.n_active_books:,}",
        "users": report.n_users,
        "interactions": report.n_interactions,
        "events taken in": report.n_events,
        "duplicates merged": report.n_duplicates,
        "rows rejected": report.n_rejected,
    }
    reasons = sorted(report.rejected_by_reason.items(), key=lambda item: -item[1])
    for reason, count in reasons[:_MOST_REASONS]:
        rows[f"  {reason}"] = count
    if reasons:
        rows["  each of them in"] = folder.snapshots / report.snapshot_id / "rejects.parquet"
    return rows


def ingest_screen(report: IngestReport, folder: DataFolder) -> Table:
    """What was taken in."""
    return summary("Taken in", _ingest_rows(report, folder))


def night_screen(report: NightReport, folder: DataFolder) -> Table:
    """What a night did."""
    rows = _ingest_rows(report.ingest, folder)
    rows["books embedded"] = report.n_embedded
    rows["books reused"] = report.n_reused_vectors
    rows["users listed"] = report.n_users_listed
    rows["parts reused"] = ", ".join(report.reused_parts) or "none"
    rows["seconds"] = ", ".join(f"{step} {seconds:.1f}" for step, seconds in report.seconds.items())
    rows["seconds in all"] = f"{sum(report.seconds.values()):.1f}"
    rows["generation"] = (
        f"{report.generation_id} ({'published' if report.published else 'already served; nothing new'})"
    )
    return summary("The night is done", rows)


def recommendations_screen(user: str, recommended: Recommended) -> Table:
    """Recommendations for one user with their reasons."""
    generation = recommended.served.generation
    simulated = ", simulated readers" if generation.manifest.simulated_readers else ""
    degraded = ", Redis away" if recommended.degraded else ""
    table = Table(title=f"For {user}: {recommended.strategy}{degraded}{simulated}", title_justify="left", box=None)
    for column in ("", "title", "authors", "score", "because of"):
        table.add_column(column, justify="right" if column in ("", "score") else "left")
    titles, authors = generation.catalog.titles, generation.catalog.authors
    rows = zip(
        recommended.items.numbers.tolist(), recommended.items.scores.tolist(), recommended.because.tolist(), strict=True
    )
    for place, (number, score, because) in enumerate(rows, start=1):
        reason = titles[because] if because >= 0 else ""
        table.add_row(str(place), Text(titles[number]), Text(", ".join(authors[number])), f"{score:.3f}", Text(reason))
    return table


def similar_screen(served: Served, number: int, books: list[SimilarBook]) -> Table:
    """Neighbours of a book."""
    catalog = served.generation.catalog
    title = f"Like {catalog.titles[number]} by {', '.join(catalog.authors[number]) or 'unknown'}"
    table = Table(title=Text(title), title_justify="left", box=None)
    for column in ("title", "authors", "similarity", "rating", "ratings"):
        table.add_column(column, justify="left" if column in ("title", "authors") else "right")
    for book in books:
        rating = "-" if book.average_rating is None else f"{book.average_rating:.2f}"
        authors = Text(", ".join(book.authors))
        table.add_row(Text(book.title), authors, f"{book.similarity:.3f}", rating, f"{book.n_ratings:,}")
    return table


def suggestions_screen(error: UnknownTitleError) -> RenderableType:
    """What may have been meant by a title nobody has."""
    if not error.suggestions:
        return Text(f"{error.what} Nothing like it was found.")
    lines = [Text(f"{error.what} Did you mean:")]
    for suggestion in error.suggestions:
        authors = suggestion["authors"]
        lines.append(
            Text(f"  {suggestion['title']}" + (f" - {', '.join(authors)}" if isinstance(authors, list) else ""))
        )
    return Group(*lines)


def generations_screen(manifests: list[GenerationManifest], current: str | None, published: list[str]) -> Table:
    """Generations with what became of them."""
    table = Table(title="Generations", title_justify="left", box=None)
    for column in ("id", "made (UTC)", "source", "books", "users", ""):
        table.add_column(column, justify="right" if column in ("books", "users") else "left")
    for manifest in manifests:
        state = "served" if manifest.id == current else "published" if manifest.id in published else "never published"
        counts = manifest.counts
        table.add_row(
            manifest.id, f"{manifest.created_at:%Y-%m-%d %H:%M}", Text(manifest.source),
            f"{counts['books']:,}", f"{counts['users']:,}", state,
        )  # fmt: skip
    return table


def doctor_screen(findings: Iterable[Finding]) -> Table:
    """Findings as they come; the table is drawn when all are there."""
    table = Table(title="Examination", title_justify="left", box=None)
    for column in ("", "check", "found", "to mend it"):
        table.add_column(column)
    for finding in findings:
        mark = "[green]well[/]" if finding.ok else "[red]ill[/]"
        table.add_row(mark, finding.check, Text(finding.found), Text(finding.mend or ""))
    return table
