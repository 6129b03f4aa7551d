"""Keeps the native libraries' chatter off standard error without losing anything else."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

# What MediaPipe, TensorFlow Lite and Abseil say on every healthy start.
_CHATTER = re.compile(
    rb"XNNPACK delegate|before absl::InitializeLog|inference_feedback_manager"
    rb"|landmark_projection_calculator|gl_context|face_landmarker_graph"
)
_redirect = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Send known chatter written to file descriptor 2 to the debug log, the rest on its way.

    The libraries write from C++, so only the descriptor itself can be caught. Meant for
    the moment a graph starts and answers once; afterwards they are silent.
    """
    with _redirect, tempfile.TemporaryFile() as caught:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if _CHATTER.search(line):
                    logger.debug("%s", line.decode(errors="replace").rstrip())
                else:
                    os.write(2, line)
