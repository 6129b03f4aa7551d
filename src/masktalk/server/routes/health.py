"""Whether the server is well, and what it has counted."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Response

from masktalk.server.messages import Health
from masktalk.server.say import can_say
from masktalk.server.services import Served

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz(served: Served) -> Health:
    """Well, and how busy."""
    return Health(
        status="ok",
        version=version("masktalk"),
        sessions=len(served.hub),
        jobs_waiting=served.jobs.waiting,
        say=can_say(),
    )


@router.get("/metrics", response_class=Response)
async def metrics(served: Served) -> Response:
    """Counters and histograms in Prometheus' text format."""
    return Response(served.metrics.text(), media_type="text/plain; version=0.0.4")
