"""What a user can choose about MuseTalk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from masktalk.compose.parsing_masks import MaskOptions, ParsingMode
from masktalk.engines.base import EngineOptions
from masktalk.engines.musetalk.crop import CropKind
from masktalk.engines.musetalk.version import VERSIONS, Version

Pixels = Annotated[int, Field(ge=0, le=4096)]
CheekWidth = Annotated[int, Field(ge=0, le=256)]
PaddingFrames = Annotated[int, Field(ge=0, le=50)]


class MuseTalkOptions(EngineOptions):
    """Options of the MuseTalk engine.

    Attributes:
        version: ``v15`` or ``v1``.
        crop: ``stable`` smooths the face box over time, ``reference`` takes each frame's.
        bbox_shift: Pixels the box's middle moves down; more opens the mouth further.
        extra_margin: Pixels the box reaches below the chin; None for the version's own.
        parsing_mode: ``raw``, ``jaw`` or ``neck``; None for the version's own.
        left_cheek_width: See ``MaskOptions``; None for the version's own.
        right_cheek_width: The same to the right.
        keep_silence: Let the network move the mouth in silence too.
        compat: ``upstream`` times frames with the reference's rounding.
        audio_padding_length_left: Frames of 1/25 s heard before each frame.
        audio_padding_length_right: Frames heard after it.
        batch_size: Frames at a time; None for what suits the device.
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        encode: Make latents for the ``shown`` frames alone, or for ``all`` when preparing.
        models: A ``models/`` folder in the reference's layout.
        unet: The generator's file instead of the version's own.
        unet_config: Its configuration.
        vae: The VAE's file instead of the published one.
        whisper: Whisper's file instead of the published one.
    """

    version: Literal["v15", "v1"] = "v15"
    crop: CropKind = "stable"
    bbox_shift: Annotated[int, Field(ge=-4096, le=4096)] = 0
    extra_margin: Pixels | None = None
    parsing_mode: ParsingMode | None = None
    left_cheek_width: CheekWidth | None = None
    right_cheek_width: CheekWidth | None = None
    keep_silence: bool = False
    compat: Literal["upstream"] | None = None
    audio_padding_length_left: PaddingFrames = 2
    audio_padding_length_right: PaddingFrames = 2
    batch_size: Annotated[int, Field(ge=1, le=256)] | None = None
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    encode: Literal["shown", "all"] = "shown"
    models: Path | None = None
    unet: Path | None = None
    unet_config: Path | None = None
    vae: Path | None = None
    whisper: Path | None = None

    @property
    def release(self) -> Version:
        """The record of the chosen version."""
        return VERSIONS[self.version]

    @property
    def margin(self) -> int:
        """Pixels the box reaches below the chin."""
        return self.release.extra_margin if self.extra_margin is None else self.extra_margin

    @property
    def masks(self) -> MaskOptions:
        """How the result is blended in."""
        own = self.release.masks
        return MaskOptions(
            mode=self.parsing_mode or own.mode,
            left_cheek_width=_or(self.left_cheek_width, own.left_cheek_width),
            right_cheek_width=_or(self.right_cheek_width, own.right_cheek_width),
        )


def _or(value: int | None, own: int) -> int:
    return own if value is None else value
