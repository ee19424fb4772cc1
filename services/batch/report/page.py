"""Renders a report as a self-contained HTML page without scripts. Templates in `templates/` escape all values."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.batch.report.document import Report
from services.batch.report.figure_tables import figure_tables, figure_text, tuning_tables
from services.batch.report.headline import foundation, headline
from services.batch.report.legend import keyed
from services.batch.report.plots.cluster_map import cluster_map
from services.batch.report.plots.tuning_plot import search_plot, setting_plot
from services.batch.report.split_figures import group_figures, ranking_figures, tradeoff_figures


def page(report: Report) -> bytes:
    """The page as UTF-8."""
    style = _style()
    written = _environment().get_template("page.html.j2").render(
        report=report,
        evaluation=report.evaluation,
        headline=headline(report.evaluation),
        foundation=foundation(report.evaluation),
        style=Markup(style),  # noqa: S704  # a file of this package
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )  # fmt: skip
    return written.encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"count": "{:,}".format, "figure": figure_text, "signed": "{:+.4f}".format}
    environment.globals |= {
        "cluster_map": cluster_map,
        "figure_tables": figure_tables,
        "group_figures": group_figures,
        "keyed": keyed,
        "ranking_figures": ranking_figures,
        "search_plot": search_plot,
        "setting_plot": setting_plot,
        "tradeoff_figures": tradeoff_figures,
        "tuning_tables": tuning_tables,
    }
    return environment


@cache
def _style() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")
