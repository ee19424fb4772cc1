"""The failure callback, told to a real HTTP server."""

from __future__ import annotations

import json

import pytest

from tests.servers.server import free_port

COUNTED = [["nightshelf.task_failed", {"dag_id": "nightly_recommendations", "task_id": "gate"}]]


def test_a_failure_is_counted_and_told_to_the_webhook(airflow, webhook):
    assert airflow.ask("alert", {"NIGHTSHELF_ALERT_WEBHOOK": webhook.url}) == COUNTED
    [(content_type, body)] = webhook.received
    assert content_type == "application/json"
    assert json.loads(body) == {
        "text": "Nightshelf: gate of nightly_recommendations failed in run scheduled__1",
        "dag_id": "nightly_recommendations",
        "task_id": "gate",
        "run_id": "scheduled__1",
        "try_number": 2,
        "error": "too bad",
        "log_url": "http://airflow.example/log",
    }


def test_a_webhook_that_answers_with_an_error_changes_nothing(airflow, webhook):
    webhook.status = 500
    assert airflow.ask("alert", {"NIGHTSHELF_ALERT_WEBHOOK": webhook.url}) == COUNTED
    assert len(webhook.received) == 1


@pytest.mark.parametrize(
    "address",
    ["", f"http://127.0.0.1:{free_port()}/", "file:///etc/passwd", "http://[", "nonsense"],
    ids=["none", "nobody there", "a file", "half an address", "nonsense"],
)
def test_no_webhook_or_a_wrong_one_changes_nothing(airflow, address):
    assert airflow.ask("alert", {"NIGHTSHELF_ALERT_WEBHOOK": address}) == COUNTED


def test_a_context_with_nothing_in_it_is_enough(airflow, webhook):
    [[name, _tags]] = airflow.ask("alert", {"NIGHTSHELF_ALERT_WEBHOOK": webhook.url}, with_context=False)
    assert name == "nightshelf.task_failed"
    assert json.loads(webhook.received[0][1])["task_id"] is None
