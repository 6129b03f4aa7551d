"""The application: services made, routes put together, started and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from masktalk.server import failures
from masktalk.server.housekeeping import Housekeeper
from masktalk.server.jobs import Jobs
from masktalk.server.live.manager import SessionManager
from masktalk.server.metrics import Metrics
from masktalk.server.openapi import describe
from masktalk.server.options import ServerOptions
from masktalk.server.routes import avatars, health, live, renders, samples, signin, speech
from masktalk.server.routes import jobs as job_routes
from masktalk.server.routes.signin import PAGE_FOLDER, signed_in
from masktalk.server.sandbox import ProcessLimit
from masktalk.server.security import SecurityMiddleware
from masktalk.server.services import Services
from masktalk.server.store import Store


def create_app(options: ServerOptions) -> FastAPI:
    """Return the server as an ASGI application.

    Args:
        options: Where it keeps things, what guards it, what is bounded.
    """
    store, metrics, limits = Store(options.data), Metrics(), options.limits
    jobs = Jobs(store, limits, metrics)
    made = Services(
        options=options,
        store=store,
        jobs=jobs,
        sessions=SessionManager(limits, metrics),
        metrics=metrics,
        processes=ProcessLimit(limits.running_probes, limits.queued_probes),
        housekeeper=Housekeeper(store, jobs, limits),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(store.sweep)
        await made.jobs.start()
        await made.sessions.start()
        await made.housekeeper.start()
        yield
        await made.housekeeper.stop()
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
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = made
    failures.install(app)
    for routes in (avatars, samples, speech, renders, job_routes, live, health, signin):
        app.include_router(routes.router)
    app.include_router(live.realtime_router)
    app.include_router(speech.voices_router)
    describe(app)
    _serve_page(app, options)
    app.add_middleware(SecurityMiddleware, options=options, metrics=metrics)
    return app


def _serve_page(app: FastAPI, options: ServerOptions) -> None:
    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        if "token" in request.query_params and options.token is not None:
            return signed_in(options, request.url.scheme == "https")
        return FileResponse(PAGE_FOLDER / "index.html", headers={"cache-control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(PAGE_FOLDER / "docs.html", headers={"cache-control": "no-cache"})

    app.mount("/", StaticFiles(directory=PAGE_FOLDER), name="page")
