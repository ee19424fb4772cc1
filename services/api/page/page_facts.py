"""The facts that the page needs before it draws anything, and what it may load."""

from __future__ import annotations

from importlib.metadata import version

from services.api.schemas.page import PageFacts
from services.api.state.generation_manager import GenerationManager
from services.api.state.store import Store
from shared.recommend.blend_weights import content_share
from shared.settings import BlendSettings, Settings


def content_policy(settings: Settings) -> str:
    """The page's Content-Security-Policy: its own files, and covers from elsewhere only if the settings allow them."""
    covers = " https: http:" if settings.page.cover_urls else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src 'self' data:{covers}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def page_facts(settings: Settings, generation_manager: GenerationManager, store: Store) -> PageFacts:
    """Gather the facts. Works without Redis and before the first night."""
    generation = generation_manager.current().generation if generation_manager.ready else None
    manifest = generation.manifest if generation else None
    blend = manifest.blend if manifest else BlendSettings()
    return PageFacts(
        version=version("nightshelf"),
        generation=manifest.id if manifest else None,
        created_at=manifest.created_at if manifest else None,
        n_books=int(generation.catalog.active.sum()) if generation else 0,
        simulated_readers=manifest.simulated_readers if manifest else False,
        content_weight=content_share(blend),
        redis="up" if await store.ping() else "away",
        cover_urls=settings.page.cover_urls,
        rollback=settings.page.operator_key is not None,
    )
