"""Logs and counts a task that failed after its last retry, and sends it to a webhook if one is configured.

`NIGHTSHELF_ALERT_WEBHOOK` is an http(s) URL that gets a JSON object by POST. A webhook failure is only logged.
"""

from __future__ import annotations

import json
import logging
import os
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from airflow.sdk.observability import stats

METRIC = "nightshelf.task_failed"
_TIMEOUT_SECONDS = 10.0
_MAX_CHARACTERS = 2_000
_log = logging.getLogger(__name__)


def alert(context: Mapping[str, Any]) -> None:
    """Airflow's `on_failure_callback`; never raises.

    Args:
        context: Airflow's context of the task. Values that it lacks, as after a lost worker, become `None`.
    """
    message = _message(context)
    _log.error("%s: %s", message["text"], message["error"])
    stats.incr(METRIC, tags={"dag_id": message["dag_id"], "task_id": message["task_id"]})
    webhook = os.environ.get("NIGHTSHELF_ALERT_WEBHOOK")
    if webhook:
        try:
            _post(webhook, message)
        except (OSError, ValueError, HTTPException) as error:
            _log.warning("The webhook in NIGHTSHELF_ALERT_WEBHOOK failed: %s", error)


def _message(context: Mapping[str, Any]) -> dict[str, Any]:
    instance, exception = context.get("ti"), context.get("exception")
    names = {name: getattr(instance, name, None) for name in ("dag_id", "task_id", "run_id", "try_number")}
    return {
        "text": f"Nightshelf: {names['task_id']} of {names['dag_id']} failed in run {names['run_id']}",
        **names,
        "error": None if exception is None else str(exception)[:_MAX_CHARACTERS],
        "log_url": getattr(instance, "log_url", None),
    }


def _post(webhook: str, message: dict[str, Any]) -> None:
    if not webhook.startswith(("http://", "https://")):
        raise ValueError("it is not an http(s) URL")
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked
        webhook, json.dumps(message).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310
        _log.info("The webhook received the message.")
