"""Run the server in this process."""

from __future__ import annotations

import gc
import logging

import cv2
import uvicorn

from masktalk.server.app import create_app
from masktalk.server.connections import MAX_HEADER_BYTES, timed_protocol
from masktalk.server.logs import use_json_lines
from masktalk.server.options import ServerOptions

logger = logging.getLogger(__name__)

_SHUTDOWN_SECONDS = 5


def run(options: ServerOptions) -> None:
    """Serve until SIGINT or SIGTERM; sessions are told and jobs parked before it returns."""
    use_json_lines()
    cv2.setNumThreads(1)  # sessions run beside one another; each keeps to its own thread
    config = uvicorn.Config(
        create_app(options),
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        http=timed_protocol(options.limits.header_seconds),
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        limit_concurrency=options.limits.connections,
        ws_max_size=options.limits.message_bytes,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    gc.freeze()  # nor do frames wait for rounds of the collector over all that is loaded
    shown = "localhost" if options.is_loopback else options.host
    logger.info("serving", extra={"url": f"http://{shown}:{options.port}/"})
    uvicorn.Server(config).run()
