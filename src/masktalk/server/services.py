"""Services shared by all routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Path
from starlette.requests import HTTPConnection

from masktalk.server.housekeeping import Housekeeper
from masktalk.server.jobs import Jobs
from masktalk.server.live.manager import SessionManager
from masktalk.server.metrics import Metrics
from masktalk.server.options import ServerOptions
from masktalk.server.sandbox import ProcessLimit
from masktalk.server.store import Store


@dataclass
class Services:
    """One of each, made with the application."""

    options: ServerOptions
    store: Store
    jobs: Jobs
    sessions: SessionManager
    metrics: Metrics
    processes: ProcessLimit
    housekeeper: Housekeeper
    peers: set[Any] = field(default_factory=set)


def services(connection: HTTPConnection) -> Services:
    """Return the services of the application that a request came to."""
    found: Services = connection.app.state.services
    return found


Served = Annotated[Services, Depends(services)]
IdPath = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
