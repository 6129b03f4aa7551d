"""Options of the Wav2Lip engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from masktalk.engines.base import EngineOptions
from masktalk.speech.mel import Pairing

#: Row of the weights table -> what it is, for errors and documentation.
MODELS = ("wav2lip", "wav2lip-gan", "wav2lip-256", "wav2lip-384")

Smoothing: TypeAlias = Literal["symmetric", "none"]
RuntimeName: TypeAlias = Literal["auto", "torch", "onnxruntime", "openvino"]


def _option(default: Any, description: str, **limits: Any) -> Any:
    return Field(default=default, description=description, **limits)


def _four_numbers(value: Any) -> Any:
    """Read four numbers from a text with blanks or commas between them."""
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return tuple(value) if isinstance(value, Sequence) else value


FourNumbers = Annotated[tuple[int, int, int, int], BeforeValidator(_four_numbers)]


class Wav2LipOptions(EngineOptions):
    """Options of the Wav2Lip engine; None means the machine's or the file's own."""

    model: Literal["wav2lip", "wav2lip-gan", "wav2lip-256", "wav2lip-384"] = _option(
        "wav2lip", "wav2lip, wav2lip-gan, wav2lip-256 or wav2lip-384"
    )
    checkpoint: Path | None = _option(None, "a generator's file; its keys tell the network")
    models: Path | None = _option(None, "a folder with the checkpoints")
    pads: FourNumbers = _option(
        (0, 10, 0, 0), "pixels around the face: top, bottom, left, right, negative to cut"
    )
    box: FourNumbers | None = _option(
        None, "fixed box in pixels instead of the face's: top, bottom, left, right"
    )
    smoothing: Smoothing = _option("symmetric", "of the boxes over time: symmetric or none")
    animate_silence: bool = _option(False, "let the network move the mouth in silence too")
    pairing: Pairing = _option(
        "inference", "audio of a frame: as in inference, or 1/25 s earlier as in training"
    )
    compat: Literal["upstream"] | None = _option(
        None, "upstream: frame count, boxes and pasted rectangle of the reference"
    )
    batch_size: int | None = _option(None, "frames at a time", ge=1, le=512)
    device: str = _option(
        "auto", "auto, cpu, mps, cuda or cuda:N", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = _option("auto", "fp32, bf16 or fp16")
    runtime: RuntimeName = _option(
        "auto", "auto (the fastest here), torch, onnxruntime or openvino"
    )
