"""`/` and `/docs`: the pages, and the files they are made of."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

import app as package
from app.scoring import SEED_PHOTOS

WEB = Path(package.__file__).parent / "web"
# A browser asks each time whether a file has changed, so that an upgrade never meets old scripts.
FRESH = {"Cache-Control": "no-cache"}

router = APIRouter(include_in_schema=False)


class FreshFiles(StaticFiles):
    """A folder of files that a browser may keep but must ask about."""

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        """The file, or that it has not changed."""
        response = await super().get_response(path, scope)
        response.headers.update(FRESH)
        return response


@router.get("/")
async def page() -> FileResponse:
    """The page itself; everything else it needs lies under `/assets`."""
    return FileResponse(WEB / "index.html", media_type="text/html", headers=FRESH)


@router.get("/docs")
async def docs() -> FileResponse:
    """The documentation of the interface, without anything from another machine."""
    return FileResponse(WEB / "docs.html", media_type="text/html", headers=FRESH)


def add_page(app: FastAPI) -> None:
    """Serves the page, its files, and the shipped photos as samples to try it with."""
    app.include_router(router)
    app.mount("/assets/samples", FreshFiles(directory=SEED_PHOTOS), name="samples")
    app.mount("/assets", FreshFiles(directory=WEB / "assets"), name="assets")
