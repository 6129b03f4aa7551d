"""Authentication, host check, rate and size limits, applied before anything else."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from masktalk.server.messages import ProblemReply
from masktalk.server.metrics import Metrics
from masktalk.server.options import ServerOptions
from masktalk.server.problems import Problem

logger = logging.getLogger(__name__)

COOKIE = "masktalk_token"
SIGN_IN = "/sign-in"
#: What is served without a token: whether the server is well, and the page that asks for one.
_OPEN_PATHS = frozenset({"/healthz", SIGN_IN, "/sign-in.css", "/icon.svg"})
_UPLOADS = frozenset({"/api/avatars", "/api/speech"})

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob: mediastream:; connect-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
}


#: Methods that are counted by their own name.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class SecurityMiddleware:
    """ASGI middleware: Host and Origin (DNS rebinding, foreign pages), token, body size,
    safe headers, and a line in the log for every request.

    Args:
        app: What it guards.
        options: Names, token, limits.
        metrics: Told how long requests took.
    """

    def __init__(self, app: ASGIApp, options: ServerOptions, metrics: Metrics) -> None:
        self._app, self._options, self._metrics = app, options, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, then pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is not None:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1].message})
                return
            await self._app(scope, receive, send)
            return
        await self._http(scope, receive, send, refusal)

    async def _http(
        self, scope: Scope, receive: Receive, send: Send, refusal: tuple[int, Problem] | None
    ) -> None:
        begun = time.monotonic()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            if refusal is not None:
                if refusal[0] == 401 and _is_page_view(scope):
                    await RedirectResponse(SIGN_IN, 303)(scope, receive, watched)
                    return
                await _refuse(watched, *refusal)
                return
            await self._app(scope, self._bounded(scope, receive), watched)
        finally:
            taken = time.monotonic() - begun
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, str(status)).observe(taken)
            fields = {"method": scope["method"], "path": scope["path"], "status": status}
            logger.info("request", extra={**fields, "seconds": round(taken, 4)})

    def _refusal(self, scope: Scope) -> tuple[int, Problem] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._knows(host):
            return 403, Problem(type="ForeignHost", message=f"not called {host[:80]!r} here")
        origin = headers.get("origin")
        if origin is not None and _network_location(origin) != host:
            return 403, Problem(type="ForeignOrigin", message="called from a foreign page")
        if scope["path"] in _OPEN_PATHS or self._options.token is None:
            return None
        if self._has_token(scope, headers):
            return None
        remedy = "send Authorization: Bearer TOKEN, or sign in on the page"
        return 401, Problem(type="TokenNeeded", message="a token is needed", remedy=remedy)

    def _knows(self, host: str) -> bool:
        allowed = self._options.allowed_hosts
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        bracketed = f"[{name}]" if ":" in name else name
        return allowed is None or bracketed in allowed or name in allowed

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        shown = [bearer.strip()] if scheme.lower() == "bearer" else []
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            cookie = None
        if cookie is not None:
            shown.append(cookie.value)
        if scope["path"] == "/":
            query = scope["query_string"].decode("latin-1")
            shown += [part[6:] for part in query.split("&") if part.startswith("token=")]
        return any(self._options.is_token(candidate) for candidate in shown)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        limits = self._options.limits
        most = limits.upload_bytes if scope["path"] in _UPLOADS else limits.message_bytes
        length = Headers(scope=scope).get("content-length", "")
        raise_at = -1 if length.isdigit() and int(length) > most else most
        taken, is_complete = 0, False

        async def counted() -> Message:
            nonlocal taken, is_complete
            patience = None if is_complete else limits.body_seconds
            try:
                message = await asyncio.wait_for(receive(), patience)
            except (TimeoutError, asyncio.TimeoutError) as error:  # two classes before 3.11
                raise HTTPException(408, "the body did not come in time") from error
            is_complete = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > raise_at:
                raise _too_large(most)
            return message

        return counted


def _is_page_view(scope: Scope) -> bool:
    """Tell if a browser asks for a page to show, not for data."""
    accepted = Headers(scope=scope).get("accept", "")
    return bool(scope["method"] == "GET" and scope["path"] == "/" and "text/html" in accepted)


def _network_location(origin: str) -> str | None:
    """Return the host and port of an Origin header; None when it is malformed."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"more than {most} bytes")


async def _refuse(send: Send, status: int, problem: Problem) -> None:
    body = json.dumps(ProblemReply(error=problem).model_dump()).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
