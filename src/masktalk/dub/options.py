"""Options of a dub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from masktalk.errors import OptionError
from masktalk.option_fields import described
from masktalk.provenance import Marking


@dataclass(frozen=True)
class DubOptions:
    """Options of ``dub``.

    Attributes:
        voices: Recordings on the video's clock, by speaker, for plans that name speakers.
        faces: Faces by speaker, as a plan writes them.
        background: Level of the video's own sound within segments, in decibels; None
            silences it there.
        engine: Name in the table of engines.
        engine_options: The engine's own options by name.
        encoder: Name of the video encoder; None for the best that opens.
        crf: Constant rate factor.
        overwrite: Whether an existing file may be replaced.
        provenance: See ``RenderOptions``.
    """

    voices: Mapping[str, Path] = field(default_factory=dict)
    faces: Mapping[str, str] = field(default_factory=dict)
    background: float | None = described(
        None, "Level of the video's own sound within segments, in decibels [silent there]."
    )
    engine: str = described("warp", "Engine; `masktalk engines` lists them.")
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    encoder: str | None = described(None, "Video encoder [the best that opens].")
    crf: int = described(18, "Quality, 0 (best) to 51.")
    overwrite: bool = described(False, "Replace an existing file.")
    provenance: Marking = described(
        "auto", "Statement of origin: auto, c2pa (signed), metadata (of the container) or off."
    )

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise OptionError(f"`crf` {self.crf}", "must lie in 0..51")
        if self.background is not None and self.background > 0:
            raise OptionError(
                f"`background` {self.background:g}", "is louder than the video's own sound",
                "give 0 decibels or less",
            )  # fmt: skip
