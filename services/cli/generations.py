"""`nightshelf generations …`: list, show, roll back and collect generations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer

from services.cli.options import DataDir, batch_run, err, out, settings_for
from shared.errors import ArtifactError
from shared.layout import DataFolder

generations = typer.Typer(help="List, show, roll back and collect published generations.", no_args_is_help=True)


@contextmanager
def _hint_at_the_list() -> Iterator[None]:
    """Add a hint about unknown ids."""
    try:
        yield
    except ArtifactError as error:
        hint = error.hint or "`nightshelf generations list` lists the ids."
        raise ArtifactError(error.what, where=error.where, hint=hint) from error


@generations.command("list")
def list_generations(data_dir: DataDir = None) -> None:
    """List the generations on disk, newest first, and which one is served."""
    from services.cli.tables import generations_table
    from shared.publication import current_generation, history, manifests

    settings = settings_for(data_dir)
    with batch_run(settings) as (context, _url):
        current = current_generation(context.redis, context.keys)
        published = history(context.redis, context.keys)
    out.print(generations_table(list(manifests(context.folder)), current, published))


@generations.command("show")
def show_generation(
    generation: Annotated[str, typer.Argument(help="Its id, as listed.")], data_dir: DataDir = None
) -> None:
    """Show a generation's manifest, as JSON; before it, on stderr, what the quality gate compared with what."""
    from shared.artifacts.generation import read_manifest

    with _hint_at_the_list():
        manifest = read_manifest(DataFolder(settings_for(data_dir).data_dir), generation)
    if manifest.gate is not None:
        err.print(f"{manifest.gate.compared or manifest.gate.reason}\n", highlight=False, soft_wrap=True, markup=False)
    out.print_json(manifest.model_dump_json())


@generations.command("rollback")
def roll_back(
    to: Annotated[str | None, typer.Option(help="Its id; by default the previous one.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve an earlier generation again."""
    from services.batch.publish.rollback import rollback
    from services.batch.runtime.lease import only_run

    settings = settings_for(data_dir)
    with (
        batch_run(settings) as (context, _url),
        only_run(context.folder, lease_minutes=settings.batch.lease_minutes),
        _hint_at_the_list(),
    ):
        manifest = rollback(context, to)
    out.print(f"Serving {manifest.id} again, made {manifest.created_at:%Y-%m-%d %H:%M} UTC.", highlight=False)


@generations.command("collect")
def collect_generations(
    grace_hours: Annotated[
        float | None, typer.Option(min=0, help="Keep younger ones; 48 by default.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Delete old generations, but not the current and the previous one."""
    from services.batch.publish.collect import collect
    from services.batch.runtime.lease import only_run
    from services.cli.tables import summary

    settings = settings_for(data_dir)
    hours = settings.batch.collect_grace_hours if grace_hours is None else grace_hours
    with (
        batch_run(settings) as (context, _url),
        only_run(context.folder, lease_minutes=settings.batch.lease_minutes),
    ):
        deleted = collect(context, timedelta(hours=hours))
    out.print(summary("Deleted", deleted))
