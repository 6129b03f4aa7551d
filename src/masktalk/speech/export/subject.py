"""Input of an export: an articulation and its source."""

from __future__ import annotations

from dataclasses import dataclass

from masktalk.types import Articulation, Audio


@dataclass(frozen=True, eq=False)
class ExportInput:
    """An articulation to write down.

    Attributes:
        articulation: The channels.
        source: Name of the sound file, for formats that mention it.
        audio: The sound itself, for the picture.
    """

    articulation: Articulation
    source: str = ""
    audio: Audio | None = None
