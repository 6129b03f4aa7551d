"""Digests of files, and the folder that masktalk keeps things in."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

CACHE_VARIABLE = "MASKTALK_CACHE"
_BLOCK_BYTES = 1 << 20


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def cache_root() -> Path:
    """Return the folder of caches: ``MASKTALK_CACHE``, or masktalk's in the user's cache."""
    base = os.environ.get(CACHE_VARIABLE)
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "masktalk"
