"""What an ingest read, for people: what joined, what was set aside and why, and what was guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from services.batch.sources.rejects import row_stays

if TYPE_CHECKING:
    from services.batch.ingest.ingest import IngestReport
    from services.batch.ingest.snapshot_manifest import SourceFindings
    from shared.layout import DataFolder

_MAX_REASONS = 8
_MOST = 0.5


def n_set_aside(report: IngestReport) -> int:
    """Rows that were not kept."""
    return sum(n for reason, n in report.rejected_by_reason.items() if not row_stays(reason))


def ingest_summary(report: IngestReport, folder: DataFolder) -> RenderableType:
    """What joined, what was set aside and why, and what was guessed, each with the setting that overrides it."""
    set_aside = {reason: n for reason, n in report.rejected_by_reason.items() if not row_stays(reason)}
    kept = {reason: n for reason, n in report.rejected_by_reason.items() if row_stays(reason)}
    findings = report.findings
    parts: list[RenderableType] = []
    if findings is not None:
        parts.append(_titled("What joined", Text(_joined(findings))))
        kept |= findings.kept
    if set_aside:
        parts.append(_titled("Set aside", _counts(set_aside)))
    if kept:
        parts.append(_titled("Kept, but not as written", _counts(kept)))
    if set_aside or kept:
        details = folder.snapshots / report.snapshot_id / "rejects.parquet"
        parts.append(Text(f"  All of them are in {details}", overflow="fold"))
    if findings is not None and findings.guesses:
        parts.append(_titled("Guessed; the line below each overrides it in nightshelf.toml", _guesses(findings)))
    return Group(*parts)


def _titled(title: str, content: RenderableType) -> RenderableType:
    return Group(Text(title, style="italic"), Padding(content, (0, 0, 0, 2)))


def _counts(counts: Mapping[str, int]) -> Table:
    """Reasons with their counts, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    shown = ordered[:_MAX_REASONS]
    if others := sum(n for _, n in ordered[_MAX_REASONS:]):
        shown.append(("other reasons", others))
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for reason, n in shown:
        table.add_row(Text(reason), Text(f"{n:,}"))
    return table


def _joined(found: SourceFindings) -> str:
    n_valid = found.interaction_rows - found.interactions_set_aside
    n_joined = n_valid - found.interactions_without_book
    words = [f"{n_joined:,} of {n_valid:,} interactions found their book."]
    if found.interactions_respelled:
        words.append(f"{found.interactions_respelled:,} of them have an id that is spelled differently.")
    if found.interactions_without_book > n_valid * _MOST:
        words.append("Do the interactions refer to another column?")
        words += [f"Best: {join}." for join in found.best_joins]
    n_books = found.book_rows - found.book_rows_set_aside
    if found.books_without_text:
        words.append(f"{found.books_without_text:,} of {n_books:,} books have no author, genre or description.")
    return " ".join(words)


def _guesses(found: SourceFindings) -> RenderableType:
    lines: list[RenderableType] = []
    for guess in found.guesses:
        lines.append(Text(f"{guess.what}: {guess.value}", overflow="fold"))
        if guess.setting:
            lines.append(Text(f"    {guess.setting}", style="dim", overflow="fold"))
    return Group(*lines)
