"""`nightshelf recommend` and `similar`: query the published generation without a server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DataDir, Limit, out, redis_url, settings_for
from shared.errors import NoGenerationError, UnknownTitleError
from shared.layout import DataFolder

if TYPE_CHECKING:
    from services.api.recommend.recommender import Recommended


def recommend(
    user: Annotated[str, typer.Argument(help="The user's id in the ratings.", show_default=False)],
    limit: Limit = 10,
    data_dir: DataDir = None,
) -> None:
    """Recommend books to one user."""
    from services.api.recommend.recommender import Recommender
    from services.api.state.generation_manager import GenerationManager
    from services.api.state.store import Store
    from services.cli.tables import recommendations_table

    settings = settings_for(data_dir)
    if settings.redis_url is None:
        _published(DataFolder(settings.data_dir))  # fail before a server starts in an empty folder

    async def ask(url: str) -> Recommended:
        store = Store(settings, url)
        generation_manager = GenerationManager(DataFolder(settings.data_dir), store, settings.serve.poll_seconds)
        try:
            await generation_manager.refresh()
            return await Recommender(generation_manager, store).recommend(user, limit, explain=True)
        finally:
            await store.close()

    with redis_url(settings) as url:
        out.print(recommendations_table(user, asyncio.run(ask(url))))


def similar(
    title: Annotated[str, typer.Argument(help="A title; typos are fine.", show_default=False)],
    limit: Limit = 10,
    data_dir: DataDir = None,
) -> None:
    """Find similar books. Unknown titles get suggestions."""
    from services.api.search.neighbors import similar_books
    from services.api.search.resolve import resolve
    from services.api.state.generation_manager import open_serving_state
    from services.cli.tables import similar_table, suggestions_table

    folder = DataFolder(settings_for(data_dir).data_dir)
    served = open_serving_state(folder, _published(folder))
    try:
        resolution = resolve(served.generation, served.titles, title)
    except UnknownTitleError as error:
        out.print(suggestions_table(error))
        raise typer.Exit(1) from error
    out.print(similar_table(served, resolution.number, similar_books(served.generation, resolution.number, limit)))


def _published(folder: DataFolder) -> str:
    """The published generation's id in the data folder."""
    from shared.artifacts.generation import read_pointer_file

    published = read_pointer_file(folder)
    if published is None:
        raise NoGenerationError(
            "Nothing has been published yet.", hint="Run `nightshelf nightly --source FOLDER` or `nightshelf demo`."
        )
    return published
