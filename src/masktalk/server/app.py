"""The application: services made, routes put together, started and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from masktalk.server import failures
from masktalk.server.jobs import Jobs
from masktalk.server.live.manager import SessionManager
from masktalk.server.metrics import Metrics
from masktalk.server.options import ServerOptions
from masktalk.server.routes import avatars, health, jobs, live, renders, speech
from masktalk.server.security import COOKIE, SecurityMiddleware
from masktalk.server.services import Services
from masktalk.server.store import Store

_PAGE = Path(__file__).parent / "page"


def create_app(options: ServerOptions) -> FastAPI:
    """The server as an ASGI application.

    Args:
        options: Where it keeps things, what guards it, what is bounded.
    """
    store, metrics = Store(options.data), Metrics()
    made = Services(
        options=options,
        store=store,
        jobs=Jobs(store, options.limits, metrics),
        sessions=SessionManager(options.limits, metrics),
        metrics=metrics,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(store.sweep)
        await made.jobs.start()
        await made.sessions.start()
        yield
        await made.sessions.stop()
        await asyncio.gather(*(peer.close() for peer in list(made.peers)))
        await made.jobs.stop()
        store.close()

    app = FastAPI(
        title="masktalk",
        version=version("masktalk"),
        description="Any face and any speech in, that face speaking out.",
        lifespan=lifespan,
        responses=failures.RESPONSES,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.services = made
    failures.install(app)
    for routes in (avatars, speech, renders, jobs, live, health):
        app.include_router(routes.router)
    _serve_page(app, options)
    app.add_middleware(SecurityMiddleware, options=options, metrics=metrics)
    return app


def _serve_page(app: FastAPI, options: ServerOptions) -> None:
    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        if "token" in request.query_params and options.token is not None:
            away = RedirectResponse("/", 303)
            away.set_cookie(COOKIE, options.token, httponly=True, samesite="strict", path="/")
            return away
        return FileResponse(_PAGE / "index.html", headers={"cache-control": "no-cache"})

    app.mount("/", StaticFiles(directory=_PAGE), name="page")
