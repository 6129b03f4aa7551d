"""Live sessions: opened, spoken to, seen over WebRTC or WebSocket, closed."""

from __future__ import annotations

from fastapi import APIRouter, Response, WebSocket
from pydantic import ValidationError

from masktalk.errors import MasktalkError
from masktalk.server.jobs import live_bundle
from masktalk.server.live.manager import AUDIO_RATE, LiveSession
from masktalk.server.live.realtime import RealtimeConnection
from masktalk.server.live.webrtc import Peer
from masktalk.server.live.websocket import WebSocketConnection, end_connection
from masktalk.server.messages import (
    ControlRequest,
    Flush,
    Interrupt,
    LiveInfo,
    LiveRequest,
    Play,
    Say,
    SessionDescription,
)
from masktalk.server.problems import Problem, RequestError, problem_of
from masktalk.server.routes.speech import samples_of, synthesise
from masktalk.server.services import IdPath, Served, Services
from masktalk.server.store import AvatarRecord

router = APIRouter(prefix="/api/live", tags=["live"])
realtime_router = APIRouter(tags=["live"])


@router.get("")
async def list_sessions(served: Served) -> list[LiveInfo]:
    """Every live session."""
    return [live.info() for live in served.sessions]


@router.post("", status_code=201)
async def open_session(wish: LiveRequest, served: Served) -> LiveInfo:
    """Let a prepared avatar go live. Connect soon; an abandoned session ends by itself."""
    return (await _open(served, wish)).info()


@router.get("/{id}")
async def read_session(id: IdPath, served: Served) -> LiveInfo:
    """Return a session's status."""
    return served.sessions.get(id).info()


@router.delete("/{id}", status_code=204)
async def close_session(id: IdPath, served: Served) -> Response:
    """End a session."""
    served.sessions.get(id)
    await served.sessions.close(id)
    return Response(status_code=204)


@router.post("/{id}/offer")
async def answer_offer(
    id: IdPath, description: SessionDescription, served: Served
) -> SessionDescription:
    """WebRTC: an offer in (video and audio, the browser's microphone if it likes), the
    answer out, candidates included."""
    live = served.sessions.get(id)
    if description.type != "offer":
        raise RequestError(422, "description", "is no offer")
    peer = Peer(live, served.options.ice_servers)
    served.peers.add(peer)
    peer.on_closed(lambda: served.peers.discard(peer))
    return await peer.answer(description)


@router.post("/{id}/control")
async def control_session(id: IdPath, request: ControlRequest, served: Served) -> LiveInfo:
    """Say, play, flush, interrupt or close, without a WebSocket."""
    live, wish = served.sessions.get(id), request.control
    if isinstance(wish, Say | Play):
        await _speak(served, live, wish)
    elif isinstance(wish, Flush):
        live.session.flush()
    elif isinstance(wish, Interrupt):
        live.interrupt()
    else:
        await served.sessions.close(id)
    return live.info()


@router.websocket("/{id}/socket")
async def socket(websocket: WebSocket, id: str, served: Served) -> None:
    """Control messages as JSON, speech as binary; states, errors and frames back."""
    await websocket.accept()
    problem: Problem | None = None
    try:
        live = served.sessions.get(id)

        async def speak(wish: Say | Play) -> None:
            await _speak(served, live, wish)

        most = served.options.limits.message_bytes
        if await WebSocketConnection(websocket, live, speak, most).run():
            await served.sessions.close(id)
        problem = live.problem
    except MasktalkError as error:
        problem = problem_of(error)
    finally:
        await end_connection(websocket, problem)


@realtime_router.websocket("/v1/realtime")
async def realtime(
    websocket: WebSocket, served: Served, session: str = "", avatar: str = ""
) -> None:
    """Forward a model's Realtime events here: to a session, or to a new one of an avatar."""
    await websocket.accept()
    problem: Problem | None = None
    opened: LiveSession | None = None
    try:
        if session:
            live = served.sessions.get(session)
        else:
            live = opened = await _open(served, LiveRequest(avatar=avatar))
        most = served.options.limits.message_bytes
        await RealtimeConnection(websocket, live, most).run()
        problem = live.problem
    except ValidationError:
        problem = problem_of(RequestError(422, "avatar", "is not an id", "add ?avatar=ID"))
    except MasktalkError as error:
        problem = problem_of(error)
    finally:
        await end_connection(websocket, problem)
        if opened is not None:
            await served.sessions.close(opened.id)


async def _open(served: Services, wish: LiveRequest) -> LiveSession:
    avatar = served.store.get(AvatarRecord, wish.avatar)
    if avatar.status != "ready":
        raise RequestError(409, f"avatar {avatar.name}", f"is {avatar.status}", "prepare it first")
    folder = live_bundle(served.store.folder(AvatarRecord, avatar.id))
    return await served.sessions.open(avatar.id, folder, wish.fps)


async def _speak(served: Services, live: LiveSession, wish: Say | Play) -> None:
    if isinstance(wish, Play):
        live.play(samples_of(served, wish.speech), AUDIO_RATE)
        return
    asked_at = live.interruptions
    speech = await synthesise(served, wish)
    if live.interruptions != asked_at:
        return
    live.play(samples_of(served, speech.id), AUDIO_RATE)
