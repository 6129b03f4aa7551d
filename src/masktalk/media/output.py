"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from masktalk.errors import OutputError

logger = logging.getLogger(__name__)

_PART = ".part"

#: Name of standard output as a target.
STANDARD_OUTPUT = Path("-")

#: Characters of the target's name in the part's: 255 bytes must be enough for both.
_PREFIX = 40

#: What file systems without hard links answer.
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK})


def check_output(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Find out before the work starts whether a file can be written.

    Raises:
        OutputError: It exists and must not be overwritten, is a folder, or its folder is
            missing or cannot be written to.
    """
    target = Path(path)
    if target == STANDARD_OUTPUT:
        if sys.stdout.isatty():
            raise OutputError("standard output", "is a terminal", "redirect it into a file or pipe")
        return target
    if os.path.isdir(target):
        raise OutputError(target, "is a folder", "give a file name")
    if os.path.lexists(target) and not overwrite:
        raise OutputError(target, "exists already", "choose another name, or set `overwrite`")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise OutputError(target, f"its folder {folder} does not exist", "make it first")
    try:
        os.stat(target.absolute())
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise cannot_write(target, error) from error
    try:
        handle, probe = tempfile.mkstemp(prefix=".masktalk-", dir=folder)
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def cannot_write(path: Path, error: OSError | ValueError) -> OutputError:
    """Return the system's message about writing a file as one line."""
    known = {
        errno.ENOSPC: ("the disk is full", "free some space"),
        errno.EDQUOT: ("the disk quota is used up", "free some space"),
        errno.EACCES: ("its folder cannot be written to", "choose another folder"),
        errno.EPERM: ("its folder cannot be written to", "choose another folder"),
        errno.EROFS: ("its folder is read-only", "choose another folder"),
        errno.ENAMETOOLONG: ("its name is too long", "choose a shorter one"),
        errno.ENOENT: ("its folder is gone", "make it again"),
    }
    code = error.errno if isinstance(error, OSError) else None
    said = error.strerror if isinstance(error, OSError) else None
    problem, remedy = known.get(
        code or 0, (f"cannot be written ({said or error})", "check the name and the disk")
    )
    return OutputError(path, problem, remedy)


def write_atomic(path: str | os.PathLike[str], content: bytes, *, overwrite: bool = False) -> None:
    """Write a file, whole or not at all.

    Raises:
        OutputError: See ``check_output``; or the disk is full.
    """
    with PartFile(path, overwrite) as part:
        part.path.write_bytes(content)


def write_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, npt.NDArray[Any]],
    *,
    compressed: bool = True,
) -> None:
    """Write (any,) arrays as an ``.npz``, whole or not at all, in the place of any other.

    Args:
        path: The file.
        arrays: Arrays by name.
        compressed: False for large arrays that must be read quickly.

    Raises:
        OutputError: See ``write_atomic``.
    """
    packed = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(packed, **dict(arrays))  # type: ignore[arg-type]
    write_atomic(path, packed.getvalue(), overwrite=True)


class PartFile:
    """A hidden file beside the target that becomes the target, or vanishes.

    It is locked while it is written. Parts of the same target that nobody locks were left
    behind by a process that was killed, and are removed.

    Args:
        target: The name it shall get.
        overwrite: Whether a file of that name may be replaced.

    Raises:
        OutputError: See ``check_output``.
    """

    def __init__(self, target: str | os.PathLike[str], overwrite: bool = False) -> None:
        self.target = check_output(target, overwrite)
        self._overwrite = overwrite
        folder = self.target.absolute().parent
        remove_parts(self.target)
        try:
            self._handle, name = tempfile.mkstemp(
                prefix=_prefix(self.target), suffix=_PART + self.target.suffix, dir=folder
            )
        except OSError as error:
            raise cannot_write(self.target, error) from error
        _lock(self._handle)
        self.path = Path(name)

    def __enter__(self) -> PartFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit unless it was discarded, or discard after an error."""
        if kind is None:
            if self._handle >= 0:
                self.commit()
            return
        self.discard()
        if isinstance(error, OSError):
            raise cannot_write(self.target, error) from error

    def commit(self) -> None:
        """Give the file its name, with everything on the disk.

        Raises:
            OutputError: The disk is full, or another file took the name meanwhile.
        """
        try:
            os.fchmod(self._handle, 0o666 & ~_umask())
            os.fsync(self._handle)
            self._name()
        except FileExistsError:
            self.discard()
            raise OutputError(
                self.target, "appeared while it was being made", "choose another name"
            ) from None
        except OSError as error:
            self.discard()
            raise cannot_write(self.target, error) from error
        self._close()

    def _name(self) -> None:
        if self._overwrite:
            os.replace(self.path, self.target)
            return
        try:
            # Unlike a rename, a link never takes the place of another file.
            os.link(self.path, self.target)
        except OSError as error:
            if error.errno not in _NO_LINKS or os.path.lexists(self.target):
                raise
            os.rename(self.path, self.target)
            return
        os.unlink(self.path)

    def discard(self) -> None:
        """Remove the file. Does nothing the second time or after ``commit``."""
        if self._handle >= 0:
            self.path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class StandardOutput:
    """Standard output as a file to write that cannot be sought in or taken back."""

    def __init__(self) -> None:
        self._stream = sys.stdout.buffer

    def write(self, block: bytes) -> int:
        """Write a block."""
        return self._stream.write(block)

    def commit(self) -> None:
        """Write what is still buffered."""
        self._stream.flush()

    def discard(self) -> None:
        """Leave what was written; its reader has it already."""


@contextmanager
def reserved(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Keep other runs from writing the same file until the block ends.

    Raises:
        OutputError: See ``check_output``; or another run writes the file.
    """
    target = check_output(path, overwrite)
    if target == STANDARD_OUTPUT:
        yield target
        return
    name = f".{target.name[:_PREFIX]}.reserved{_PART}{target.suffix}"
    held = target.absolute().parent / name
    try:
        handle = os.open(held, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise cannot_write(target, error) from error
    try:
        if not _lock(handle):
            raise OutputError(
                target, "is being written by another run", "wait for it or choose another name"
            )
        try:
            yield target
        finally:
            held.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _prefix(target: Path) -> str:
    return f".{target.stem[:_PREFIX]}."


def remove_parts(target: Path) -> None:
    """Remove the parts of a file that processes which ended have left behind."""
    folder = target.absolute().parent
    if folder.is_dir():
        remove_stale_parts(folder, _prefix(target), target.suffix)


def remove_stale_parts(folder: Path, prefix: str = ".", suffix: str = "") -> None:
    """Remove the part files of a folder that no process writes any more.

    Args:
        folder: Folder to look at, not below it.
        prefix: Beginning of their names.
        suffix: End of their names; any if empty.
    """
    for name in os.listdir(folder):
        ending = _PART + (suffix or Path(name).suffix)
        if not (name.startswith(prefix) and name.endswith(ending)):
            continue
        stale = folder / name
        try:
            handle = os.open(stale, os.O_RDWR)
        except OSError as error:
            logger.debug("left %s alone: %s", stale, error)
            continue
        try:
            if _lock(handle):
                stale.unlink(missing_ok=True)
                logger.info("removed %s, left behind by a process that ended", stale)
        finally:
            os.close(handle)


def _umask() -> int:
    # There is no way to read it but to set it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


if sys.platform == "win32":

    def _lock(handle: int) -> bool:
        """Windows does not let an open file be removed, which serves as well."""
        return True

else:
    import fcntl

    def _lock(handle: int) -> bool:
        """Lock a file for this process; False if another holds it."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
