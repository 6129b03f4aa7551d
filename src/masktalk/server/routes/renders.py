"""Renders: an avatar and speech become a file."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import FileResponse

from masktalk.server.jobs import VIDEO, job_info
from masktalk.server.messages import JobInfo, RenderRequest
from masktalk.server.problems import RequestError
from masktalk.server.services import IdPath, Served
from masktalk.server.store import AvatarRecord, JobRecord, SpeechRecord

router = APIRouter(prefix="/api/renders", tags=["renders"])


@router.get("")
async def list_renders(served: Served) -> list[JobInfo]:
    """Every render, oldest first."""
    return [job_info(job) for job in served.store.all(JobRecord) if job.kind == "render"]


@router.post("", status_code=202)
async def create_render(wish: RenderRequest, served: Served) -> JobInfo:
    """Put a render into the queue. Follow the job for progress, then fetch its video."""
    avatar = served.store.get(AvatarRecord, wish.avatar)
    served.store.get(SpeechRecord, wish.speech)
    if avatar.status != "ready":
        raise RequestError(409, f"avatar {avatar.name}", f"is {avatar.status}", "prepare it first")
    await served.housekeeper.make_room(0)
    job = JobRecord(kind="render", **wish.model_dump())
    return job_info(served.jobs.submit(job))


@router.get("/{id}/video", response_class=FileResponse)
async def video(id: IdPath, served: Served) -> FileResponse:
    """The finished file."""
    job = served.store.get(JobRecord, id)
    path = served.store.folder(JobRecord, id) / VIDEO
    if job.kind != "render" or job.status != "done" or not path.exists():
        raise RequestError(409, "render", f"is {job.status}, not done")
    return FileResponse(path, media_type="video/mp4", filename="masktalk.mp4")
