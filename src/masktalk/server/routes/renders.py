"""Renders: an avatar and speech become a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import create_model

from masktalk.avatar import Manifest
from masktalk.server.jobs import BUNDLE, job_info, video_path
from masktalk.server.messages import Id, JobInfo, Message
from masktalk.server.problems import RequestError
from masktalk.server.schemas import option_schema
from masktalk.server.services import IdPath, Served
from masktalk.server.store import AvatarRecord, JobRecord, SpeechRecord
from masktalk.server.uploads import clean_name

router = APIRouter(prefix="/api/renders", tags=["renders"])

_MEDIA_TYPES = {"mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime"}
_VIDEO_REPLY: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            name: {"schema": {"type": "string", "format": "binary"}}
            for name in _MEDIA_TYPES.values()
        }
    }
}

if TYPE_CHECKING:
    RenderChoices = Message
else:
    RenderChoices = create_model("RenderChoices", __base__=Message, **option_schema())


class RenderRequest(RenderChoices):
    """An avatar and speech become a file.

    ``container``: where it is left out, WebM for a transparent avatar and MP4 otherwise.
    """

    avatar: Id
    speech: Id
    container: Literal["mp4", "webm", "mov"] | None = None


@router.get("")
async def list_renders(served: Served) -> list[JobInfo]:
    """List every render, oldest first."""
    return [job_info(job) for job in served.store.all(JobRecord) if job.kind == "render"]


@router.post("", status_code=202)
async def create_render(wish: RenderRequest, served: Served) -> JobInfo:
    """Put a render into the queue. Follow the job for progress, then fetch its video."""
    avatar = served.store.get(AvatarRecord, wish.avatar)
    speech = served.store.get(SpeechRecord, wish.speech)
    if avatar.status != "ready":
        raise RequestError(409, f"avatar {avatar.name}", f"is {avatar.status}", "prepare it first")
    await served.housekeeper.make_room(0)
    options = wish.model_dump(exclude={"avatar", "speech", "container"}, exclude_none=True)
    manifest = Manifest.read(served.store.folder(AvatarRecord, avatar.id) / BUNDLE)
    keeps_alpha = manifest.has_alpha and "background" not in options
    if keeps_alpha and wish.container == "mp4":
        raise RequestError(
            422, "container", "MP4 keeps no transparency", "choose WebM, MOV or a background"
        )
    if not manifest.has_alpha and "background" in options:
        raise RequestError(422, "background", "does not apply: the avatar is not transparent")
    job = JobRecord(
        kind="render",
        avatar=wish.avatar,
        speech=wish.speech,
        title=f"{avatar.name}: {speech.name}",
        container=wish.container or ("webm" if keeps_alpha else "mp4"),
        options=options,
    )
    return job_info(served.jobs.submit(job))


@router.get("/{id}/video", response_class=FileResponse, responses=_VIDEO_REPLY)
async def read_video(id: IdPath, served: Served) -> FileResponse:
    """Fetch the finished file."""
    job = served.store.get(JobRecord, id)
    path = video_path(served.store.folder(JobRecord, id), job.container)
    if job.kind != "render" or job.status != "done" or not path.exists():
        raise RequestError(409, "render", f"is {job.status}, not done")
    name = clean_name(job.title.replace(":", " -").replace("/", " ")) + path.suffix
    return FileResponse(path, media_type=_MEDIA_TYPES[job.container], filename=name)
