"""Store of checkpoints on this machine."""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masktalk.errors import MissingExtraError, WeightsError
from masktalk.files import cache_root, file_digest
from masktalk.weights.table import WeightFile, weight_file

logger = logging.getLogger(__name__)

#: Names a folder in the reference's ``models/`` layout.
MODELS_VARIABLE = "MASKTALK_MODELS"


@dataclass(frozen=True)
class Verdict:
    """Result of checking one file: ``state`` is ok, missing, unpinned or wrong."""

    name: str
    path: Path | None
    state: str
    detail: str = ""


class WeightStore:
    """Finds, fetches and checks the files of the table.

    Looks in ``folder`` (the reference's ``models/`` layout) when one is given, by argument,
    by the variable MASKTALK_MODELS or by an earlier ``remember``; then in the hub's cache.

    Args:
        folder: A ``models/`` folder.
        state: Where pins and the remembered folder are kept; None for the user's cache.
    """

    def __init__(self, folder: Path | None = None, state: Path | None = None) -> None:
        self._state = state if state is not None else cache_root() / "weights"
        self.folder = folder or self._chosen_folder()
        if self.folder is not None and not self.folder.is_dir():
            raise WeightsError(self.folder, "no such folder", "name a models/ folder")

    def path(self, name: str) -> Path:
        """Return the path of a file, or of the one that serves instead.

        Raises:
            OptionError: No such name.
            WeightsError: It is not on this machine.
        """
        found = self.find(name)
        if found is None:
            raise WeightsError(
                f"model {name}", "is not on this machine", f"run 'masktalk models pull {name}'"
            )
        return found

    def find(self, name: str) -> Path | None:
        """As ``path``, but None when it is not here."""
        row = weight_file(name)
        found = self._in_folder(row) or self._in_cache(row)
        return found or (self.find(row.instead) if row.instead else None)

    def has(self, name: str) -> bool:
        """Return whether exactly this file is here, not only one that serves instead."""
        row = weight_file(name)
        return (self._in_folder(row) or self._in_cache(row)) is not None

    def pull(self, name: str) -> Path:
        """Download a file unless it is here, and check it before anything opens it.

        Raises:
            WeightsError: It cannot be had, or is not what it claims to be.
        """
        row = weight_file(name)
        path = self._in_folder(row) or self._in_cache(row)
        if path is None:
            path = self._fetch_from_hub(row) if row.repository else self._fetch(row)
        self._require(row, path)
        return path

    def verify(self, name: str) -> Verdict:
        """Check size and hash of a file that is here."""
        row = weight_file(name)
        path = self._in_folder(row) or self._in_cache(row)
        if path is None:
            return Verdict(name, None, "missing")
        size = path.stat().st_size
        if row.bytes is not None and size != row.bytes:
            return Verdict(name, path, "wrong", f"{size} bytes, not {row.bytes}")
        expected = row.sha256 or self._read("pins.json").get(name)
        if expected is None:
            return Verdict(name, path, "unpinned", "no hash is known for it")
        actual = file_digest(path)
        if actual != expected:
            return Verdict(name, path, "wrong", f"sha256 {actual[:12]}…, not {expected[:12]}…")
        return Verdict(name, path, "ok")

    def remember(self, folder: Path) -> None:
        """Look in ``folder`` from now on, in later runs too."""
        self.folder = folder.resolve()
        self._write("folder.json", {"folder": str(self.folder)})

    def _chosen_folder(self) -> Path | None:
        chosen = os.environ.get(MODELS_VARIABLE) or self._read("folder.json").get("folder")
        return Path(chosen) if chosen else None

    def _in_folder(self, row: WeightFile) -> Path | None:
        if self.folder is None:
            return None
        places = (self.folder / place for place in row.local)
        return next((place for place in places if place.is_file()), None)

    def _in_cache(self, row: WeightFile) -> Path | None:
        if row.repository is None:
            kept = self._state / row.file
            return kept if kept.is_file() else None
        hub = _hub(required=False)
        found = hub and hub.try_to_load_from_cache(row.repository, row.file, revision=row.revision)
        return Path(found) if isinstance(found, str) else None

    def _fetch_from_hub(self, row: WeightFile) -> Path:
        hub = _hub()
        try:
            if row.sha256 is None:
                url = hub.hf_hub_url(row.repository, row.file, revision=row.revision)
                self._pin(row, hub.get_hf_file_metadata(url).etag)
            return Path(hub.hf_hub_download(row.repository, row.file, revision=row.revision))
        except (OSError, hub.errors.HfHubHTTPError, hub.errors.LocalEntryNotFoundError) as error:
            raise WeightsError(
                f"{row.repository}/{row.file}",
                f"cannot be downloaded ({type(error).__name__})",
                "check the network, or use a models/ folder (`masktalk models pull --from`)",
            ) from error

    def _fetch(self, row: WeightFile) -> Path:
        if row.url is None:
            raise WeightsError(
                f"model {row.name}",
                f"is linked from {row.page}, for a person to download",
                f"put it in a folder as {row.local[-1]} and name that with "
                "'masktalk models pull --from'",
            )
        return download(row.url, self._state / row.file, row.bytes)

    def _pin(self, row: WeightFile, etag: str | None) -> None:
        if etag is None or len(etag) != 64:
            raise WeightsError(f"{row.repository}/{row.file}", "the hub gives no hash for it")
        self._write("pins.json", {**self._read("pins.json"), row.name: etag})

    def _require(self, row: WeightFile, path: Path) -> None:
        verdict = self.verify(row.name)
        if verdict.state == "wrong":
            raise WeightsError(path, verdict.detail, "delete it and pull it again")

    def _read(self, name: str) -> dict[str, str]:
        path = self._state / name
        if not path.is_file():
            return {}
        content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def _write(self, name: str, content: dict[str, str]) -> None:
        self._state.mkdir(parents=True, exist_ok=True)
        partial = self._state / f".{name}.{os.getpid()}"
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        partial.replace(self._state / name)


def _hub(required: bool = True) -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        if not required:
            return None
        raise MissingExtraError(
            "huggingface_hub", "is not installed", "pip install 'masktalk[musetalk]'"
        ) from error
    return huggingface_hub


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
