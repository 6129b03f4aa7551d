"""Options of MuseTalk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from masktalk.compose.parsing_masks import MaskOptions, ParsingMode
from masktalk.engines.base import EngineOptions
from masktalk.engines.musetalk.crop import CropKind
from masktalk.errors import OptionError


def _option(default: Any, description: str, **limits: Any) -> Any:
    return Field(default=default, description=description, **limits)


class MuseTalkOptions(EngineOptions):
    """Options of the MuseTalk engine; None means the version's or the machine's own."""

    RENAMED: ClassVar[Mapping[str, str]] = {"keep_silence": "animate_silence"}

    version: Literal["v15", "v1"] = _option("v15", "v15 or v1")
    crop: CropKind = _option("stable", "stable: box smoothed over time; reference: each frame's")
    bbox_shift: int = _option(
        0, "pixels the box moves down; more opens the mouth further", ge=-4096, le=4096
    )
    extra_margin: int | None = _option(None, "pixels the box reaches below the chin", ge=0, le=4096)
    parsing_mode: ParsingMode | None = _option(None, "how the mask is cut: raw, jaw or neck")
    left_cheek_width: int | None = _option(None, "reach of a jaw mask to the left", ge=0, le=256)
    right_cheek_width: int | None = _option(None, "reach of a jaw mask to the right", ge=0, le=256)
    animate_silence: bool = _option(False, "let the network move the mouth in silence too")
    compat: Literal["upstream"] | None = _option(None, "upstream: time frames as the reference")
    audio_padding_length_left: int = _option(2, "frames of 1/25 s heard before", ge=0, le=50)
    audio_padding_length_right: int = _option(2, "frames of 1/25 s heard after", ge=0, le=50)
    batch_size: int | None = _option(None, "frames at a time", ge=1, le=256)
    device: str = _option(
        "auto", "auto, cpu, mps, cuda or cuda:N", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = _option("auto", "fp32, bf16 or fp16")
    fused: bool = _option(False, "compile the networks: minutes at first, then faster on a GPU")
    encode: Literal["shown", "all"] = _option("shown", "frames whose latents are made beforehand")
    models: Path | None = _option(None, "a models/ folder in the reference's layout")
    unet: Path | None = _option(None, "the generator's file, instead of the version's own")
    finetuned: Path | None = _option(None, "a run's folder of `masktalk train musetalk`")
    unet_config: Path | None = _option(None, "its configuration")
    vae: Path | None = _option(None, "the VAE's file, instead of the published one")
    whisper: Path | None = _option(None, "Whisper's file, instead of the published one")

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
        """Return the options of the blending mask."""
        own = self.release.masks
        return MaskOptions(
            mode=self.parsing_mode or own.mode,
            left_cheek_width=_or(self.left_cheek_width, own.left_cheek_width),
            right_cheek_width=_or(self.right_cheek_width, own.right_cheek_width),
        )


def _or(value: int | None, own: int) -> int:
    return own if value is None else value


@dataclass(frozen=True)
class Version:
    """One published version.

    Attributes:
        name: As the reference's version flag names it.
        weights: The generator's name in the weights table.
        extra_margin: Pixels that its crop reaches below the chin.
        masks: How its result is blended in.
    """

    name: str
    weights: str
    extra_margin: int
    masks: MaskOptions


VERSIONS: dict[str, Version] = {
    version.name: version
    for version in (
        Version("v1", "musetalk-v1", 0, MaskOptions("raw", 80, 80)),
        Version("v15", "musetalk-v15", 10, MaskOptions("jaw", 90, 90)),
    )
}


def version_named(name: str) -> Version:
    """Return the version of that name.

    Raises:
        OptionError: Nothing has that name; the message lists what does.
    """
    if name not in VERSIONS:
        raise OptionError(
            f"`version` {name}", "no such version", f"choose one of {', '.join(VERSIONS)}"
        )
    return VERSIONS[name]
