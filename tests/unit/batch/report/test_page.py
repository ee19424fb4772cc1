"""The report page: it opens with the result, shows every figure of the document, and loads and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from markupsafe import Markup

from services.batch.metrics.bootstrap import Interval
from services.batch.report.cluster_map_data import clusters_on_map
from services.batch.report.document import Report
from services.batch.report.headline import headline
from services.batch.report.page import page
from services.batch.report.plots.axis import Axis, axis_over, written
from services.batch.report.plots.svg import joined, tag
from services.batch.report.write_report import write_report
from services.batch.tune.record import TuningRecord
from tests.worlds.evaluate_world import INACTIVE, N_BOOKS, content_artifact
from tests.worlds.evaluated_world import NASTY, evaluation_of_world, report_of_world, tuning_record

VOID = {"meta", "br", "link"}


class Parsed(HTMLParser):
    """What a browser would see: elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


@pytest.fixture(scope="module")
def report():
    return report_of_world()


@pytest.fixture(scope="module")
def html(report):
    return page(report).decode()


@pytest.fixture(scope="module")
def parsed(html):
    return Parsed(html)


def intervals_of(value):
    """Every interval and every measure of lists anywhere in a document."""
    if isinstance(value, Interval):
        yield from (value.value, value.low, value.high)
    elif isinstance(value, dict):
        for item in value.values():
            yield from intervals_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from intervals_of(item)


def test_every_figure_of_the_document_is_on_the_page(report, parsed):
    n_figures = 0
    for split in report.evaluation.splits:
        for system in split.systems.values():
            found = [*intervals_of(system.figures), *intervals_of(system.by_activity)]
            found += [*intervals_of(system.by_popularity), *intervals_of(system.served_minus)]
            found += [figure for figure in system.figures.values() if isinstance(figure, float)]
            n_figures += len(found)
            for figure in found:
                assert f"{figure:.4f}" in parsed.text
            for name, value in system.settings.items():
                assert f"{name} {value}" in parsed.text
    assert n_figures > 200
    for trial in report.tuning.trials:
        assert f"{trial.value:.4f}" in parsed.text
    for figure in (report.tuning.before, report.tuning.after, report.tuning.difference):
        assert all(f"{bound:.4f}" in parsed.text for bound in (figure.value, figure.low, figure.high))


def test_what_looks_like_markup_in_a_title_is_text(parsed):
    assert "script" not in parsed.elements
    assert parsed.elements.count("style") == 1
    assert parsed.text.count(NASTY) > 10


def test_the_page_runs_nothing_and_loads_nothing(parsed):
    names = {name for name, _ in parsed.attributes}
    assert not {name for name in names if name.startswith("on")}
    assert not names & {"style", "src", "href", "xlink:href", "action"}


def test_the_policy_allows_this_style_and_nothing_else(html, parsed):
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [value for name, value in parsed.attributes if name == "content" and "default-src" in value]
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]


def test_plots_say_what_they_are(html):
    assert html.count('role="img"') == len(re.findall(r'<svg[^>]*role="img"[^>]*><title>[^<]+</title>', html)) >= 8


def test_the_same_report_gives_the_same_bytes_also_after_reading_it_back(report, tmp_path):
    write_report(tmp_path / "g1" / "full.html", report)
    assert (tmp_path / "g1" / "full.html").read_bytes() == page(report)
    back = Report.model_validate_json((tmp_path / "g1" / "full.json").read_bytes())
    assert page(back) == page(report)


def test_it_says_when_readers_are_simulated(report, parsed):
    assert "readers are simulated" in parsed.text
    real = report.model_copy(update={"evaluation": evaluation_of_world(simulated=False)})
    assert "simulated" not in Parsed(page(real).decode()).text


@pytest.mark.parametrize(
    ("difference", "says"),
    [
        (Interval(0.02, 0.01, 0.03), "is 20\N{NO-BREAK SPACE}% better than"),
        (Interval(-0.02, -0.03, -0.01), "is 20\N{NO-BREAK SPACE}% worse than"),
        (Interval(0.002, -0.01, 0.03), "is not clearly better or worse (+2.0\N{NO-BREAK SPACE}%) than"),
    ],
)
def test_the_first_sentence_is_the_answer(difference, says):
    evaluation = evaluation_of_world()
    split = evaluation.splits[0]
    systems = dict(split.systems)
    rival = {"ndcg_at_10": Interval(0.1, 0.08, 0.12)}
    for name in ("item-knn", "ease", "popularity"):
        figures = systems[name].figures | (rival if name == "ease" else {"ndcg_at_10": Interval(0.01, 0, 0.02)})
        minus = systems[name].served_minus | {"ndcg_at_10": difference}
        systems[name] = systems[name].model_copy(update={"figures": figures, "served_minus": minus})
    evaluation = evaluation.model_copy(update={"splits": [split.model_copy(update={"systems": systems})]})
    sentence = headline(evaluation)
    assert says in sentence
    assert "EASE" in sentence
    assert f"{difference.low / 0.1 * 100:+.0f}".replace("-", "\N{MINUS SIGN}") in sentence
    assert page(Report(scope="full", evaluation=evaluation)).decode().count("<h1>") == 1


def test_without_test_users_there_is_a_page():
    nobody = evaluation_of_world().model_copy(update={"splits": []})
    assert "too few readers" in Parsed(page(Report(scope="night", evaluation=nobody)).decode()).text


def test_a_search_that_found_nothing_says_so(report):
    unchanged = report.model_copy(update={"tuning": tuning_record(better=False)})
    assert "the settings stay the same" in Parsed(page(unchanged).decode()).text
    assert isinstance(TuningRecord.model_validate_json(unchanged.tuning.model_dump_json()), TuningRecord)


def test_the_map_has_every_active_book_and_no_other(tmp_path):
    folder = content_artifact(tmp_path)
    clusters = clusters_on_map(folder)
    assert (
        sum(cluster.n_books for cluster in clusters) == sum(len(cluster.points) for cluster in clusters) == N_BOOKS - 1
    )
    assert [cluster.n_books for cluster in clusters] == sorted((cluster.n_books for cluster in clusters), reverse=True)
    assert all(0 <= place <= 1000 for cluster in clusters for point in cluster.points for place in point)
    positions = np.load(folder / "map.npy")
    positions[INACTIVE] = 1e6
    np.save(folder / "map.npy", positions)
    assert clusters_on_map(folder) == clusters, "where an inactive book would lie moves nothing"


def test_text_and_attributes_are_escaped():
    assert tag("p", "<b>", Markup("<i></i>"), None, cls='"x"') == '<p class="&#34;x&#34;">&lt;b&gt;<i></i></p>'
    assert joined("a&b", 3) == "a&amp;b3"


def test_axes():
    axis = Axis(0, 10, 0, 100)
    assert (axis.at(5), axis.percent(2.5), axis.ticks(5)) == (50, "25.00%", [0, 2, 4, 6, 8, 10])
    assert axis_over([3.0]).low < 3 < axis_over([3.0]).high
    assert axis_over([], from_zero=True).low == 0
    assert [written(value) for value in (0, 0.05, 0.123456, 12, 12345)] == ["0", "0.05", "0.123", "12", "12,345"]
