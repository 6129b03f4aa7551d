"""Marking of results: metadata of the container always, a signed C2PA manifest where it can be."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from masktalk.errors import MissingExtraError, OptionError, OutputError
from masktalk.provenance.certificate import Credential, load_credential
from masktalk.provenance.origin import Origin

logger = logging.getLogger(__name__)

#: ``auto`` signs where c2pa-python is installed and knows the container.
Marking: TypeAlias = Literal["auto", "c2pa", "metadata", "off"]
MARKINGS: tuple[Marking, ...] = get_args(Marking)

#: Media types of the files that C2PA manifests are embedded in.
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".mp4": "video/mp4",
        ".m4v": "video/x-m4v",
        ".mov": "video/quicktime",
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".webp": "image/webp",
        ".gif": "image/gif",
        ".wav": "audio/wav",
        ".mp3": "audio/mpeg",
        ".flac": "audio/flac",
        ".m4a": "audio/mp4",
    }
)


class Marker:
    """Marks one result.

    Args:
        path: Name that the result will have.
        origin: Its origin.
        marking: See ``Marking``.

    Raises:
        OptionError: ``c2pa`` was asked for and the container keeps none.
        MissingExtraError: It was asked for and c2pa-python is not installed.
        InputError: The certificate cannot be read.
        OutputError: It was asked for and no certificate can be generated.
    """

    def __init__(self, path: Path, origin: Origin, marking: Marking = "auto") -> None:
        if marking not in MARKINGS:
            raise OptionError(
                f"`provenance` {marking}", "is unknown", f"choose one of {', '.join(MARKINGS)}"
            )
        self._path, self._origin = path, origin
        self._off = marking == "off"
        if self._off:
            logger.warning("%s: gets no mark of its origin (`provenance` off)", path)
        embeds = path.suffix.lower() in MEDIA_TYPES
        installed = find_spec("c2pa") is not None
        if marking == "c2pa" and not embeds:
            raise OptionError(
                "`provenance` c2pa", f"{path.suffix} keeps no C2PA manifest", "write .mp4 or .mov"
            )
        if marking == "c2pa" and not installed:
            raise MissingExtraError(
                "`provenance` c2pa", "c2pa-python is not installed", "pip install 'masktalk[c2pa]'"
            )
        signs = embeds and installed and marking in ("auto", "c2pa")
        self._credential = self._load_credential(marking) if signs else None

    def _load_credential(self, marking: Marking) -> Credential | None:
        try:
            return load_credential()
        except OutputError as error:
            if marking == "c2pa":
                raise
            logger.warning("%s: is not signed: %s", self._path, error)
            return None

    @property
    def metadata(self) -> dict[str, str]:
        """Return the metadata of the container."""
        return {} if self._off else {"comment": self._origin.comment()}

    def sign(self, written: Path) -> None:
        """Embed a signed manifest in the file that was written for the result, in place.

        Raises:
            OutputError: The file cannot be signed.
        """
        if self._credential is None:
            return
        import c2pa

        mime = MEDIA_TYPES[self._path.suffix.lower()]
        credential = self._credential
        info = c2pa.C2paSignerInfo(credential.algorithm, credential.chain, credential.key, None)
        # A nameless file: nothing stays behind, and the one that is signed keeps its lock.
        with tempfile.TemporaryFile(dir=written.parent) as signed:
            try:
                with (
                    c2pa.Signer.from_info(info) as signer,
                    c2pa.Builder(dict(self._origin.manifest(self._path.name, mime))) as builder,
                    written.open("rb") as plain,
                ):
                    builder.sign(signer, mime, plain, signed)
            except c2pa.C2paError as error:
                raise OutputError(
                    self._path, f"cannot be signed ({error})", "check the certificate"
                ) from error
            signed.seek(0)
            with written.open("r+b") as target:
                shutil.copyfileobj(signed, target, 1 << 20)
                target.truncate()
