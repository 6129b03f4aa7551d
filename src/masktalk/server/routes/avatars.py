"""Avatars: uploaded, looked at, prepared, renamed, deleted; their rigs read and written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from masktalk.avatar import FACES_NAME, FaceTrack, Manifest
from masktalk.faces.points import Points, RigPoints
from masktalk.landmarks import RIG_LANDMARKS
from masktalk.server.jobs import BUNDLE, POINTS, job_info, source_path
from masktalk.server.messages import AvatarInfo, AvatarRename, JobInfo, Rig, RigUpdate
from masktalk.server.problems import Problem, RequestError
from masktalk.server.sandbox import TaskFailed, run_task
from masktalk.server.services import IdPath, Served, Services
from masktalk.server.store import AvatarRecord, JobRecord, new_id
from masktalk.server.tasks import Found, Probe
from masktalk.server.uploads import RAW_BODY, announced_bytes, clean_name, receive
from masktalk.types import Face

router = APIRouter(prefix="/api/avatars", tags=["avatars"])

#: How a picture is described in OpenAPI.
IMAGE_REPLY: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}

_PREVIEW, _THUMBNAIL = "preview.jpg", "thumbnail.jpg"


@router.get("")
async def list_avatars(served: Served) -> list[AvatarInfo]:
    """Every avatar, oldest first."""
    return [_info(avatar) for avatar in served.store.all(AvatarRecord)]


@router.post("", status_code=201, openapi_extra=RAW_BODY)
async def upload_avatar(
    request: Request, served: Served, name: Annotated[str, Query(max_length=200)] = "avatar"
) -> AvatarInfo:
    """Upload a picture or video as the request's body. Prepare it next."""
    await served.housekeeper.make_room(announced_bytes(request))
    return await add_avatar(served, clean_name(Path(name).stem), partial(receive, request))


async def add_avatar(
    served: Services, name: str, write: Callable[[Path], Awaitable[str]]
) -> AvatarInfo:
    """Keep a new avatar and look into its source.

    Args:
        served: The services.
        name: Name to show.
        write: Writes ``source`` plus a suffix into a folder and returns the suffix.

    Raises:
        RequestError: There are too many avatars, or the source cannot be used.
    """
    store, limits = served.store, served.options.limits
    if store.count(AvatarRecord) >= limits.avatars:
        raise RequestError(409, "avatars", f"{limits.avatars} are kept already", "delete one first")
    id = new_id()
    folder = store.make_folder(AvatarRecord, id)
    try:
        suffix = await write(folder)
        probe = Probe(
            source=source_path(folder, suffix),
            preview=folder / _PREVIEW,
            thumbnail=folder / _THUMBNAIL,
            pixels=limits.pixels,
            seconds=limits.video_seconds,
        )
        async with served.processes.slot():
            found = await run_task(probe, limits, limits.probe_seconds)
        assert isinstance(found, Found)
        avatar = AvatarRecord(
            id=id,
            name=name,
            kind=found.source,
            suffix=suffix,
            width=found.width,
            height=found.height,
            seconds=found.seconds,
        )
        store.put(avatar)
    except TaskFailed as failure:
        raise failure.as_refusal() from failure
    finally:
        if store.find(AvatarRecord, id) is None:
            store.drop(AvatarRecord, id)
    return _info(avatar)


@router.get("/{id}")
async def read_avatar(id: IdPath, served: Served) -> AvatarInfo:
    """One avatar."""
    return _info(served.store.get(AvatarRecord, id))


@router.patch("/{id}")
async def rename_avatar(id: IdPath, change: AvatarRename, served: Served) -> AvatarInfo:
    """Give it another name."""
    avatar = served.store.get(AvatarRecord, id)
    avatar.name = clean_name(change.name)
    served.store.put(avatar)
    return _info(avatar)


@router.delete("/{id}", status_code=204)
async def delete_avatar(id: IdPath, served: Served) -> Response:
    """Forget it: its files, its jobs, its sessions."""
    served.store.get(AvatarRecord, id)
    for live in served.sessions:
        if live.avatar_id == id:
            await served.sessions.close(
                live.id, Problem(type="Deleted", message="session: its avatar was deleted")
            )
    for job in served.store.all(JobRecord):
        if job.avatar == id:
            await served.jobs.cancel(job.id)
            served.jobs.forget(job.id)
    served.store.drop(AvatarRecord, id)
    return Response(status_code=204)


