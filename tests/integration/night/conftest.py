"""What the tests of nights share."""

from __future__ import annotations

import pytest

from tests.worlds.eventful_day import eventful_day, outcome


@pytest.fixture(scope="session")
def undisturbed(model_by_steps, run_of, tmp_path_factory):
    """What the run comes to when nothing disturbs it."""
    library = model_by_steps.cloned(tmp_path_factory.mktemp("undisturbed"), "undisturbed-steps", model_by_steps.client)
    eventful_day(library)
    accounts = run_of(library, "third").whole()
    assert accounts["embed"]["n_embedded"] == 3
    assert accounts["collect"]["generations"] == 1
    assert accounts["collect"]["lists"] == 120
    return outcome(library)
