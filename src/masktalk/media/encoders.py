"""The table of video encoders, and choosing one by trying to open it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import av

from masktalk.errors import EncoderError

logger = logging.getLogger(__name__)

#: (width, height) of a trial when nothing better is known.
_TRIAL = (256, 256)

#: x264's presets, the scale that ``preset`` is given in.
PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip


@dataclass(frozen=True)
class Quality:
    """Encoding quality on x264's scales.

    Attributes:
        crf: Constant rate factor, 0 (best) to 51; 18 is visually lossless.
        preset: One of ``PRESETS``: faster is larger.
    """

    crf: float = 18.0
    preset: str = "medium"

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf lies in 0..51, not {self.crf}")
        if self.preset not in PRESETS:
            raise ValueError(f"a preset is one of {', '.join(PRESETS)}, not {self.preset!r}")

    @property
    def speed(self) -> float:
        """0 (slowest preset) to 1 (fastest)."""
        return 1 - PRESETS.index(self.preset) / (len(PRESETS) - 1)


@dataclass(frozen=True)
class Settings:
    """Settings that an encoder is opened with.

    Attributes:
        options: Its own options by name.
        bits_per_pixel: Average bit rate over pixels and frames; None for constant quality.
    """

    options: Mapping[str, str]
    bits_per_pixel: float | None = None


@dataclass(frozen=True)
class Encoder:
    """One way to encode video.

    Attributes:
        name: FFmpeg's name.
        pixel_format: What it takes.
        settings: Its own settings for a quality.
        alpha: Whether it keeps alpha.
        full_range: Whether it takes full range.
        even: Whether width and height must be even.
        hdr: Whether it takes HDR video, in ten bits.
    """

    name: str
    pixel_format: str
    settings: Callable[[Quality], Settings]
    alpha: bool = False
    full_range: bool = True
    even: bool = True
    hdr: bool = False


def _nvenc(quality: Quality) -> Settings:
    preset = f"p{round(7 - 6 * quality.speed)}"
    # Without b=0 its default bit rate would cap the quality.
    return Settings({"rc": "vbr", "cq": f"{quality.crf:g}", "b": "0", "preset": preset})


def _x264(quality: Quality) -> Settings:
    return Settings({"crf": f"{quality.crf:g}", "preset": quality.preset})


def _openh264(quality: Quality) -> Settings:
    # It has no constant quality; x264's bit rate halves about every 6 steps of crf.
    return Settings({"allow_skip_frames": "0"}, bits_per_pixel=0.12 * 2 ** ((23 - quality.crf) / 6))


def _mpeg4(quality: Quality) -> Settings:
    # H.264's step size doubles every 6 steps; MPEG-4's is linear in its quantizer, 1 to 31.
    quantizer = str(round(min(max(2 ** ((quality.crf - 12) / 6), 1), 31)))
    return Settings({"qmin": quantizer, "qmax": quantizer})


def _vp9(quality: Quality) -> Settings:
    crf = round(quality.crf / 51 * 63)
    return Settings(
        {
            "crf": str(crf),
            "b": "0",
            "deadline": "good",
            "cpu-used": str(round(1 + 4 * quality.speed)),
            "row-mt": "1",
            "auto-alt-ref": "0",  # libvpx refuses alpha together with hidden frames
        }
    )


def _x265(quality: Quality) -> Settings:
    # x265 looks alike at a crf some 4 higher than x264's.
    crf = f"{min(quality.crf + 4, 51):g}"
    return Settings({"crf": crf, "preset": quality.preset, "x265-params": "log-level=error:info=0"})


def _prores(quality: Quality) -> Settings:
    return Settings({"profile": "4444", "alpha_bits": "16"})


#: Every encoder by name; those without alpha in the order of preference.
ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {
        encoder.name: encoder
        for encoder in (
            Encoder("h264_nvenc", "yuv420p", _nvenc),
            Encoder("libx264", "yuv420p", _x264),
            Encoder("libopenh264", "yuv420p", _openh264, full_range=False),
            Encoder("mpeg4", "yuv420p", _mpeg4, full_range=False, even=False),
            Encoder("libx265", "yuv420p10le", _x265, hdr=True),
            Encoder("libvpx-vp9", "yuva420p", _vp9, alpha=True, even=False),
            Encoder("prores_ks", "yuva444p10le", _prores, alpha=True, full_range=False, even=False),
        )
    }
)

#: What each container may hold, in the order of preference, without and with alpha or HDR.
CONTAINERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ".mp4": ("h264_nvenc", "libx264", "libopenh264", "mpeg4", "libx265"),
        ".m4v": ("h264_nvenc", "libx264", "libopenh264", "mpeg4", "libx265"),
        ".mkv": ("h264_nvenc", "libx264", "libopenh264", "mpeg4", "libx265"),
        ".mov": ("h264_nvenc", "libx264", "libopenh264", "mpeg4", "libx265", "prores_ks"),
        ".webm": ("libvpx-vp9",),
    }
)


def available_encoders() -> tuple[str, ...]:
    """Names of the encoders that can really be opened here, in the order of preference."""
    return tuple(name for name in ENCODERS if refusal(name) is None)


def pick_encoder(
    suffix: str,
    alpha: bool,
    preferred: str | None = None,
    size: tuple[int, int] = _TRIAL,
    hdr: bool = False,
) -> Encoder:
    """Return the best encoder for a container that can really be opened.

    Args:
        suffix: Of the output file, ``.mp4``.
        alpha: Whether transparency must be kept.
        preferred: The only one to try, by name; None for the best.
        size: (width, height) of the video; hardware encoders take some sizes only.
        hdr: Whether the video is HDR, which takes ten bits.

    Raises:
        EncoderError: The preferred one cannot be opened or does not fit, or none can.
    """
    fitting = tuple(
        name
        for name in CONTAINERS.get(suffix, ())
        if (ENCODERS[name].alpha or not alpha) and (ENCODERS[name].hdr or not hdr)
    )
    kept = " with alpha" if alpha else " with HDR" if hdr else ""
    if preferred is not None:
        return _preferred(preferred, fitting, suffix + kept, size)
    for name in fitting:
        if alpha == ENCODERS[name].alpha or suffix == ".webm":
            reason = refusal(name, *size)
            if reason is None:
                logger.info("encoder %s", name)
                return ENCODERS[name]
            logger.info("encoder %s cannot be opened: %s", name, reason)
    raise EncoderError(
        f"*{suffix}",
        f"no encoder{kept} can be opened",
        f"those that can: {', '.join(available_encoders()) or 'none'}",
    )


def _preferred(name: str, fitting: tuple[str, ...], wanted: str, size: tuple[int, int]) -> Encoder:
    usable = [other for other in fitting if refusal(other, *size) is None]
    remedy = f"for {wanted} there is: {', '.join(usable) or 'none'}"
    if name not in ENCODERS:
        raise EncoderError(name, "is no encoder masktalk knows", remedy)
    if name not in fitting:
        raise EncoderError(name, f"does not fit into {wanted}", remedy)
    reason = refusal(name, *size)
    if reason is not None:
        raise EncoderError(name, f"cannot be opened here ({reason})", remedy)
    logger.info("encoder %s, as told", name)
    return ENCODERS[name]


@cache
def refusal(name: str, width: int = _TRIAL[0], height: int = _TRIAL[1]) -> str | None:
    """Why an encoder cannot be used here, found by encoding one frame; None if it can."""
    encoder = ENCODERS[name]
    if name not in av.codecs_available:
        return "this FFmpeg was built without it"
    try:
        context: Any = av.CodecContext.create(name, "w")
        if encoder.even:
            width, height = width + width % 2, height + height % 2
        context.width, context.height = width, height
        context.pix_fmt = encoder.pixel_format
        context.framerate = 25
        configure(context, encoder, Quality(), width * height * 25)
        frame = av.VideoFrame(width, height, encoder.pixel_format)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.pts = 0
        packets = [*context.encode(frame), *context.encode(None)]
    except (av.FFmpegError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return None if packets else "it gave no output"


def configure(context: Any, encoder: Encoder, quality: Quality, pixels: float) -> None:
    """Set an encoder's own settings on a context that is not open yet.

    Args:
        context: A PyAV video codec context, to be opened for writing.
        encoder: Which one it is.
        quality: What is asked of it.
        pixels: Pixels per second.
    """
    settings = encoder.settings(quality)
    context.options = dict(settings.options)
    if settings.bits_per_pixel is not None:
        context.bit_rate = round(settings.bits_per_pixel * pixels)
    context.thread_count = 0
