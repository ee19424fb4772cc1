"""Nights that lost data or cannot be compared: nothing is published until somebody says why it is right."""

from __future__ import annotations

import pytest

from services.batch.night.nightly import NightReport, run_night
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from shared.artifacts.generation import artifact_folder
from shared.errors import GateRefusedError
from tests.worlds.library import Library


def night(library: Library, accept: str | None = None, folder: str = "export (2)") -> NightReport:
    """A night over the world as it is now, from a folder with another name."""
    source = open_folder(library.world.write(library.root / folder))
    return run_night(RunContext(library.settings, client=library.client), source, accept=accept)


def test_a_renamed_export_that_lost_its_rows_is_refused_before_anything_is_built(library: Library) -> None:
    before, artifacts = library.served(), sorted(library.folder.artifacts.iterdir())
    library.world.stars = dict(list(library.world.stars.items())[:2])
    with pytest.raises(GateRefusedError, match=r"of 1,440 interactions \(100%\) are gone"):
        night(library)
    assert library.served() == before
    assert sorted(library.folder.artifacts.iterdir()) == artifacts


def test_lost_data_is_refused_after_redis_was_emptied_too(library: Library) -> None:
    library.world.stars = dict(list(library.world.stars.items())[:2])
    library.client.unlink(*library.client.keys(f"{library.settings.redis_prefix}:*"))
    with pytest.raises(GateRefusedError, match="are gone"):
        night(library)


def test_a_damaged_evaluation_is_no_evaluation(library: Library) -> None:
    before = library.served()
    assert library.manifest.evaluation is not None
    metrics = artifact_folder(library.folder, "evaluation", library.manifest.evaluation) / "metrics.json"
    metrics.write_bytes(metrics.read_bytes()[:-20])
    library.world.rate("r001", "b02", 5)
    with pytest.raises(GateRefusedError, match="no evaluation that can be read"):
        night(library)
    assert library.served() == before
    report = night(library, accept="the disk was repaired")
    assert (report.published, report.gate.accepted_because) == (True, "the disk was repaired")


def test_a_small_shop_is_compared_by_its_counts_and_published(library: Library) -> None:
    first = library.pointer
    library.world.rate("r001", "b02", 5)
    report = night(library)
    assert (report.published, report.gate.verdict) == (True, "no-comparison")
    compared = library.manifest.gate.compared
    assert compared.startswith(f"Data of 'small world' compared with generation {first} of ")
    assert "books 80 against 80, users 120 against 120, interactions 1,441 against 1,440." in compared
    assert "Figures were not compared: This night has no figures to compare" in compared
