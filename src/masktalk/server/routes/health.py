"""Health check and metrics."""

from __future__ import annotations

from importlib.metadata import version
from shutil import disk_usage
from typing import Literal

from fastapi import APIRouter, Response

from masktalk.server.messages import Health
from masktalk.server.say import can_say
from masktalk.server.services import Served

router = APIRouter(tags=["health"])


#: Free space below which nothing can be rendered.
_MIN_FREE_BYTES = 64 << 20


@router.get("/healthz", responses={503: {"model": Health}})
async def read_health(served: Served, response: Response) -> Health:
    """Report whether jobs are worked on and there is room for them; 503 when not."""
    free = disk_usage(served.store.data).free
    status: Literal["ok", "full", "failing"] = "full" if free < _MIN_FREE_BYTES else "ok"
    if not served.jobs.is_working:
        status = "failing"
    if status != "ok":
        response.status_code = 503
    return Health(
        status=status,
        free_bytes=free,
        version=version("masktalk"),
        sessions=len(served.sessions),
        jobs_waiting=served.jobs.waiting,
        say=can_say(),
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def read_metrics(served: Served) -> Response:
    """Counters and histograms in Prometheus' text format."""
    return Response(served.metrics.text(), media_type="text/plain; version=0.0.4")
