"""What the last search for better settings found: before and after, its course, and a curve for each setting."""

from __future__ import annotations

from markupsafe import Markup

from services.batch.report.figure_tables import figure_text
from services.batch.report.plots.svg import joined, tag
from services.batch.report.plots.tuning_plot import search_plot, setting_plot
from services.batch.tune.record import TuningRecord


def tuning_section(record: TuningRecord) -> Markup:
    """The section."""
    names = list(record.found)
    curves = [(name, plot) for name in names if (plot := setting_plot(record.trials, name)) is not None]
    return tag(
        "section",
        tag("h2", "The search for better settings"),
        tag("p", outcome(record), cls="lead"),
        tag("figure", _caption("The search", f"NDCG@10 of {len(record.trials):,} trials on {record.n_search_users:,} "
            "readers; the line is the best so far, hollow ones were given up early."), search_plot(record.trials),
            cls="wide") if record.trials else None,
        tag("div", *(tag("figure", _caption(name, "Upwards: NDCG@10"), plot) for name, plot in curves), cls="panels"),
        tag("details", tag("summary", "Settings and trials"), _settings(record), _trials(record)),
    )  # fmt: skip


def outcome(record: TuningRecord) -> str:
    """What came of it, in words."""
    verdict = (
        "The settings found are better and are used from the next night on"
        if record.better
        else "Nothing found is clearly better, so the settings stay as they were"
    )
    return (
        f"{verdict}: NDCG@10 is {figure_text(record.after)} with the best of the search against "
        f"{figure_text(record.before)} before, a difference of {record.difference.value:+.4f} "
        f"({record.difference.low:+.4f} to {record.difference.high:+.4f}) on {record.n_check_users:,} readers who took "
        f"no part in the search. The last {record.n_unseen_interactions:,} interactions were not looked at."
    )


def _caption(title: str, text: str) -> Markup:
    return tag("figcaption", tag("strong", title), tag("span", text) if text else None)


def _settings(record: TuningRecord) -> Markup:
    rows = [
        tag("tr", tag("th", name, scope="row"), *(
            tag("td", str(settings.get(name, "\N{EN DASH}")))
            for settings in (record.present, record.found, record.chosen)
        ))
        for name in record.found
    ]  # fmt: skip
    heads = ("before", "found", "tuned now")
    return _table(("", *heads), rows, "Settings")


def _trials(record: TuningRecord) -> Markup:
    rows = [
        tag("tr", tag("th", n, scope="row"), tag("td", f"{trial.value:.4f}"), tag("td", f"{trial.n_users:,}"),
            tag("td", "given up" if trial.pruned else ""), tag("td", f"{trial.seconds:.1f}"),
            *(tag("td", str(value)) for value in trial.settings.values()))
        for n, trial in enumerate(record.trials, start=1)
    ]  # fmt: skip
    return _table(("trial", "NDCG@10", "readers", "", "seconds", *record.found), rows, "Trials")


def _table(heads: tuple[str, ...], rows: list[Markup], title: str) -> Markup:
    head = tag("tr", *(tag("th", name, scope="col") if name else tag("td") for name in heads))
    table = tag("table", tag("caption", title), joined(tag("thead", head), tag("tbody", *rows)))
    return tag("div", table, cls="scroll", tabindex=0, role="region", aria_label=title)
