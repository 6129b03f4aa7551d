"""Augmentation by codecs of telephones, conferences and small files."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import numpy as np
from scipy.signal import fftconvolve

from masktalk.media.resampling import SPEECH_RATE
from masktalk.numerics import to_pcm16
from masktalk.types import Audio, FloatArray

#: Longest delay of a codec that is taken back, seconds.
_DELAY = 0.1


@dataclass(frozen=True)
class Codec:
    """One way to code speech.

    Attributes:
        encoder: FFmpeg's name.
        container: FFmpeg's name of the file format.
        rate: Samples a second that it works at.
        bits: A second; 0 leaves it to the codec.
        layout: Sample format of the encoder.
    """

    encoder: str
    container: str
    rate: int
    bits: int = 0
    layout: str = "s16"


CODECS: dict[str, Codec] = {
    "telephone": Codec("pcm_mulaw", "wav", 8000),
    "mobile": Codec("libopencore_amrnb", "amr", 8000, 7950),
    "mobile-far": Codec("libopencore_amrnb", "amr", 8000, 5150),
    "wideband": Codec("g722", "wav", 16000),
    "conference": Codec("libopus", "ogg", 16000, 9000),
    "conference-good": Codec("libopus", "ogg", 16000, 20000),
    "small-file": Codec("libmp3lame", "mp3", 16000, 16000, "s16p"),
}


def coded(audio: Audio, codec: Codec) -> Audio:
    """Return the (N,) samples after the codec, of equal length and in time with them."""
    decoded = _decoded(_encoded(audio, codec), codec)
    samples = _in_time(audio.samples, decoded)
    return Audio(samples, SPEECH_RATE)


def _encoded(audio: Audio, codec: Codec) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format=codec.container) as container:
        track = container.add_stream(codec.encoder, rate=codec.rate)
        assert isinstance(track, av.AudioStream)
        track.codec_context.layout = "mono"
        track.codec_context.format = codec.layout
        if codec.bits:
            track.bit_rate = codec.bits
        resampler = av.AudioResampler(codec.layout, "mono", codec.rate, track.frame_size or 0)
        pcm = to_pcm16(audio.samples)
        frame = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
        frame.sample_rate = SPEECH_RATE
        for source in (frame, None):
            for part in resampler.resample(source):
                container.mux(track.encode(part))
        container.mux(track.encode(None))
    return stream.getvalue()


def _decoded(data: bytes, codec: Codec) -> FloatArray:
    resampler = av.AudioResampler("flt", "mono", SPEECH_RATE)
    parts = []
    with av.open(io.BytesIO(data), format=codec.container) as container:
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.asarray(np.concatenate(parts), np.float32)


def _in_time(before: FloatArray, after: FloatArray) -> FloatArray:
    """Shift ``after`` to where it is most like ``before``, (N,)."""
    likeness = fftconvolve(after, before[::-1])
    reach = int(_DELAY * SPEECH_RATE)
    zero = len(before) - 1
    near = likeness[max(zero - reach, 0) : zero + reach + 1]
    delay = int(np.abs(near).argmax()) - min(reach, zero)
    moved = after[delay:] if delay >= 0 else np.concatenate([np.zeros(-delay, np.float32), after])
    padding = np.zeros(max(len(before) - len(moved), 0), np.float32)
    return np.asarray(np.concatenate([moved, padding])[: len(before)], np.float32)
