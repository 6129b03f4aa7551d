"""Encode a session's ticks once, for all who watch: H.264 and Opus, as packets and as MP4."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from masktalk.numerics import to_pcm16
from masktalk.option_fields import described
from masktalk.types import Frame, UInt8Array

if TYPE_CHECKING:
    from masktalk.session.options import Tick

#: RTP's clock of video; MP4 uses the same here.
VIDEO_CLOCK_HZ = 90_000
_OPUS_BITRATE = 48_000
#: Fragments as soon as a packet is there; a header that needs none of them.
_MP4_FLAGS = "frag_every_frame+empty_moov+default_base_moof"


@dataclass(frozen=True)
class EncodingOptions:
    """Options of a live session's encoding.

    Attributes:
        max_side: Pixels of the longer side; larger frames are scaled down.
        crf: Constant rate factor of H.264.
        preset: x264's preset.
        max_bitrate: Bits per second of video.
        keyframe_s: Seconds between keyframes; a new viewer asks for one of its own.
        background: Colour behind a transparent avatar, which video cannot keep.
    """

    max_side: int = described(720, "Longer side of live video in pixels.")
    crf: int = described(23, "Quality of live video, 0 (best) to 51.")
    preset: str = described("ultrafast", "x264's preset for live video.")
    max_bitrate: int = described(4_000_000, "Bits per second of live video.")
    keyframe_s: float = described(2.0, "Seconds between keyframes.")
    background: tuple[int, int, int] = (16, 14, 21)

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height of the video of frames of a size, both even."""
        scale = min(1.0, self.max_side / max(width, height))
        return max(int(width * scale) // 2 * 2, 2), max(int(height * scale) // 2 * 2, 2)


@dataclass(frozen=True, eq=False)
class EncodedPacket:
    """A packet of H.264 (Annex B, parameter sets before keyframes) or Opus.

    Attributes:
        data: The packet.
        time: Seconds since the session began.
        is_keyframe: Whether decoding can begin here.
    """

    data: bytes
    time: Fraction
    is_keyframe: bool


@dataclass(frozen=True, eq=False)
class EncodedTick:
    """The encoder's output of one tick.

    Attributes:
        video: Packets of H.264; none where the frame was dropped.
        audio: Packets of Opus, 20 ms each.
        fragments: Fragments of MP4 with both.
    """

    video: tuple[EncodedPacket, ...]
    audio: tuple[EncodedPacket, ...]
    fragments: bytes


class LiveEncoder:
    """Encodes ticks; nothing waits for a later one, except for a fragment's duration.

    Args:
        size: Width and height of the session's frames.
        rate: Frames per second.
        audio_rate: Samples per second.
        options: How.
    """

    def __init__(
        self, size: tuple[int, int], rate: Fraction, audio_rate: int, options: EncodingOptions
    ) -> None:
        self._options, self._audio_rate = options, audio_rate
        #: Width and height of the video.
        self.size = options.size_for(*size)
        self._sink = _Sink()
        self._container: Any = av.open(
            self._sink, "w", format="mp4", options={"movflags": _MP4_FLAGS}
        )
        self._video = self._add_video(rate)
        self._audio = self._container.add_stream("libopus", rate=audio_rate, layout="mono")
        self._audio.bit_rate = _OPUS_BITRATE
        self._container.start_encoding()
        #: What a viewer of the MP4 needs before any fragment.
        self.init_segment = self._sink.take()
        self._parameter_sets = bytes(self._video.codec_context.extradata)
        self._keyframe_wanted = True
        self._samples = 0

    def request_keyframe(self) -> None:
        """Make the next frame one at which decoding can begin."""
        self._keyframe_wanted = True

    def encode(self, tick: Tick) -> EncodedTick:
        """Encode the frame and the audio of a tick."""
        video, audio = [], []
        if tick.frame is not None:
            for packet in self._video.encode(self._planes(tick.frame, tick.time)):
                video.append(self._taken(packet, self._parameter_sets))
                self._container.mux(packet)
        for packet in self._audio.encode(self._sound(tick.audio.samples)):
            audio.append(self._taken(packet))
            self._container.mux(packet)
        return EncodedTick(tuple(video), tuple(audio), self._sink.take())

    def close(self) -> None:
        """Free the encoders."""
        self._container.close()

    def _add_video(self, rate: Fraction) -> Any:
        stream = self._container.add_stream("libx264", rate=rate)
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        bitrate = str(self._options.max_bitrate)
        stream.options = {
            "preset": self._options.preset,
            "tune": "zerolatency",
            "profile": "baseline",
            "crf": str(self._options.crf),
            "maxrate": bitrate,
            "bufsize": bitrate,
            "g": str(max(round(self._options.keyframe_s * rate), 1)),
            "threads": "1",
        }
        return stream

    def _planes(self, frame: Frame, time: Fraction) -> av.VideoFrame:
        pixels = _opaque(frame.pixels, self._options.background)
        rgb = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        planes = rgb.reformat(*self.size, "yuv420p")
        planes.pts = round(time * VIDEO_CLOCK_HZ)
        planes.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        if self._keyframe_wanted:
            planes.pict_type = av.video.frame.PictureType.I
            self._keyframe_wanted = False
        return planes

    def _sound(self, samples: np.ndarray[Any, Any]) -> av.AudioFrame:
        pcm = to_pcm16(samples)
        sound = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        sound.sample_rate = self._audio_rate
        sound.pts, sound.time_base = self._samples, Fraction(1, self._audio_rate)
        self._samples += len(pcm)
        return sound

    def _taken(self, packet: Any, before_keyframe: bytes = b"") -> EncodedPacket:
        """Copy a packet before the muxer takes it over."""
        is_keyframe = bool(packet.is_keyframe)
        data = (before_keyframe if is_keyframe else b"") + bytes(packet)
        return EncodedPacket(data, Fraction(packet.pts * packet.time_base), is_keyframe)


class _Sink(io.RawIOBase):
    """Takes what a muxer writes, to be fetched piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _opaque(pixels: UInt8Array, background: tuple[int, int, int]) -> UInt8Array:
    """Return (H, W, 3) uint8 pixels on a background colour, contiguous.

    Args:
        pixels: (H, W, 3|4) uint8.
        background: Red, green and blue, 0 to 255.
    """
    if pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels)
    alpha = pixels[..., 3:].astype(np.uint16)
    ground = np.array(background, np.uint16)
    mixed = (pixels[..., :3] * alpha + ground * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)
