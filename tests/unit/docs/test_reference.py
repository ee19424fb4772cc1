"""Whatever can be set, asked, run, measured or logged is in docs/."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel

import services.api.metrics
from docs.reference.api_page import document
from docs.reference.commands_page import commands
from docs.reference.markdown import table, without_null, words_of
from docs.reference.settings_page import fields_of, groups
from docs.reference.write import PAGES
from services.cli.evaluate import SplitName
from shared.settings import Settings
from tests.paths import ROOT
from tests.unit.docs.log_events import log_events

DOCS = ROOT / "docs"
SOURCES = [path for folder in ("services", "shared", "dags") for path in sorted((ROOT / folder).rglob("*.py"))]


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows_of(name: str, heading: str) -> dict[str, list[str]]:
    """The table under a heading: first cell, without its marks, to the others."""
    section = text_of(name).split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if "| `" in line]
    return {row[0].strip(" `"): row[1:] for row in rows}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name):
    assert text_of(name) == PAGES[name](), "run `make docs`"


def variables(group: type[BaseModel], prefix: str) -> set[str]:
    """Every variable of a group, found without the page's own way of looking."""
    found = set()
    for name, field in group.model_fields.items():
        if isinstance(field.default, BaseModel):
            found |= variables(type(field.default), f"{prefix}{name.upper()}__")
        else:
            found.add(prefix + name.upper())
    return found


def test_every_setting_has_a_row():
    expected = variables(Settings, "NIGHTSHELF_")
    assert len(expected) > 80
    assert set(re.findall(r"^\| `(NIGHTSHELF_\w+)` \|", text_of("settings.md"), re.MULTILINE)) == expected
    assert sum(len(fields_of(group)) for _, group in groups()) == len(expected)


def test_every_setting_has_a_description():
    missing = [
        prefix + name.upper()
        for prefix, group in groups()
        for name, field in fields_of(group).items()
        if not (field.description or "").strip()
    ]
    assert missing == [], "give each a description in shared/settings.py"


def test_every_variable_that_docs_name_is_a_setting():
    """But for those of the containers and of the tests."""
    known = variables(Settings, "NIGHTSHELF_")
    outside = set(re.findall(r"NIGHTSHELF_\w+", (ROOT / "docker-compose.yml").read_text())) | {"NIGHTSHELF_DATASETS"}
    outside |= set(re.findall(r"NIGHTSHELF_\w+", "".join(path.read_text() for path in SOURCES)))
    named = {
        variable
        for path in [*DOCS.glob("*.md"), ROOT / "README.md"]
        for variable in re.findall(r"NIGHTSHELF_[A-Z_]*[A-Z](?![_A-Z])", path.read_text(encoding="utf-8"))
    }
    assert named >= known
    assert named - known - outside == set()


def test_every_route_has_a_section_with_its_parameters_and_statuses():
    sections = dict(re.findall(r"^## `(\w+ /\S*)`\n(.*?)(?=^##? |\Z)", text_of("api.md"), re.MULTILINE | re.DOTALL))
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }
    assert len(operations) > 15
    assert set(sections) == set(operations)
    for name, operation in operations.items():
        for parameter in operation.get("parameters", ()):
            assert f"| `{parameter['name']}` | {parameter['in']} |" in sections[name]
        for status in operation["responses"]:
            assert f"| {status} |" in sections[name]


def test_every_command_has_a_section_with_its_options():
    sections = dict(
        re.findall(r"^## `(nightshelf [^`]+)`\n(.*?)(?=^## |\Z)", text_of("commands.md"), re.MULTILINE | re.DOTALL)
    )
    found = dict(commands())
    assert {"nightshelf demo", "nightshelf generations rollback", "nightshelf step publish"} <= set(found)
    assert set(sections) == set(found)
    for name, command in found.items():
        for parameter in command.params:
            spelt = parameter.opts[0] if parameter.param_type_name == "option" else parameter.name.upper()
            assert f"| `{spelt}" in sections[name]


def test_options_that_allow_names_only_have_them_in_their_row():
    rows = rows_of("commands.md", "`nightshelf evaluate`")
    assert all(f"`{split.value}`" in rows["--split"][1] for split in SplitName)
    assert all(f"`{name}`" in rows["--system"][1] for name in ("served", "served-content", "popularity", "tf-idf"))
    assert "One of" not in "".join(rows["--source"])


def test_every_metric_has_a_row_with_its_type_labels_and_help():
    metrics = {
        metric._name: [metric._type, ", ".join(f"`{label}`" for label in metric._labelnames), metric._documentation]
        for metric in vars(services.api.metrics).values()
        if isinstance(metric, MetricWrapperBase)
    }
    assert len(metrics) >= 10
    rows = {name: [cell.strip(" |") for cell in row] for name, row in rows_of("metrics-and-logs.md", "Metrics").items()}
    assert rows == metrics


def test_every_log_event_has_a_row_with_its_level_and_meaning():
    events = {found for path in SOURCES for found in log_events(path.read_text())}
    assert len(events) > 20
    rows = rows_of("metrics-and-logs.md", "Log events")
    assert {(name, row[0]) for name, row in rows.items()} == events
    assert all(row[1].strip(" |").endswith(".") for row in rows.values())


def test_events_are_found_wherever_a_logger_is_called():
    source = """
def work(x):
    get_logger().info("a.b", x=1)
    log = get_logger().bind(x=x)
    log.warning("c.d")
    tell(x, "e.f")

def tell(x, what):
    get_logger().error(what, x=x)
"""
    assert set(log_events(source)) == {("a.b", "info"), ("c.d", "warning"), ("e.f", "error")}
    assert list(log_events(source.replace("get_logger", "other"))) == []


def test_a_schema_is_said_in_words():
    assert words_of({"type": "integer", "minimum": 1, "exclusiveMaximum": 9}) == "whole number, ≥ 1, < 9"
    nullable = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert words_of(nullable) == "number or null"
    assert words_of(without_null(nullable)) == "number"
    assert words_of({"type": "array", "items": {"enum": ["a", "b"]}}) == "list of `a`, `b`"
    assert words_of({"$ref": "#/components/schemas/Event"}) == "`Event`"
    assert table(("A",), [["x | y\nz"]]) == "| A |\n|---|\n| x \\| y z |"


@pytest.mark.parametrize(
    "page", [*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page: Path):
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
