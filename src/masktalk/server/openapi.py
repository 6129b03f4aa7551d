"""Additions to FastAPI's OpenAPI description: security and the messages of WebSockets."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from masktalk.server.live.realtime import Forwarded
from masktalk.server.messages import Control, Ended, Failure, State
from masktalk.server.security import COOKIE

_REF = "#/components/schemas/{model}"
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
#: Paths that need no token.
_OPEN = ("/healthz",)


def describe(app: FastAPI) -> None:
    """Let an application describe its security and its WebSockets' messages, too."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = schema.setdefault("components", {})
    components["securitySchemes"] = _SECURITY
    schema["security"] = [{name: []} for name in _SECURITY]
    for path in _OPEN:
        for operation in schema["paths"][path].values():
            operation["security"] = []
    schema["x-websockets"] = {
        "/api/live/{id}/socket": {
            "description": "Control messages as JSON and speech as binary in; states, errors, "
            "video and audio out.",
            "receives": _add(components, "Control", Control),
            "sends": _add(components, "SocketEvent", State | Failure | Ended),
        },
        "/v1/realtime": {
            "description": "Audio events of the OpenAI Realtime protocol in, playback out.",
            "receives": _add(components, "RealtimeEvent", Forwarded),
        },
    }
    return schema


def _add(components: dict[str, Any], name: str, kind: Any) -> dict[str, str]:
    """Add a message's schema and those that it needs; return a reference to it."""
    made = TypeAdapter(kind).json_schema(ref_template=_REF)
    schemas = components.setdefault("schemas", {})
    for part, definition in made.pop("$defs", {}).items():
        schemas.setdefault(part, definition)
    schemas[name] = made
    return {"$ref": _REF.format(model=name)}