@router.post("/{id}/prepare", status_code=202)
async def prepare_avatar(id: IdPath, served: Served) -> JobInfo:
    """Find its face and make it ready to speak. Follow the job for progress."""
    avatar = served.store.get(AvatarRecord, id)
    running = served.store.find(JobRecord, avatar.job) if avatar.job else None
    if running is not None and running.status in ("queued", "running"):
        raise RequestError(
            409, f"avatar {avatar.name}", "is being prepared", "wait, or cancel its job"
        )
    job = served.jobs.submit(JobRecord(kind="prepare", avatar=id))
    avatar.job, avatar.status, avatar.problem = job.id, "preparing", None
    served.store.put(avatar)
    return job_info(job)


@router.get("/{id}/preview", response_class=FileResponse, responses=IMAGE_REPLY)
async def read_preview(id: IdPath, served: Served) -> FileResponse:
    """Its first frame as a JPEG, at most 1600 pixels on a side."""
    return _picture(served, id, _PREVIEW)


@router.get("/{id}/thumbnail", response_class=FileResponse, responses=IMAGE_REPLY)
async def read_thumbnail(id: IdPath, served: Served) -> FileResponse:
    """Its first frame as a JPEG, at most 320 pixels on a side."""
    return _picture(served, id, _THUMBNAIL)


@router.get("/{id}/rig")
async def read_rig(id: IdPath, served: Served) -> Rig:
    """Return the face's place: set by hand, else located, else a first guess."""
    avatar = served.store.get(AvatarRecord, id)
    folder = served.store.folder(AvatarRecord, id)
    face = await asyncio.to_thread(_first_face, folder / BUNDLE)
    by_hand = _stored_points(folder / POINTS)
    mesh = None
    if face is not None:
        mesh = [(round(float(x), 1), round(float(y), 1)) for x, y in face.mesh[:, :2]]
    return Rig(
        width=avatar.width,
        height=avatar.height,
        points=by_hand or _points(face, avatar.width, avatar.height),
        by_hand=by_hand is not None,
        mouth=avatar.mouth,
        face=avatar.face,
        mesh=mesh,
    )


@router.put("/{id}/rig")
async def write_rig(id: IdPath, update: RigUpdate, served: Served) -> Rig:
    """Place the points by hand, or say what the mouth is. Prepare again after."""
    avatar = served.store.get(AvatarRecord, id)
    path = served.store.folder(AvatarRecord, id) / POINTS
    if update.points is None:
        path.unlink(missing_ok=True)
    else:
        Points(frames=(update.points,)).check(avatar.width, avatar.height)
        draft = path.with_name(f".{path.name}")
        draft.write_text(update.points.model_dump_json(exclude_none=True), encoding="utf-8")
        draft.replace(path)
    avatar.mouth, avatar.face = update.mouth, update.face
    served.store.put(avatar)
    return await read_rig(id, served)


def _picture(served: Served, id: str, name: str) -> FileResponse:
    served.store.get(AvatarRecord, id)
    path = served.store.folder(AvatarRecord, id) / name
    return FileResponse(path, media_type="image/jpeg")


def _info(avatar: AvatarRecord) -> AvatarInfo:
    return AvatarInfo.model_validate(avatar.model_dump(include=set(AvatarInfo.model_fields)))


def _first_face(bundle: Path) -> Face | None:
    if not bundle.is_dir():
        return None
    track = FaceTrack(bundle / FACES_NAME, Manifest.read(bundle).rate)
    return next((face for face in track if face is not None), None)


def _stored_points(path: Path) -> RigPoints | None:
    if not path.exists():
        return None
    return RigPoints.model_validate(json.loads(path.read_text(encoding="utf-8")))


def _points(face: Face | None, width: int, height: int) -> RigPoints:
    """Return the seven points of a mesh, or of a face in the middle of the picture."""

    def at(index: int) -> tuple[float, float]:
        assert face is not None
        x, y = face.point(index)
        return min(max(float(x), 0.0), width), min(max(float(y), 0.0), height)

    if face is not None:
        places = {name: at(index) for name, index in RIG_LANDMARKS.items()}
        return RigPoints.model_validate(places)
    x, y, unit = width / 2, height / 2, min(width, height) * 0.2
    return RigPoints(
        left_corner=(x - 0.3 * unit, y + 0.7 * unit),
        right_corner=(x + 0.3 * unit, y + 0.7 * unit),
        upper_lip=(x, y + 0.66 * unit),
        lower_lip=(x, y + 0.74 * unit),
        chin=(x, y + 1.25 * unit),
        left_eye=(x - 0.5 * unit, y),
        right_eye=(x + 0.5 * unit, y),
    )
