"""Nights of shops with next to nothing, and of shops whose interactions know little of order."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from services.batch.evaluate.nightly_evaluation import read_metrics
from services.batch.night import inputs
from services.batch.night.nightly import NightReport, run_night
from services.batch.night.step_table import STEPS
from services.batch.night.steps import PublishOrder, StepsOfRun
from services.batch.sources.folder import open_folder
from shared.artifacts.generation import artifact_folder
from shared.errors import SourceError
from tests.servers.step_processes import QuickEmbedder
from tests.worlds.library import Library
from tests.worlds.small_world import FIRST_RATING_SECONDS

TIMES = ', time = "at"'


@pytest.fixture
def shop(valkey_url, client, prefix, tmp_path, monkeypatch):
    """A library before its first night, whose vectors mean nothing and take no time."""
    monkeypatch.setattr(inputs, "open_embedder", lambda *_args, **_kwargs: QuickEmbedder())
    return Library.founded(tmp_path, valkey_url, prefix, client)


def keep(library: Library, n_books: int, n_readers: int, stars: float | None = None) -> None:
    """Keep only some of the world; `stars` for all ratings."""
    world = library.world
    world.books = dict(list(world.books.items())[:n_books])
    readers = sorted({reader for reader, _ in world.stars})[:n_readers]
    world.stars = {
        (reader, book): (rated if stars is None else stars, at)
        for (reader, book), (rated, at) in world.stars.items()
        if reader in readers and book in world.books
    }


def night(library: Library, edit: Callable[[str], str] = str) -> NightReport:
    """Run a night over the world with another mapping."""
    folder = library.world.write(library.source_folder)
    mapping = folder / "nightshelf.toml"
    mapping.write_text(edit(mapping.read_text()))
    return run_night(library.context, open_folder(folder))


def as_views(mapping: str) -> str:
    return mapping.replace('file = "stars.csv"', 'file = "stars.csv"\nkind = "view"').replace(', value = "stars"', "")


def without_interactions(mapping: str) -> str:
    return mapping[: mapping.index("[[interactions]]")]


SMALL = {
    "one reader": (lambda library: keep(library, 80, 1), str),
    "one book": (lambda library: keep(library, 1, 120), str),
    "one book, one reader": (lambda library: library.world.rate("r", "b00", 5) or keep(library, 1, 1), str),
    "one book and nobody": (lambda library: keep(library, 1, 0), str),
    "no interaction yet": (lambda library: keep(library, 80, 0), str),
    "interactions left out": (lambda library: keep(library, 80, 0), without_interactions),
    "everything equal": (lambda library: keep(library, 80, 120, stars=5), str),
    "nobody likes anything": (lambda library: keep(library, 80, 20, stars=1), str),
    "views only": (lambda library: keep(library, 80, 120), as_views),
}


@pytest.mark.parametrize(("change", "edit"), SMALL.values(), ids=SMALL.keys())
def test_the_smallest_shop_gets_a_generation(shop, change, edit):
    change(shop)
    report = night(shop, edit)
    assert report.published
    n_books = len(shop.world.books)
    generation = shop.verified()
    assert generation.catalog.n_books == n_books
    [answer] = shop.recommended(["stranger"], 10)
    assert len(answer.item_index) == min(n_books, 10), "popular books in some order"
    neighbors = generation.content.candidates(np.array([0], np.int32), limit=5, decay=1.0)[0]
    assert len(neighbors) == min(n_books - 1, 5)
    if not shop.world.stars:
        assert report.quality.reason.startswith("There are no interactions yet")
    again = night(shop, edit)
    assert (again.published, again.reused_artifacts) == (False, list(shop.manifest.artifacts))


@pytest.mark.parametrize("n_readers", [0, 1])
def test_a_small_shop_may_run_step_by_step(shop, n_readers):
    keep(shop, 80, n_readers)
    source = shop.world.write(shop.source_folder)
    run = StepsOfRun("steps", shop.context)
    account = run.ingest(lambda: open_folder(source), night=None, fresh=False)
    for step in STEPS:
        if step.builds:
            run.make(step, account["snapshot"])
    run.gate(account["snapshot"], account["served"], None)
    assert run.publish(PublishOrder(account["snapshot"], account["generation"], account["served"]))["published"]


def test_a_shop_whose_interactions_are_all_invalid_is_refused(shop):
    keep(shop, 80, 2, stars=9)
    with pytest.raises(SourceError, match=r"has no valid interaction\. Rejected: rating is outside 1-5"):
        night(shop)


ORDERS = {
    "times": (str, "time", "last 10% by time"),
    "rows grouped by reader": (lambda mapping: mapping.replace(TIMES, ""), "none", "random 20% of each user"),
    "a declared sequence": (
        lambda mapping: f'order = "sequence"\n{mapping.replace(TIMES, "")}', "sequence", "last 1 of each user",
    ),
    "times to be ignored": (lambda mapping: f'order = "none"\n{mapping}', "none", "random 20% of each user"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "order", "split"), ORDERS.values(), ids=ORDERS.keys())
def test_a_night_measures_and_serves_what_the_order_allows(shop, edit, order, split):
    times = [at for _, at in shop.world.stars.values()]
    random.Random(3).shuffle(times)  # the rows stay grouped by reader
    shop.world.stars = {
        pair: (stars, at) for (pair, (stars, _)), at in zip(shop.world.stars.items(), times, strict=True)
    }
    report = night(shop, edit)
    assert shop.snapshot.manifest.source.order == order
    assert report.quality.split.name == split
    assert report.quality.comparable
    assert report.quality.systems["served"]["ndcg_at_10"].value > 0
    folder = artifact_folder(shop.folder, "collaborative", shop.manifest.artifacts["collaborative"])
    assert (len(np.load(folder / "trending.numbers.npy")) > 0) == (order == "time")
    assert (shop.manifest.blend.recency_decay == 1.0) == (order == "none")
    assert (shop.verified().fold_in.history_decay == 1.0) == (order == "none")
    evaluation = artifact_folder(shop.folder, "evaluation", shop.manifest.evaluation)
    assert read_metrics(evaluation) == report.quality


def test_another_order_makes_the_lists_again_from_the_same_snapshot(shop):
    night(shop)
    snapshot, artifacts = shop.snapshot.id, shop.manifest.artifacts
    report = night(shop, lambda mapping: f'order = "none"\n{mapping}')
    assert shop.snapshot.id == snapshot
    assert report.published
    changed = {kind for kind, made in shop.manifest.artifacts.items() if made != artifacts[kind]}
    assert changed == {"collaborative"}


def test_one_rating_of_the_future_changes_nothing_for_others(shop):
    night(shop)
    newest, lists = shop.verified().fold_in.newest_time, shop.lists()
    shop.world.stars["r000", "b79"] = (5, 4_070_908_800)  # 2099
    report = night(shop)
    assert report.ingest.rejected_by_reason == {"time is in the future": 1}
    assert shop.verified().fold_in.newest_time == newest == FIRST_RATING_SECONDS + shop.world.n_ratings
    now = shop.lists()
    assert all(np.array_equal(now[reader], listed) for reader, listed in lists.items())
