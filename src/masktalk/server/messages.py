"""Everything that crosses the wire, typed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from masktalk.avatar.manifest import MouthChoice
from masktalk.faces.points import RigPoints
from masktalk.server.problems import Problem

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
FaceChoice = Literal["largest", "left", "right"]
AvatarStatus = Literal["uploaded", "preparing", "ready", "needs_points", "failed"]
JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]


class Message(BaseModel):
    """Base of all: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class ProblemReply(Message):
    """The body of every reply that is no success."""

    error: Problem


class AvatarInfo(Message):
    """One avatar. ``needs_points``: no face was found, place its points by hand."""

    id: Id
    name: Name
    status: AvatarStatus
    kind: Literal["picture", "video", "folder"]
    width: int
    height: int
    seconds: float
    mouth: MouthChoice
    created: float
    job: Id | None = None
    problem: Problem | None = None


class SampleInfo(Message):
    """A face that comes with the server."""

    id: str
    name: str


class AvatarRename(Message):
    """A new name."""

    name: Name


class Rig(Message):
    """Place of the face: ``points`` in pixels of the source; ``mesh`` 478 x, y or nothing.

    ``mouth`` says what the mouth is: ``auto`` decides by what covers it.
    """

    width: int
    height: int
    points: RigPoints
    by_hand: bool
    mouth: MouthChoice
    face: FaceChoice
    mesh: list[tuple[float, float]] | None = None


class RigUpdate(Message):
    """Points placed by hand; None goes back to finding the face. Prepare again after."""

    points: RigPoints | None = None
    mouth: MouthChoice = "auto"
    face: FaceChoice = "largest"


class JobInfo(Message):
    """A prepare or a render; ``title`` names who says what. ``done`` of ``total`` steps of
    ``stage``."""

    id: Id
    kind: Literal["prepare", "render"]
    avatar: Id
    speech: Id | None = None
    title: str = ""
    container: str = ""
    status: JobStatus
    stage: str = ""
    done: int = 0
    total: int | None = None
    created: float
    problem: Problem | None = None


class SpeechInfo(Message):
    """Speech that was uploaded or synthesised."""

    id: Id
    name: Name
    seconds: float
    created: float = 0.0


class VoiceInfo(Message):
    """A voice that texts can be spoken with."""

    id: str
    name: str


class SayRequest(Message):
    """Text to be spoken by espeak-ng.

    ``speed`` in words a minute, ``pitch`` 0 to 99.
    """

    text: Text
    voice: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9+_-]{0,31}$")] = "en"
    speed: Annotated[int, Field(ge=80, le=450)] = 175
    pitch: Annotated[int, Field(ge=0, le=99)] = 50


class LiveRequest(Message):
    """An avatar goes live."""

    avatar: Id
    fps: Annotated[float, Field(ge=1, le=60)] | None = None


class LiveInfo(Message):
    """A live session."""

    id: Id
    avatar: Id
    width: int
    height: int
    fps: float
    audio_rate: int
    speaking: bool
    queued_seconds: float
    frames: int
    dropped: int
    late_audio: int
    viewers: int


class SessionDescription(Message):
    """WebRTC's offer or answer."""

    sdp: Annotated[str, Field(max_length=200_000)]
    type: Literal["offer", "answer"]


class Say(SayRequest):
    """Speak a text (espeak-ng)."""

    type: Literal["say"]


class Play(Message):
    """Speak an uploaded speech."""

    type: Literal["play"]
    speech: Id


class AudioFormat(Message):
    """Format of the binary messages that follow: little-endian mono samples."""

    type: Literal["format"]
    encoding: Literal["pcm16", "float32"]
    rate: Annotated[int, Field(ge=8000, le=192_000)]


class Flush(Message):
    """End of an utterance."""

    type: Literal["flush"]


class Interrupt(Message):
    """Be silent now."""

    type: Literal["interrupt"]


class Watch(Message):
    """Send video and audio over this WebSocket, where WebRTC cannot pass: fragments of MP4
    (H.264, Opus), or images (WebP, at most ``fps`` a second) and samples."""

    type: Literal["watch"]
    format: Literal["mp4", "webp"] = "webp"
    fps: Annotated[float, Field(ge=1, le=30)] = 15


class Close(Message):
    """End the session."""

    type: Literal["close"]


class State(LiveInfo):
    """Sent twice a second: how the session is doing."""

    type: Literal["state"] = "state"


class Failure(Message):
    """Sent when a message was refused; the connection stays."""

    type: Literal["error"] = "error"
    error: Problem


class Ended(Message):
    """Sent before the server closes the connection; ``problem`` is null when somebody
    asked for the end."""

    type: Literal["ended"] = "ended"
    problem: Problem | None = None


Control = Annotated[
    Say | Play | AudioFormat | Flush | Interrupt | Watch | Close, Field(discriminator="type")
]


class ControlRequest(Message):
    """One control message by HTTP."""

    control: Annotated[Say | Play | Flush | Interrupt | Close, Field(discriminator="type")]


class Health(Message):
    """Health of the server.

    Attributes:
        status: ``ok``; ``full`` when the disk is; ``failing`` when jobs are not worked on.
        free_bytes: Free space of the data folder's disk.
    """

    status: Literal["ok", "full", "failing"]
    free_bytes: int
    version: str
    sessions: int
    jobs_waiting: int
    say: bool
