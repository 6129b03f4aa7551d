"""Tone mapping of HDR and wide-gamut video to 8 bit BT.709."""

from __future__ import annotations

from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from masktalk.media.color import Color
from masktalk.media.convert import FromRgb
from masktalk.types import FloatArray, UInt8Array

#: Pixel format of tone-mapped frames.
TONE_MAPPED_FORMAT = "yuv420p"

#: Pixel format of HDR frames that are kept as they are.
HDR_FORMAT = "yuv420p10le"

#: Linear BT.2020 to linear BT.709 (ITU-R BT.2407, section 2).
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)

#: Luminance of diffuse white in HDR video in cd/m2 (ITU-R BT.2408), and of PQ's full signal.
_WHITE_NITS, _PQ_PEAK_NITS = 203.0, 10_000.0

#: Linear HLG light of diffuse white: 75 % of the signal (ITU-R BT.2408).
_HLG_WHITE = 0.265

#: Exponent of an SDR display (ITU-R BT.1886).
_DISPLAY_GAMMA = 2.4

#: Linear light, of diffuse white, above which highlights are compressed.
_KNEE = 0.75

_STEPS = 1 << 12
_BRIGHTEST = 60.0


def needs_tone_mapping(color: Color, pixel_format: av.VideoFormat) -> bool:
    """Tell whether frames are HDR, or of BT.2020's gamut in more than 8 bits."""
    deep = any(part.bits > 8 for part in pixel_format.components)
    return color.is_hdr or (deep and color.primaries == "bt2020")


class ToneMapper:
    """A converter of decoded HDR or BT.2020 frames to 8 bit BT.709.

    Light is made linear with diffuse white at 1 (PQ: SMPTE ST 2084; HLG: ITU-R BT.2100 with
    the system gamma of 1 that ITU-R BT.2390 gives for a display of SDR's brightness), taken
    to BT.709's primaries, compressed exponentially above a knee, channel by channel, and
    encoded for a display of gamma 2.4.

    Args:
        color: Colour description of the frames.
    """

    def __init__(self, color: Color) -> None:
        self._color = color
        self._linear = _linear_light(color.transfer, np.linspace(0, 1, 1 << 16))
        self._encoded = _display_codes()
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._from_rgb: FromRgb | None = None

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the frame in ``TONE_MAPPED_FORMAT``, with its time stamps."""
        size = frame.width, frame.height
        if self._from_rgb is None or self._from_rgb.size != size:
            self._from_rgb = FromRgb(Color.IMAGE, TONE_MAPPED_FORMAT, size)
        mapped = self._from_rgb(self._rgb(frame))
        mapped.pts, mapped.duration = frame.pts, frame.duration
        if frame.time_base:
            mapped.time_base = frame.time_base
        return mapped

    def _rgb(self, frame: av.VideoFrame) -> UInt8Array:
        """Return the (H, W, 3) uint8 BT.709 pixels of a frame."""
        matrix: Any = self._color.swscale_matrix
        frame.colorspace = matrix
        wide = self._reformatter.reformat(
            frame, format="rgb48le", src_colorspace=matrix,
            src_color_range=self._color.swscale_range, dst_color_range=2,
        )  # fmt: skip
        light = cv2.transform(self._linear[wide.to_ndarray()], _TO_BT709)
        # Finer steps in the dark, where the code values lie close together.
        steps = np.sqrt(np.clip(light / _BRIGHTEST, 0, 1)) * (_STEPS * 16 - 1)
        return np.asarray(self._encoded[steps.astype(np.uint16)], np.uint8)


def _linear_light(transfer: str, signal: npt.NDArray[np.float64]) -> FloatArray:
    """Return linear light, 1 for diffuse white, of signal values in 0..1."""
    if transfer == "smpte2084":
        power = signal ** (1 / 78.84375)
        light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
        return np.asarray(light ** (1 / 0.1593017578125) * _PQ_PEAK_NITS / _WHITE_NITS, np.float32)
    if transfer == "arib-std-b67":
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        return np.asarray(light / _HLG_WHITE, np.float32)
    return np.asarray(signal**_DISPLAY_GAMMA, np.float32)


def _display_codes() -> UInt8Array:
    """Return the 8 bit codes of linear light, by the square root of its share of the most."""
    light = np.linspace(0, 1, _STEPS * 16) ** 2 * _BRIGHTEST
    room = 1 - _KNEE
    soft = _KNEE + room * (1 - np.exp(-(light - _KNEE) / room))
    shown = np.where(light <= _KNEE, light, soft) ** (1 / _DISPLAY_GAMMA)
    return np.asarray(np.rint(shown * 255), np.uint8)
