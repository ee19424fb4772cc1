"""Logging goes to stderr, as lines for people or as JSON, from the level that was asked for."""

from __future__ import annotations

import json

import pytest

from shared.log import configure_logging, get_logger


def test_json_lines_hold_event_level_time_and_fields(capsys):
    configure_logging("json")
    get_logger().info("generation.loaded", generation="g1")
    said = capsys.readouterr()
    line = json.loads(said.err)
    assert (line["event"], line["level"], line["generation"]) == ("generation.loaded", "info", "g1")
    assert line["timestamp"].endswith("Z")
    assert said.out == ""


def test_a_terminal_gets_a_readable_line(capsys):
    configure_logging("console")
    get_logger().warning("redis.away", what="state")
    said = capsys.readouterr().err
    assert "redis.away" in said
    assert "what=state" in said


@pytest.mark.parametrize(("at_least", "told"), [("info", 2), ("warning", 1)])
def test_what_is_below_the_level_is_not_said(capsys, at_least, told):
    configure_logging("json", at_least)
    get_logger().info("sql.read")
    get_logger().warning("sql.mirror_damaged")
    assert len(capsys.readouterr().err.splitlines()) == told
