"""Options of the server."""

from __future__ import annotations

import hmac
import ipaddress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Limits(BaseModel):
    """Everything that is bounded, in one place.

    Attributes:
        upload_bytes: Size of one uploaded file.
        message_bytes: Size of one JSON body or WebSocket message.
        pixels: Width x height of an uploaded picture or video.
        video_seconds: Length of an uploaded video.
        speech_seconds: Length of one uploaded or synthesised speech.
        text_characters: Length of a text to say.
        avatars: How many may be kept.
        speeches: How many may be kept; the oldest goes first.
        data_bytes: Quota of the data folder; see ``housekeeping`` for what goes when it is full.
        render_days: Days that a render is kept after it ended.
        queued_jobs: How many prepares and renders may wait.
        running_jobs: How many run at once.
        job_seconds: Wall time of one job.
        probe_seconds: Wall time of looking into an upload.
        running_probes: How many uploads are looked into, and texts spoken, at once.
        queued_probes: How many more may wait for that.
        worker_memory: Bytes of address space of a worker process.
        worker_cpu_seconds: Processor time of a worker process.
        attempts: How often a job that died with the server is begun.
        sessions: Live sessions at once.
        session_queue_seconds: Speech that may wait in a session.
        session_idle_seconds: How long a session lives with nobody connected.
        viewers: Connections to one session.
        connections: Open connections of any kind; more are answered 503.
        header_seconds: Time until the headers of a request are complete.
        body_seconds: Time between two blocks of a request's body.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    upload_bytes: int = Field(default=256 << 20, gt=0)
    message_bytes: int = Field(default=1 << 20, gt=0)
    pixels: int = Field(default=3840 * 2160, gt=0)
    video_seconds: float = Field(default=120.0, gt=0)
    speech_seconds: float = Field(default=600.0, gt=0)
    text_characters: int = Field(default=2000, gt=0)
    avatars: int = Field(default=200, gt=0)
    speeches: int = Field(default=100, gt=0)
    data_bytes: int = Field(default=20_000_000_000, gt=0)
    render_days: float = Field(default=30.0, gt=0)
    queued_jobs: int = Field(default=16, gt=0)
    running_jobs: int = Field(default=1, gt=0)
    job_seconds: float = Field(default=1800.0, gt=0)
    probe_seconds: float = Field(default=60.0, gt=0)
    running_probes: int = Field(default=2, gt=0)
    queued_probes: int = Field(default=16, gt=0)
    worker_memory: int = Field(default=8 << 30, gt=0)
    worker_cpu_seconds: int = Field(default=3600, gt=0)
    attempts: int = Field(default=2, gt=0)
    sessions: int = Field(default=4, gt=0)
    session_queue_seconds: float = Field(default=120.0, gt=0)
    session_idle_seconds: float = Field(default=60.0, gt=0)
    viewers: int = Field(default=4, gt=0)
    connections: int = Field(default=512, gt=0)
    header_seconds: float = Field(default=15.0, gt=0)
    body_seconds: float = Field(default=30.0, gt=0)


class ServerOptions(BaseModel):
    """Options of a server.

    Attributes:
        data: The one folder it writes to.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        token: What callers must show; needed when ``host`` is not loopback.
        names: Host names under which it may be called, besides its address.
        ice_servers: STUN and TURN addresses for WebRTC (``stun:host:port``); with none, no
            third party learns of a connection, and viewers must reach this machine directly.
        limits: Everything that is bounded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(
        default=Path("masktalk-data"),
        description="The one folder the server writes to [masktalk-data].",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on [127.0.0.1].")
    port: int = Field(
        default=8765, ge=0, le=65535, description="Port to listen on; 0 takes a free one [8765]."
    )
    token: str | None = Field(
        default=None,
        min_length=16,
        description="Token that callers must show, of at least 16 characters; needed unless "
        "`host` is a loopback address.",
        json_schema_extra={"envvar": "MASKTALK_TOKEN"},
    )
    names: tuple[str, ...] = Field(
        default=(), description="A host name it may be called by; may be repeated."
    )
    ice_servers: tuple[str, ...] = Field(
        default=(),
        description="A STUN or TURN address for WebRTC, stun:HOST:PORT; may be repeated.",
    )
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _guarded(self) -> ServerOptions:
        if not self.is_loopback and self.token is None:
            raise ValueError(f"listening on {self.host} needs a token of at least 16 characters")
        return self

    def is_token(self, shown: str) -> bool:
        """Tell if this is the token; takes as long for every wrong one."""
        return hmac.compare_digest(shown.encode(), (self.token or "").encode())

    @property
    def is_loopback(self) -> bool:
        """Return whether the server binds to the loopback interface only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def allowed_hosts(self) -> frozenset[str] | None:
        """Names that a Host header may carry; None when any may, because a token guards."""
        if not self.is_loopback and not self.names:
            return None
        return frozenset({"localhost", "127.0.0.1", "[::1]", self.host, *self.names})
