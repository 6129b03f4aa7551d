"""The cache of prepared avatars: where it is, what it holds, and its bound in bytes."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from masktalk.avatar.bundle import is_avatar
from masktalk.avatar.manifest import Manifest
from masktalk.errors import BundleError, OptionError
from masktalk.files import CACHE_VARIABLE, cache_root

logger = logging.getLogger(__name__)

LIMIT_VARIABLE = "MASKTALK_CACHE_GB"

_DEFAULT_LIMIT_GB = 8.0
_BYTES_PER_GB = 1 << 30


@dataclass(frozen=True)
class CachedAvatar:
    """One avatar of the cache.

    Attributes:
        folder: Avatar folder.
        source: Name of the file it was prepared from.
        size_bytes: Bytes on disk.
        used: Time of its last use in seconds since the epoch.
    """

    folder: Path
    source: str
    size_bytes: int
    used: float


def cache_limit_bytes() -> int:
    """Return the bound of the cache in bytes: MASKTALK_CACHE_GB, or 8 GB.

    Raises:
        OptionError: The variable holds no number.
    """
    text = os.environ.get(LIMIT_VARIABLE)
    try:
        gigabytes = float(text) if text else _DEFAULT_LIMIT_GB
    except ValueError:
        raise OptionError(
            LIMIT_VARIABLE, f"{text} is not a number", "give gigabytes, for instance 8"
        ) from None
    return int(gigabytes * _BYTES_PER_GB)


def writable_avatars_folder() -> Path:
    """Return the cache's folder of avatars; a temporary one, with a warning, if it is read-only."""
    folder = cache_root() / "avatars"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        temporary = Path(tempfile.mkdtemp(prefix="masktalk-"))
        atexit.register(partial(shutil.rmtree, temporary, ignore_errors=True))
        logger.warning(
            "%s: the cache cannot be written (%s); nothing is kept: set %s to another folder",
            folder, error.strerror, CACHE_VARIABLE,
        )  # fmt: skip
        return temporary


def cached_avatars() -> list[CachedAvatar]:
    """Return the avatars of the cache, the one used last first."""
    folder = cache_root() / "avatars"
    folders = [path for path in folder.iterdir() if is_avatar(path)] if folder.is_dir() else []
    return sorted(map(_described, folders), key=lambda entry: entry.used, reverse=True)


def prune_cache(limit_bytes: int, keep: Path | None = None) -> list[CachedAvatar]:
    """Remove the avatars used longest ago until the rest fits.

    Args:
        limit_bytes: Most bytes that may stay.
        keep: Folder of an avatar that stays in any case.

    Returns:
        The avatars removed.
    """
    removed, total = [], 0
    for entry in cached_avatars():
        total += entry.size_bytes
        if total > limit_bytes and entry.folder != keep:
            shutil.rmtree(entry.folder, ignore_errors=True)
            total -= entry.size_bytes
            removed.append(entry)
    return removed


def _described(folder: Path) -> CachedAvatar:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    try:
        source = Manifest.read(folder).source.name
    except BundleError:
        source = "?"
    return CachedAvatar(folder, source, size, folder.stat().st_mtime)
