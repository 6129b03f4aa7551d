"""Options of the SadTalker engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from masktalk.engines.base import EngineOptions
from masktalk.engines.sadtalker.crop import CropMode
from masktalk.engines.sadtalker.performance import MotionOptions

_LAST_STYLE = 45
_MAX_ANGLE_DEG = 90


def _numbers(given: Any) -> Any:
    return given.replace(",", " ").split() if isinstance(given, str) else given


_Angle = Annotated[float, Field(ge=-_MAX_ANGLE_DEG, le=_MAX_ANGLE_DEG)]
Angles: TypeAlias = Annotated[tuple[_Angle, ...], BeforeValidator(_numbers)]


def _option(default: Any, description: str, **limits: Any) -> Any:
    return Field(default=default, description=description, **limits)


class SadTalkerOptions(EngineOptions):
    """Options of the SadTalker engine; None means the machine's or the networks' own."""

    size: Literal[256, 512] = _option(256, "pixels of the rendered head: 256 or 512")
    preprocess: CropMode = _option(
        "full", "full, extfull: head on its shoulders; crop, extcrop, resize: moves freely"
    )
    still: bool = _option(False, "keep the head as it is; lips and eyes move")
    pose_style: int = _option(0, "manner of head movement", ge=0, le=_LAST_STYLE)
    expression_scale: float = _option(1.0, "strength of the expression", ge=0, le=3)
    head_motion: float = _option(1.0, "strength of the head movement", ge=0, le=3)
    movement: Literal["network", "natural"] = _option(
        "network", "head movement and blinks: of the network, or masktalk's own (natural)"
    )
    blinks: float | None = _option(None, "blinks a minute; 0 for none", ge=0, le=60)
    animate_silence: bool = _option(False, "let the network move the mouth in silence too")
    yaw: Angles = _option((), "degrees that the head turns through: '-20 30 10'")
    pitch: Angles = _option((), "degrees that the head nods through")
    roll: Angles = _option((), "degrees that the head tilts through")
    ref_eyeblink: Path | None = _option(None, "video whose eyelids and brows are taken over")
    ref_pose: Path | None = _option(None, "video whose head movement is added")
    seed: int = _option(0, "of blinks and head movement", ge=0, le=2**32 - 1)
    paste: Literal["feather", "poisson"] = _option("feather", "composition: feather or poisson")
    compat: Literal["upstream"] | None = _option(
        None, "upstream: crop, count frames and join head movement as the reference"
    )
    batch_size: int | None = _option(None, "frames at a time", ge=1, le=256)
    device: str = _option(
        "auto", "auto, cpu, mps, cuda or cuda:N", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = _option("auto", "fp32, bf16 or fp16")
    checkpoints: Path | None = _option(None, "a checkpoints/ folder in SadTalker's own layout")

    @property
    def placed(self) -> bool:
        """True when the head must stay where it is in the picture."""
        return self.preprocess in ("full", "extfull")

    @property
    def weights(self) -> str:
        """Name of the networks in the weights table."""
        return f"sadtalker-{self.size}"

    @property
    def mapping_weights(self) -> str:
        """Name of the mapping network in the weights table."""
        return "sadtalker-mapping-full" if self.placed else "sadtalker-mapping-crop"

    @property
    def upstream(self) -> bool:
        """True when the reference's own rules are wanted."""
        return self.compat == "upstream"

    @property
    def motion(self) -> MotionOptions:
        """Choices about the motion."""
        return MotionOptions(
            seed=self.seed,
            style=self.pose_style,
            blinks_per_minute=self.blinks,
            expression_scale=self.expression_scale,
            head_scale=0.0 if self.still else self.head_motion,
            animate_silence=self.animate_silence or self.upstream,
            natural=self.movement == "natural",
            joined=not self.upstream,
            yaw=self.yaw,
            pitch=self.pitch,
            roll=self.roll,
        )
