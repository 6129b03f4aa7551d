"""Streams out: a live session to an RTMP or WHIP server, a UDP or SRT receiver, or a camera."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np

from masktalk.errors import MissingExtraError, OptionError, OutputError
from masktalk.media import Color
from masktalk.media.convert import FromRgb
from masktalk.media.encoders import Quality, configure, pick_encoder
from masktalk.numerics import from_pcm16
from masktalk.session import LiveSession, Tick
from masktalk.types import Audio

#: Muxer and codec of the sound, by the beginning of the address.
_MUXERS = {
    "rtmp": ("flv", "aac"),
    "rtmps": ("flv", "aac"),
    "srt": ("mpegts", "aac"),
    "udp": ("mpegts", "aac"),
    "whip": ("whip", "libopus"),
    "whips": ("whip", "libopus"),
}
_KEYFRAME_S = 2
_QUALITY = Quality(crf=23, preset="veryfast")
#: Seconds of speech that may wait in the session before more is read.
_AHEAD_S = 2.0
_BLOCK_S = 0.1


class Target(ABC):
    """Takes the ticks of a session, in real time."""

    @abstractmethod
    def write(self, tick: Tick) -> None:
        """Send a tick's frame and sound.

        Raises:
            OutputError: The receiver is gone.
        """

    @abstractmethod
    def close(self) -> None:
        """End the stream."""


class StreamTarget(Target):
    """Encodes and sends over a network.

    Args:
        address: ``rtmp://``, ``rtmps://``, ``udp://``, ``srt://`` (where FFmpeg has it), or
            ``whip://`` and ``whips://`` for a WHIP endpoint over http and https.
        size: (width, height) in pixels.
        rate: Frames per second.
        audio_rate: Samples per second.

    Raises:
        OptionError: Nothing is known of such addresses.
        OutputError: The receiver does not answer.
    """

    def __init__(
        self, address: str, size: tuple[int, int], rate: Fraction, audio_rate: int
    ) -> None:
        scheme = address.partition("://")[0].lower()
        if scheme not in _MUXERS:
            raise OptionError(
                f"`to` {address}", "is no known address",
                f"write {', '.join(f'{known}://' for known in _MUXERS)} or camera",
            )  # fmt: skip
        muxer, codec = _MUXERS[scheme]
        self._address = address
        encoder = pick_encoder(".mp4", alpha=False)
        size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        with ExitStack() as stack:
            try:
                url = address.replace("whip", "http", 1) if muxer == "whip" else address
                self._container: Any = av.open(url, "w", format=muxer)
                stack.callback(self._container.close)
                self._video: Any = self._container.add_stream(encoder.name, rate=rate)
                context: Any = self._video.codec_context
                context.width, context.height = size
                context.pix_fmt = "yuv420p"
                configure(context, encoder, _QUALITY, float(size[0] * size[1] * rate))
                context.time_base = 1 / rate
                context.gop_size = max(1, round(_KEYFRAME_S * rate))
                context.max_b_frames = 0
                if encoder.name == "libx264":
                    context.options = {**context.options, "tune": "zerolatency"}
                self._from_rgb = FromRgb(Color.IMAGE, "yuv420p", size)
                Color.IMAGE.tag(context)
                self._sound: Any = self._container.add_stream(codec, rate=audio_rate, layout="mono")
                self._fifo = av.AudioFifo()
                self._container.start_encoding()
            except (av.FFmpegError, OSError, ValueError) as error:
                raise _gone(address, error) from error
            stack.pop_all()

    def write(self, tick: Tick) -> None:
        """See ``Target``."""
        try:
            if tick.frame is not None:
                picture = self._from_rgb(tick.frame.pixels[..., :3])
                picture.pts, picture.time_base = tick.index, self._video.codec_context.time_base
                self._container.mux(self._video.encode(picture))
            self._fifo.write(_audio_frame(tick.audio))
            size = self._sound.codec_context.frame_size or 960
            while (block := self._fifo.read(size)) is not None:
                self._container.mux(self._sound.encode(block))
        except (av.FFmpegError, OSError) as error:
            raise _gone(self._address, error) from error

    def close(self) -> None:
        """See ``Target``."""
        try:
            self._container.mux(self._video.encode(None))
            self._container.mux(self._sound.encode(None))
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise _gone(self._address, error) from error


class CameraTarget(Target):
    """A virtual camera (v4l2loopback, OBS), without sound.

    Args:
        size: (width, height) in pixels.
        rate: Frames per second.
        device: Device, ``/dev/video10``; None for the first.

    Raises:
        MissingExtraError: pyvirtualcam is not installed.
        OutputError: There is no such camera.
    """

    def __init__(self, size: tuple[int, int], rate: Fraction, device: str | None = None) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise MissingExtraError(
                "camera", "pyvirtualcam is not installed", "pip install 'masktalk[camera]'"
            ) from error
        try:
            self._camera = pyvirtualcam.Camera(*size, float(rate), device=device)
        except (RuntimeError, ValueError) as error:
            remedy = "load v4l2loopback, or start OBS's virtual camera once"
            raise OutputError("camera", f"cannot be opened ({error})", remedy) from error

    def write(self, tick: Tick) -> None:
        """See ``Target``."""
        if tick.frame is not None:
            self._camera.send(np.ascontiguousarray(tick.frame.pixels[..., :3]))

    def close(self) -> None:
        """See ``Target``."""
        self._camera.close()


def make_target(address: str, size: tuple[int, int], rate: Fraction, audio_rate: int) -> Target:
    """Return the target of an address: ``camera``, ``camera:/dev/video10``, or a stream's.

    Args:
        address: See there and ``StreamTarget``.
        size: (width, height) in pixels.
        rate: Frames per second.
        audio_rate: Samples per second.
    """
    if address.partition(":")[0] == "camera":
        return CameraTarget(size, rate, address.partition(":")[2] or None)
    return StreamTarget(address, size, rate, audio_rate)


async def broadcast(session: LiveSession, address: str, speech: Iterable[Audio]) -> int:
    """Send a session that says a speech to a target; return the number of frames sent.

    Ends when the speech has been said.

    Args:
        session: Not started yet.
        address: See ``make_target``.
        speech: Blocks of it, which may still be arriving; read in a thread.

    Raises:
        OptionError: Nothing is known of such addresses.
        OutputError: The receiver does not answer, or is gone.
    """
    sent = 0
    async with AsyncExitStack() as stack:
        await session.start()
        stack.push_async_callback(session.close)
        size = (session.width, session.height)
        target = await asyncio.to_thread(
            make_target, address, size, session.rate, session.options.audio_rate
        )
        feeding = asyncio.create_task(_feed(session, iter(speech)))
        try:
            async for tick in session:
                await asyncio.to_thread(target.write, tick)
                sent += tick.frame is not None
                if feeding.done() and not session.speaking:
                    feeding.result()
                    break
        finally:
            feeding.cancel()
            await asyncio.to_thread(target.close)
    return sent


async def _feed(session: LiveSession, speech: Iterator[Audio]) -> None:
    while (block := await asyncio.to_thread(next, speech, None)) is not None:
        while session.queued > _AHEAD_S:
            await asyncio.sleep(_BLOCK_S / 2)
        session.push_audio(block.samples, block.sample_rate)
    session.flush()


def pcm_blocks(stream: BinaryIO, rate: int) -> Iterator[Audio]:
    """Yield raw PCM (mono, signed 16 bit, little endian) as it arrives.

    Args:
        stream: For instance standard input.
        rate: Samples per second.
    """
    size, done, rest = round(_BLOCK_S * rate) * 2, 0, b""
    while read := stream.read(size):
        whole = len(rest + read) // 2 * 2
        content, rest = (rest + read)[:whole], (rest + read)[whole:]
        samples = from_pcm16(np.frombuffer(content, "<i2"))
        yield Audio(samples, rate, Fraction(done, rate))
        done += len(samples)


def _audio_frame(audio: Audio) -> av.AudioFrame:
    samples = np.ascontiguousarray(audio.samples[None], np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate = audio.sample_rate
    frame.pts = None
    return frame


def _gone(address: str, error: Exception) -> OutputError:
    said = getattr(error, "strerror", None) or str(error)
    return OutputError(address, f"cannot be sent to ({said})", "check the address and receiver")
