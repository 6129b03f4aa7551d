"""Plain downloads, for the few files that no hub keeps."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
from pathlib import Path

from masktalk.errors import WeightsError

logger = logging.getLogger(__name__)

_BLOCK = 1 << 20
_TIMEOUT_S = 30


def download(url: str, target: Path, size: int | None) -> Path:
    """Fetch ``url`` into ``target``, going on where an earlier try broke off.

    Args:
        url: An https address.
        target: Appears only when it is complete.
        size: Its size in bytes, when known.

    Raises:
        WeightsError: It cannot be had.
    """
    if not url.startswith("https://"):
        raise WeightsError(url, "is not an https address")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.part")
    have = partial.stat().st_size if partial.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            resumed = answer.status == 206
            with partial.open("ab" if resumed else "wb") as stream:
                while block := answer.read(_BLOCK):
                    stream.write(block)
                    logger.debug("%s: %d of %s bytes", target.name, stream.tell(), size)
    except (urllib.error.URLError, OSError) as error:
        raise WeightsError(url, f"cannot be downloaded ({error})", "run it again") from error
    if size is not None and partial.stat().st_size != size:
        raise WeightsError(url, f"gave {partial.stat().st_size} of {size} bytes", "run it again")
    partial.replace(target)
    return target
