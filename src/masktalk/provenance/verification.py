"""Verification: the origin that a file tells, and if its signature holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

import av

from masktalk.errors import MediaError
from masktalk.media.local_files import checked_file, open_input
from masktalk.provenance.marking import MEDIA_TYPES
from masktalk.provenance.origin import Ingredient, Origin

#: State of the C2PA manifest; ``untrusted`` holds, but by a certificate of no list.
SignatureState: TypeAlias = Literal["none", "trusted", "untrusted", "invalid", "unread"]


@dataclass(frozen=True)
class Verification:
    """The statement of origin of a file.

    Attributes:
        path: The file.
        origin: From the signed manifest, or else from the container's metadata; None if it
            tells none.
        signature: State of the C2PA manifest; ``unread`` without c2pa-python.
        signer: Name in the certificate; empty without a signature.
        problems: C2PA's codes of the checks that failed.
    """

    path: Path
    origin: Origin | None
    signature: SignatureState = "none"
    signer: str = ""
    problems: tuple[str, ...] = ()

    @property
    def is_marked(self) -> bool:
        """Tell if the file says that it was generated, and nothing contradicts that."""
        return self.origin is not None and self.signature != "invalid"


def verify(path: Path) -> Verification:
    """Read the origin of a file and check its signature.

    Raises:
        MediaError: The file cannot be read.
    """
    path = checked_file(path)
    told = _from_metadata(path)
    if path.suffix.lower() not in MEDIA_TYPES:
        return Verification(path, told)
    if find_spec("c2pa") is None:
        return Verification(path, told, "unread")
    store = _manifest_store(path)
    if store is None:
        return Verification(path, told)
    active = store["manifests"][store["active_manifest"]]
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    codes = tuple(dict.fromkeys(failure["code"] for failure in failures))
    signature: SignatureState = "untrusted"
    if store.get("validation_state") == "Trusted":
        signature = "trusted"
    elif set(codes) - {"signingCredential.untrusted"}:
        signature = "invalid"
    return Verification(
        path,
        _from_manifest(active) or told,
        signature,
        active.get("signature_info", {}).get("common_name", ""),
        codes,
    )


def _manifest_store(path: Path) -> dict[str, Any] | None:
    import c2pa

    with path.open("rb") as file:
        try:
            reader = c2pa.Reader.try_create(MEDIA_TYPES[path.suffix.lower()], file)
        except c2pa.C2paError as error:
            raise MediaError(path, f"its C2PA manifest cannot be read ({error})") from error
        if reader is None:
            return None
        with reader:
            store: dict[str, Any] = json.loads(reader.json())
            return store


def _from_manifest(manifest: dict[str, Any]) -> Origin | None:
    for assertion in manifest.get("assertions", []):
        if assertion["label"].startswith("org.masktalk.origin"):
            told = dict(assertion["data"])
            ingredients = tuple(Ingredient(**each) for each in told.pop("ingredients", ()))
            return Origin(**told, ingredients=ingredients)
    return None


def _from_metadata(path: Path) -> Origin | None:
    try:
        with open_input(path) as container:
            tags = {name.lower(): text for name, text in container.metadata.items()}
    except (MediaError, av.FFmpegError):
        return None
    return Origin.from_comment(tags.get("comment", ""))
