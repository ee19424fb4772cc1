"""`create_app(settings)` builds the API. There is no global application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

import faiss
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api import problems
from services.api.deps import LifespanState, State
from services.api.metrics import REQUEST_SECONDS
from services.api.page.book_map import MapKeeper
from services.api.page.demo_readers import DemoReaders
from services.api.page.web_assets import Assets
from services.api.recommend.recommender import Recommender
from services.api.routes import (
    books,
    documentation,
    events,
    legacy,
    operations,
    pages,
    popular,
    readers,
    recommendations,
    report,
    tribes,
)
from services.api.state.generation_manager import GenerationManager
from services.api.state.store import Store
from shared.errors import NightshelfError
from shared.layout import DataFolder
from shared.log import configure_logging
from shared.settings import Settings, load_settings

_SUBJECTS = (  # in the order of the documentation
    recommendations,
    popular,
    books,
    legacy,
    events,
    tribes,
    readers,
    operations,
    report,
    pages,
)


def create_app(settings: Settings) -> FastAPI:
    """An application that serves the data folder and Redis named in its settings.

    Raises:
        NightshelfError: no Redis is configured.
    """
    if settings.redis_url is None:
        raise NightshelfError(
            "No Redis is configured.",
            where="NIGHTSHELF_REDIS_URL",
            hint="Set it, or use `nightshelf serve --embedded`.",
        )
    app = FastAPI(
        title="Nightshelf",
        version=version("nightshelf"),
        description="Book recommendations: models trained every night, answers in milliseconds.",
        lifespan=_lifespan(settings, Store(settings, settings.redis_url)),
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    for subject in _SUBJECTS:
        app.include_router(subject.router)
    documentation.install(app)
    problems.install(app)
    app.add_middleware(Measured)
    return app


def _lifespan(settings: Settings, store: Store) -> Callable[[FastAPI], AbstractAsyncContextManager[LifespanState]]:
    """Follow the published generation while the application runs."""
    folder = DataFolder(settings.data_dir)
    generation_manager = GenerationManager(folder, store, settings.serve.poll_seconds)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[LifespanState]:
        faiss.omp_set_num_threads(settings.serve.faiss_threads)
        await generation_manager.start()
        try:
            yield {
                "nightshelf": State(
                    settings=settings,
                    store=store,
                    generation_manager=generation_manager,
                    recommender=Recommender(generation_manager, store),
                    assets=Assets(),
                    maps=MapKeeper(folder),
                    demo_readers=DemoReaders(folder, store),
                )
            }
        finally:
            await generation_manager.stop()
            await store.close()

    return lifespan


def app_from_environment() -> FastAPI:
    """An application with settings from the environment, for servers that start worker processes."""
    settings = load_settings()
    configure_logging(settings.log_format)
    return create_app(settings)


class Measured:
    """Times every request by route, status class and strategy. Plain ASGI middleware, which buffers nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._children: dict[tuple[str, str, str], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = "5xx"

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = scope.get("route")
            labels = (getattr(route, "path", "unmatched"), status, scope.get("strategy", ""))
            child = self._children.get(labels)
            if child is None:
                child = self._children[labels] = REQUEST_SECONDS.labels(*labels)
            child.observe(time.perf_counter() - started)
