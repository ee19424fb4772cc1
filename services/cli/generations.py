"""`nightshelf generations …`: what has been published, and going back to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer

from services.cli.options import DataDir, batch_redis, out, settings_for
from shared.errors import ArtifactError
from shared.keys import Keys
from shared.layout import DataFolder

generations = typer.Typer(
    help="List the published generations, show one, go back to one, collect those not needed.", no_args_is_help=True
)


@contextmanager
def _pointing_at_the_list() -> Iterator[None]:
    """Say where ids are to be found when one is not."""
    try:
        yield
    except ArtifactError as error:
        hint = error.hint or "`nightshelf generations list` shows what there is."
        raise ArtifactError(error.what, where=error.where, hint=hint) from error


@generations.command("list")
def list_generations(data_dir: DataDir = None) -> None:
    """List the generations on disk, newest first, and which one is served."""
    from services.cli.tables import generations_screen
    from shared.publication import current_generation, history, manifests

    settings = settings_for(data_dir)
    keys = Keys(settings.redis_prefix)
    with batch_redis(settings) as client:
        current, published = current_generation(client, keys), history(client, keys)
    out.print(generations_screen(list(manifests(DataFolder(settings.data_dir))), current, published))


@generations.command("show")
def show_generation(
    generation: Annotated[str, typer.Argument(help="Its id, as in the list.")], data_dir: DataDir = None
) -> None:
    """Show a generation's manifest, as JSON."""
    from shared.artifacts.generation import read_manifest

    with _pointing_at_the_list():
        manifest = read_manifest(DataFolder(settings_for(data_dir).data_dir), generation)
    out.print_json(manifest.model_dump_json())


@generations.command("rollback")
def roll_back(
    to: Annotated[
        str | None, typer.Option(help="Its id; by default the one published before.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve an earlier generation again."""
    from services.batch.publish.publish import rollback
    from services.batch.runtime.lease import only_run
    from services.batch.runtime.progress import ConsoleProgress

    settings = settings_for(data_dir)
    folder = DataFolder(settings.data_dir)
    with (
        batch_redis(settings) as client,
        only_run(folder, lease_minutes=settings.batch.lease_minutes),
        _pointing_at_the_list(),
    ):
        manifest = rollback(client, Keys(settings.redis_prefix), folder, ConsoleProgress(out), to)
    out.print(f"Serving {manifest.id} again, made {manifest.created_at:%Y-%m-%d %H:%M} UTC.", highlight=False)


@generations.command("collect")
def collect_generations(
    grace_hours: Annotated[
        float | None, typer.Option(min=0, help="Younger ones stay; 48 by default.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Delete generations nobody needs: neither current, nor previous, nor young."""
    from services.batch.publish.publish import collect
    from services.batch.runtime.lease import only_run
    from services.cli.tables import summary

    settings = settings_for(data_dir)
    folder = DataFolder(settings.data_dir)
    hours = settings.batch.collect_grace_hours if grace_hours is None else grace_hours
    with batch_redis(settings) as client, only_run(folder, lease_minutes=settings.batch.lease_minutes):
        deleted = collect(client, Keys(settings.redis_prefix), folder, timedelta(hours=hours))
    out.print(summary("Deleted", deleted))
