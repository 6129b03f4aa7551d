"""Errors as clients see them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from masktalk.errors import MasktalkError


class Problem(BaseModel):
    """An error in one line and in parts."""

    model_config = ConfigDict(extra="forbid")

    type: str
    message: str
    remedy: str = ""


class RequestError(MasktalkError):
    """A request that cannot be served.

    Args:
        status: HTTP status of the reply.
        subject: What it is about.
        problem: What is wrong with it.
        remedy: What the caller can do.
    """

    def __init__(self, status: int, subject: str, problem: str, remedy: str = "") -> None:
        super().__init__(subject, problem, remedy)
        self.status = status


def problem_of(error: MasktalkError) -> Problem:
    """Return an error as a message."""
    message = " ".join(f"{error.subject}: {error.problem}".split())
    return Problem(type=type(error).__name__, message=message, remedy=error.remedy)
