"""Sample faces: shown, and made avatars."""

from __future__ import annotations

import asyncio
from shutil import copyfile
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from masktalk.server.messages import AvatarInfo, SampleInfo
from masktalk.server.routes.avatars import IMAGE_REPLY, add_avatar
from masktalk.server.samples import sample_names, write_sample
from masktalk.server.services import Served

router = APIRouter(prefix="/api/samples", tags=["avatars"])

SampleId = Annotated[str, Path(pattern="^[a-z]{1,40}$")]


@router.get("")
async def list_samples() -> list[SampleInfo]:
    """List the faces that come with the server."""
    return [SampleInfo(id=id, name=id.capitalize()) for id in sample_names()]


@router.get("/{id}/picture", response_class=FileResponse, responses=IMAGE_REPLY)
async def read_sample_picture(id: SampleId, served: Served) -> FileResponse:
    """Show a sample face."""
    path = await asyncio.to_thread(write_sample, id, served.store.data / "samples")
    return FileResponse(path)


@router.post("/{id}", status_code=201)
async def use_sample(id: SampleId, served: Served) -> AvatarInfo:
    """Make an avatar of a sample face. Prepare it next."""
    path = await asyncio.to_thread(write_sample, id, served.store.data / "samples")

    async def copy(folder: object) -> str:
        await asyncio.to_thread(copyfile, path, f"{folder}/source{path.suffix}")
        return path.suffix

    return await add_avatar(served, id.capitalize(), copy)
