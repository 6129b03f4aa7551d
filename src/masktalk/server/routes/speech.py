"""Speech to render or to say live: uploaded, or synthesised from text."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import soxr
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from masktalk.numerics import to_pcm16
from masktalk.server.jobs import source_path
from masktalk.server.live.manager import AUDIO_RATE
from masktalk.server.messages import SayRequest, SpeechInfo, VoiceInfo
from masktalk.server.problems import RequestError
from masktalk.server.sandbox import TaskFailed, run_task
from masktalk.server.say import say, voices
from masktalk.server.services import IdPath, Served, Services
from masktalk.server.store import SpeechRecord, new_id
from masktalk.server.tasks import Finished, Hear
from masktalk.server.uploads import RAW_BODY, announced_bytes, clean_name, receive
from masktalk.types import Audio

router = APIRouter(prefix="/api/speech", tags=["speech"])

SAMPLES, _WAV = "samples.npy", ".wav"


voices_router = APIRouter(prefix="/api/voices", tags=["speech"])

_SOUND_REPLY: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    }
}


@voices_router.get("")
async def list_voices() -> list[VoiceInfo]:
    """List the voices that texts can be spoken with; none without espeak-ng."""
    return [VoiceInfo(id=id, name=name) for id, name in await voices()]


@router.get("")
async def list_speeches(served: Served) -> list[SpeechInfo]:
    """List the speeches that are kept, oldest first."""
    return [_info(speech) for speech in served.store.all(SpeechRecord)]


@router.post("", status_code=201, openapi_extra=RAW_BODY)
async def upload_speech(
    request: Request, served: Served, name: Annotated[str, Query(max_length=200)] = "speech"
) -> SpeechInfo:
    """Upload speech (any sound, or a video with sound) as the request's body."""
    await served.housekeeper.make_room(announced_bytes(request))
    id = new_id()
    folder = served.store.make_folder(SpeechRecord, id)
    try:
        suffix = await receive(request, folder)
        return await _keep(served, id, suffix, clean_name(name))
    finally:
        if served.store.find(SpeechRecord, id) is None:
            served.store.drop(SpeechRecord, id)


@router.post("/say", status_code=201)
async def say_text(words: SayRequest, served: Served) -> SpeechInfo:
    """Turn text into speech with espeak-ng."""
    return await synthesise(served, words)


@router.get("/{id}", response_class=FileResponse, responses=_SOUND_REPLY)
async def read_speech(id: IdPath, served: Served) -> FileResponse:
    """Return the speech as it came."""
    speech = served.store.get(SpeechRecord, id)
    path = source_path(served.store.folder(SpeechRecord, id), speech.suffix)
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


@router.delete("/{id}", status_code=204)
async def delete_speech(id: IdPath, served: Served) -> Response:
    """Forget it."""
    served.store.get(SpeechRecord, id)
    if id in served.jobs.speeches_in_use():
        raise RequestError(409, "speech", "a render needs it still", "cancel the render first")
    served.store.drop(SpeechRecord, id)
    return Response(status_code=204)


async def synthesise(served: Services, words: SayRequest) -> SpeechInfo:
    """Text as kept speech.

    Raises:
        MissingExtraError: espeak-ng is not installed.
        RequestError: The text is too long, or the voice unknown.
    """
    limits = served.options.limits
    if len(words.text) > limits.text_characters:
        raise RequestError(422, "text", f"is longer than {limits.text_characters} characters")
    await served.housekeeper.make_room(0)
    async with served.processes.slot():
        spoken = await say(words, limits.speech_seconds)
    id = new_id()
    folder = served.store.make_folder(SpeechRecord, id)
    await asyncio.to_thread(_write_spoken, folder, spoken)
    record = SpeechRecord(
        id=id,
        name=clean_name(words.text),
        seconds=float(spoken.duration),
        suffix=_WAV,
        text=words.text,
        language=words.voice,
    )
    return _remember(served, record)


def samples_of(served: Services, id: str) -> Path:
    """Return the path of a speech's decoded samples.

    Raises:
        RequestError: 404, there is no such speech.
    """
    served.store.get(SpeechRecord, id)
    return served.store.folder(SpeechRecord, id) / SAMPLES


async def _keep(served: Services, id: str, suffix: str, name: str) -> SpeechInfo:
    limits, folder = served.options.limits, served.store.folder(SpeechRecord, id)
    hear = Hear(
        source=source_path(folder, suffix),
        samples=folder / SAMPLES,
        rate=AUDIO_RATE,
        seconds=limits.speech_seconds,
    )
    try:
        async with served.processes.slot():
            heard = await run_task(hear, limits, limits.probe_seconds)
    except TaskFailed as failure:
        raise failure.as_refusal() from failure
    assert isinstance(heard, Finished)
    return _remember(served, SpeechRecord(id=id, name=name, seconds=heard.seconds, suffix=suffix))


def _write_spoken(folder: Path, spoken: Audio) -> None:
    """Our own synthesiser's sound needs no looking into: write it as it is, and as samples."""
    with wave.open(str(source_path(folder, _WAV)), "wb") as file:
        file.setparams((1, 2, spoken.sample_rate, 0, "NONE", ""))
        file.writeframes(to_pcm16(spoken.samples).tobytes())
    live = soxr.resample(spoken.samples, spoken.sample_rate, AUDIO_RATE)
    with (folder / SAMPLES).open("wb") as file:
        np.save(file, to_pcm16(live), allow_pickle=False)


def _remember(served: Services, speech: SpeechRecord) -> SpeechInfo:
    served.store.put(speech)
    _forget_oldest(served, keep=speech.id)
    return _info(speech)


def _info(speech: SpeechRecord) -> SpeechInfo:
    return SpeechInfo.model_validate(speech.model_dump(include=set(SpeechInfo.model_fields)))


def _forget_oldest(served: Services, keep: str) -> None:
    kept, used = served.store.all(SpeechRecord), served.jobs.speeches_in_use() | {keep}
    for speech in kept[: max(len(kept) - served.options.limits.speeches, 0)]:
        if speech.id not in used:
            served.store.drop(SpeechRecord, speech.id)
