"""An engine's own preparation in an avatar's folder, named after all that it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from masktalk.avatar import Avatar

_FINGERPRINT_BLOCKS, _FINGERPRINT_BYTES = 16, 1 << 16


def prepared_folder(avatar: Avatar, engine: str, facts: Mapping[str, object]) -> Path:
    """Return the folder of an engine's preparation, made when missing.

    Other facts give another folder.

    Args:
        avatar: Whose folder.
        engine: Name of the engine.
        facts: Everything besides the avatar that the content depends on.
    """
    content = json.dumps({"avatar": avatar.manifest.seal, **facts}, sort_keys=True, default=str)
    key = hashlib.sha256(content.encode()).hexdigest()[:20]
    folder = avatar.engine_folder(engine) / key
    folder.mkdir(exist_ok=True)
    return folder


def weights_fingerprint(path: Path) -> str:
    """Return a digest that tells one weights file from another without reading all of it."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        for block in range(_FINGERPRINT_BLOCKS):
            stream.seek(block * size // _FINGERPRINT_BLOCKS)
            digest.update(stream.read(_FINGERPRINT_BYTES))
    return digest.hexdigest()
