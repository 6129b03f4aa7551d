"""Errors as replies: one typed line for whatever goes wrong."""

from __future__ import annotations

import errno
import logging
import sqlite3

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from masktalk.errors import InputError, MasktalkError, MissingExtraError, OptionError, OutputError
from masktalk.server.messages import ProblemReply
from masktalk.server.problems import Problem, RequestError, problem_of

logger = logging.getLogger(__name__)


_STATUS: tuple[tuple[type[MasktalkError], int], ...] = (
    (InputError, 422),
    (OptionError, 422),
    (MissingExtraError, 501),
    (OutputError, 507),
)


DISK_FULL = Problem(
    type="OutputError", message="data: the disk is full", remedy="delete what is not needed"
)
_UNFORESEEN = Problem(type="InternalError", message="server: failed", remedy="see its log")


def status_of(error: MasktalkError) -> int:
    """Return the HTTP status that fits an error."""
    if isinstance(error, RequestError):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def reply(status: int, problem: Problem) -> JSONResponse:
    """Return a reply that carries a problem."""
    return JSONResponse(ProblemReply(error=problem).model_dump(), status_code=status)


def install(app: FastAPI) -> None:
    """Teach an application to answer every error so."""

    @app.exception_handler(MasktalkError)
    async def masktalk(_: Request, error: MasktalkError) -> JSONResponse:
        return reply(status_of(error), problem_of(error))

    @app.exception_handler(RequestValidationError)
    async def validation(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return reply(422, Problem(type="ValidationError", message=f"{where}: {first['msg']}"))

    @app.exception_handler(OSError)
    async def storage(_: Request, error: OSError) -> JSONResponse:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return reply(507, DISK_FULL)
        logger.error("request failed", exc_info=error)
        return reply(500, _UNFORESEEN)

    @app.exception_handler(sqlite3.Error)
    async def database(_: Request, error: sqlite3.Error) -> JSONResponse:
        logger.error("database failed", exc_info=error)
        return reply(507, DISK_FULL) if "full" in str(error) else reply(500, _UNFORESEEN)

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> JSONResponse:
        return reply(500, _UNFORESEEN)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return reply(error.status_code, Problem(type="HttpError", message=str(error.detail)))


#: What every route may answer, for the OpenAPI description.
RESPONSES: dict[int | str, dict[str, object]] = {
    status: {"model": ProblemReply, "description": text}
    for status, text in (
        (401, "A token is needed."),
        (403, "Called under a foreign name or from a foreign page."),
        (404, "There is no such thing."),
        (409, "Not now."),
        (413, "Too large."),
        (422, "The request or the file in it cannot be used."),
        (429, "Too much at once."),
        (500, "The server failed."),
        (501, "What this needs is not installed."),
        (507, "The disk is full."),
    )
}
