"""The report of a generation: written by its night, served at /report, and about what readers are really shown."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from datetime import timedelta

import orjson
import pytest
import typer
from typer.testing import CliRunner

from services.api.schemas.deprecated import SOURCE_FIELDS
from services.batch.evaluate.evaluation import read_evaluation
from services.batch.publish import publish
from services.batch.publish.collect import collect
from services.batch.report import sample_readers as drawing
from services.batch.report.document import Report
from services.batch.report.page import page
from services.cli.evaluate import evaluate
from shared.artifacts.generation import artifact_folder, read_manifest
from shared.layout import DataFolder
from shared.recommend.blend import CANDIDATE_SOURCES

pytest_plugins = ["tests.worlds.api_fixtures"]

RUN = CliRunner()


@pytest.fixture
def night_page(odd_world):
    return DataFolder(odd_world.settings.data_dir).report(odd_world.generation_id, "night")


def test_a_night_leaves_a_report_and_it_is_served(api, odd_world, night_page):
    answer = api.get("/report")
    assert (answer.status_code, answer.content) == (200, night_page.read_bytes())
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    document = api.get("/report.json")
    assert document.headers["content-type"] == "application/json"
    report = Report.model_validate(orjson.loads(document.content))
    assert page(report) == answer.content
    assert (report.scope, report.evaluation.generation) == ("night", odd_world.generation_id)
    assert list(report.evaluation.splits[0].systems) == [
        "served", "served-collaborative", "served-content", "served-item_transitions", "popularity",
    ]  # fmt: skip
    assert len(report.readers) == 20
    assert "better than the best baseline, Popularity" in answer.text
    manifest = read_manifest(DataFolder(odd_world.settings.data_dir), odd_world.generation_id)
    assert sum(tribe.n_books for tribe in report.tribes) == manifest.counts["books"]


def test_a_browser_may_load_and_run_nothing(api):
    answer = api.get("/report")
    style = re.search(rb"<style>(.*?)</style>", answer.content, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_a_full_evaluation_takes_the_place_of_the_nights_own(api, night_page):
    full = night_page.with_name("full.html")
    for ending in (".html", ".json"):
        full.with_suffix(ending).write_text('{"full": true}')
    try:
        assert api.get("/report").text == api.get("/report.json").text == '{"full": true}'
    finally:
        for ending in (".html", ".json"):
            full.with_suffix(ending).unlink()


def test_without_a_report_it_says_what_to_do(api, odd_world, night_page):
    away = night_page.parent.with_name("away")
    night_page.parent.rename(away)
    try:
        for path in ("/report", "/report.json"):
            answer = api.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
            assert f"nightshelf evaluate --generation {odd_world.generation_id}" in answer.json()["hint"]
    finally:
        away.rename(night_page.parent)


def test_sample_readers_see_what_the_api_answers(api, odd_world, night_page):
    folder = DataFolder(odd_world.settings.data_dir)
    manifest = read_manifest(folder, odd_world.generation_id)
    artifact = artifact_folder(folder, "collaborative", manifest.artifacts["collaborative"])
    users = drawing._drawn(orjson.loads((artifact / "users.json").read_bytes()), odd_world.settings.evaluation.seed)
    report = Report.model_validate_json(night_page.with_suffix(".json").read_bytes())
    for user, reader in zip(users, report.readers, strict=True):
        items = api.recommend(user, explain=True)["items"]
        assert [one.book.title for one in reader.recommended] == [item["title"] for item in items]
        assert [one.because for one in reader.recommended] == [
            item["because"] and item["because"]["title"] for item in items
        ]
        assert [one.lists for one in reader.recommended] == [
            [
                name
                for name, field in zip(CANDIDATE_SOURCES, SOURCE_FIELDS, strict=True)
                if item["sources"][field] is not None
            ]
            for item in items
        ]
        assert user not in night_page.read_text()


def test_a_report_of_a_generation_again_has_the_same_bytes(library):
    path = library.folder.report(library.pointer, "night")
    before = {ending: path.with_suffix(ending).read_bytes() for ending in (".html", ".json")}
    shutil.rmtree(path.parent)
    assert not library.night().published, "nothing is new"
    assert {ending: path.with_suffix(ending).read_bytes() for ending in (".html", ".json")} == before


def test_a_report_that_fails_does_not_keep_the_night(founded, monkeypatch, capsys):
    def fail(*_args):
        raise ZeroDivisionError("a plot without points")

    monkeypatch.setattr(publish, "write_night_report", fail)
    assert founded.night().published
    assert "report.failed" in capsys.readouterr().out
    assert not founded.folder.reports.exists()


def test_reports_go_with_their_generations(library):

    first = library.pointer
    for reader in ("r000", "r001", "r002"):
        library.world.rate(reader, "b00", 5)
        library.night()
    assert library.folder.report(first, "night").exists()
    collect(library.context, timedelta(0))
    assert {path.name for path in library.folder.reports.iterdir()} == {
        path.stem for path in library.folder.generations.glob("*.json")
    }
    assert not library.folder.report(first, "night").exists()


def test_evaluate_writes_the_page_beside_its_figures_and_for_the_api(library, tmp_path):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(evaluate)
    figures = tmp_path / "found.json"
    options = ["--data-dir", str(library.settings.data_dir), "--split", "last", "--system", "popularity"]

    def run(*more):
        result = RUN.invoke(app, [*options, "--out", str(figures), *more], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    run("--no-report")
    assert not figures.with_suffix(".html").exists()
    run()
    assert b"random readers" not in figures.with_suffix(".html").read_bytes(), "there is no generation to draw from"
    assert not library.folder.report(library.pointer, "full").exists()
    run("--generation", library.pointer)
    full = library.folder.report(library.pointer, "full")
    assert full.read_bytes() == figures.with_suffix(".html").read_bytes()
    report = Report.model_validate_json(full.with_suffix(".json").read_bytes())
    assert report.evaluation == read_evaluation(figures)
    assert (report.scope, len(report.readers)) == ("full", 20)
