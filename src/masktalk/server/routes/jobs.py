"""Jobs: how far a prepare or a render is, and an end to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from masktalk.server.jobs import job_info
from masktalk.server.messages import JobInfo
from masktalk.server.services import IdPath, Served
from masktalk.server.store import JobRecord

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.get("/{id}")
async def read_job(id: IdPath, served: Served) -> JobInfo:
    """One job."""
    return job_info(served.jobs.look(id))


@router.get(
    "/{id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_job(id: IdPath, served: Served) -> StreamingResponse:
    """Server-sent events: the job as JSON whenever it changes, until it ends."""
    served.store.get(JobRecord, id)

    async def events() -> AsyncIterator[str]:
        async for job in served.jobs.watch(id):
            yield f"data: {job_info(job).model_dump_json()}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@router.post("/{id}/cancel")
async def cancel_job(id: IdPath, served: Served) -> JobInfo:
    """End it, waiting or running."""
    await served.jobs.cancel(id)
    return job_info(served.jobs.look(id))


@router.delete("/{id}", status_code=204)
async def delete_job(id: IdPath, served: Served) -> Response:
    """End it and forget it, its video included."""
    await served.jobs.cancel(id)
    served.jobs.forget(id)
    return Response(status_code=204)
