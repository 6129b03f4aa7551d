"""Signing in: a page that asks for the token and keeps it in a cookie."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from masktalk.server.options import ServerOptions
from masktalk.server.security import COOKIE, SIGN_IN
from masktalk.server.services import Served

router = APIRouter(include_in_schema=False)

PAGE_FOLDER = Path(__file__).parents[1] / "page"
#: Seconds that a wrong token costs whoever tries.
_WRONG_TOKEN_S = 0.5
_COMPLAINT = '<p role="alert" id="wrong">That is not the token. Please try again.</p>'


def signed_in(options: ServerOptions, is_secure: bool) -> Response:
    """Return a redirection to the page that leaves the token in a cookie."""
    away = RedirectResponse("/", 303)
    away.set_cookie(
        COOKIE, options.token or "", httponly=True, samesite="strict", path="/", secure=is_secure
    )
    return away


@router.get(SIGN_IN)
async def sign_in_page(served: Served) -> Response:
    """Ask for the token."""
    if served.options.token is None:
        return RedirectResponse("/", 303)
    return _page("")


@router.post(SIGN_IN)
async def sign_in(request: Request, served: Served) -> Response:
    """Take the token from the page's form."""
    options = served.options
    fields = parse_qs((await request.body()).decode("utf-8", "replace"))
    shown = fields.get("token", [""])[0].strip()
    if options.token is None or options.is_token(shown):
        return signed_in(options, request.url.scheme == "https")
    await asyncio.sleep(_WRONG_TOKEN_S)
    return _page(_COMPLAINT, 401)


def _page(complaint: str, status: int = 200) -> HTMLResponse:
    text = (PAGE_FOLDER / "sign-in.html").read_text(encoding="utf-8")
    # Without a referrer, a browser would send its form from the origin "null".
    headers = {"referrer-policy": "same-origin", "cache-control": "no-store"}
    return HTMLResponse(text.replace("<!-- complaint -->", complaint), status, headers)
