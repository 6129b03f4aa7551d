"""Small pictures, videos and sounds of many kinds, made here."""

from fractions import Fraction

import av
import numpy as np
import pytest


def quadrants(width=96, height=64, alpha=False):
    """Red, green / blue, white; with alpha 0, 255 / 128, 255."""
    pixels = np.zeros((height, width, 4 if alpha else 3), np.uint8)
    top, left = slice(0, height // 2), slice(0, width // 2)
    bottom, right = slice(height // 2, height), slice(width // 2, width)
    pixels[top, left, :3] = (220, 20, 20)
    pixels[top, right, :3] = (20, 220, 20)
    pixels[bottom, left, :3] = (20, 20, 220)
    pixels[bottom, right, :3] = (230, 230, 230)
    if alpha:
        pixels[..., 3] = 255
        pixels[top, left, 3] = 0
        pixels[bottom, left, 3] = 128
    return pixels


def corners(pixels):
    """Colours in the middle of the four quadrants: top left, top right, bottom left and right."""
    height, width = pixels.shape[:2]
    places = [(1, 1), (1, 3), (3, 1), (3, 3)]
    return [pixels[height * y // 4, width * x // 4].astype(int) for y, x in places]


def smooth(width=96, height=64, shift=0):
    """Soft waves of colour, which 4:2:0 keeps well."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin((x + shift) / 17), np.cos(y / 13), np.sin((x + y + 2 * shift) / 23)]
    return np.stack([128 + 90 * wave for wave in waves], axis=-1).astype(np.uint8)


@pytest.fixture
def make_video(tmp_path):
    """A function that encodes a video with PyAV; see its arguments."""

    def make(
        name="video.mp4",
        *,
        codec="libx264",
        pixel_format="yuv420p",
        count=12,
        size=(96, 64),
        rate=Fraction(25),
        options=None,
        picture=None,
        rotation=None,
        tags=None,
        stamps=None,
        aspect=None,
        container_options=None,
    ):
        """``tags``: matrix, primaries, transfer, range; ``stamps``: pts in milliseconds."""
        path = tmp_path / name
        base = Fraction(1, 1000) if stamps else 1 / rate
        with av.open(f"file:{path}", "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            context = stream.codec_context
            context.width, context.height = size
            context.pix_fmt = pixel_format
            context.time_base = base
            if tags:
                context.colorspace, context.color_primaries = tags[:2]
                context.color_trc, context.color_range = tags[2:]
            if aspect:
                context.sample_aspect_ratio = aspect
            if rotation is not None:
                stream.set_display_rotation(*rotation)
            for index in range(count):
                pixels = picture(index) if picture else smooth(*size, shift=4 * index)
                form = "rgba" if pixels.shape[2] == 4 else "rgb24"
                frame = av.VideoFrame.from_ndarray(pixels, form).reformat(
                    format=pixel_format,
                    dst_colorspace=tags[0] if tags else None,
                    dst_color_range=tags[3] if tags else None,
                )
                frame.pts = stamps[index] if stamps else index
                frame.time_base = base
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def make_sound(tmp_path):
    """A function that encodes sound with PyAV: samples are (channels, n) float in [-1, 1]."""

    def make(name, samples, rate, codec, layout):
        path = tmp_path / name
        with av.open(f"file:{path}", "w") as container:
            stream = container.add_stream(codec, rate=rate)
            stream.codec_context.layout = layout
            convert = av.AudioResampler(stream.codec_context.format, layout, rate)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples, np.float32), "fltp", layout
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            for part in [*convert.resample(frame), *convert.resample(None)]:
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return path

    return make


def tone(seconds, rate, channels=1, pitch=220.0):
    """(channels, n) float32 sine."""
    time = np.arange(round(seconds * rate)) / rate
    return np.tile(0.5 * np.sin(2 * np.pi * pitch * time), (channels, 1)).astype(np.float32)


def lengths(path):
    """(seconds of sound, frames, codec of sound) of what a file decodes to."""
    with av.open(f"file:{path}") as container:
        stream = container.streams.audio[0]
        samples = sum(frame.samples for frame in container.decode(stream))
        sound = Fraction(samples, stream.codec_context.sample_rate), stream.codec_context.name
    with av.open(f"file:{path}") as container:
        frames = sum(1 for _ in container.decode(video=0))
    return sound[0], frames, sound[1]
