"""`/docs`: the interactive documentation. Its scripts come from a package, so it works without the Internet."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles

_ASSETS = "/docs/assets"


def install(app: FastAPI) -> None:
    """Serve the page and its assets. Call it last, so that other routes match first."""

    @app.get("/docs", include_in_schema=False)
    async def documentation(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_ASSETS}/favicon.png",
        )

    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]), name="documentation-assets")
