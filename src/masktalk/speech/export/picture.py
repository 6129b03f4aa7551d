"""A picture for people: the waveform, the curves and where the lips meet."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from masktalk.speech.export.subject import ExportInput
from masktalk.speech.gestures import REST_WIDTH, measures
from masktalk.types import CHANNELS, FloatArray

_PER_SECOND = 160
_MARGIN = 150
_PANEL = 96
_GAP = 14
_PAPER, _INK, _GRID, _MET = (252, 252, 250), (40, 44, 52), (222, 224, 228), (250, 214, 165)
_COLOURS = ((31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189), (140, 86, 75))


def png_bytes(subject: ExportInput) -> bytes:
    """Panels over time: sound, aperture, width, closure, then the channels that move."""
    articulation = subject.articulation
    meant = measures(articulation)
    panels: list[tuple[str, FloatArray, float, float]] = [
        ("aperture", meant.aperture, 0.0, 0.3),
        ("width", meant.width, REST_WIDTH - 0.12, REST_WIDTH + 0.12),
        ("closure", meant.closure, 0.0, 1.0),
    ]
    seen: set[str] = set()
    for name in CHANNELS:
        stem = name.removesuffix("Left").removesuffix("Right")
        values = articulation.channel(name)
        if stem not in seen and values.max(initial=0.0) > 0.02:
            seen.add(stem)
            panels.append((stem, values, 0.0, 1.0))
    seconds = float(articulation.duration)
    width = _MARGIN + max(int(seconds * _PER_SECOND), 200) + 20
    height = 40 + (len(panels) + 1) * (_PANEL + _GAP)
    image = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(image)
    _shade(draw, meant.closure > 0.5, articulation.frame_rate, height)
    _clock(draw, seconds, height)
    _waveform(draw, subject, 30)
    for index, (name, values, low, high) in enumerate(panels, start=1):
        top = 30 + index * (_PANEL + _GAP)
        _curve(draw, values, articulation.frame_rate, top, (low, high), _COLOURS[index % 5])
        draw.text((10, top + _PANEL // 2 - 8), name, fill=_INK, font=_font())
        for value, y in ((high, top), (low, top + _PANEL - 12)):
            draw.text((_MARGIN - 44, y), f"{value:.2f}", fill=_INK, font=_font(11))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _font(size: int = 15) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _shade(draw: ImageDraw.ImageDraw, met: npt.NDArray[np.bool_], rate: int, height: int) -> None:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], met.astype(int), [0]])))
    for start, end in edges.reshape(-1, 2) / rate * _PER_SECOND:
        draw.rectangle((_MARGIN + start, 28, _MARGIN + end, height - 12), fill=_MET)


def _clock(draw: ImageDraw.ImageDraw, seconds: float, height: int) -> None:
    for half in range(int(seconds * 2) + 1):
        x = _MARGIN + half * _PER_SECOND / 2
        draw.line((x, 24, x, height - 12), fill=_GRID)
        if half % 2 == 0:
            draw.text((x + 3, 6), f"{half // 2} s", fill=_INK, font=_font(12))


def _waveform(draw: ImageDraw.ImageDraw, subject: ExportInput, top: int) -> None:
    draw.text((10, top + _PANEL // 2 - 8), "sound", fill=_INK, font=_font())
    if subject.audio is None or not len(subject.audio.samples):
        return
    samples = subject.audio.samples
    columns = max(int(float(subject.audio.duration) * _PER_SECOND), 1)
    loudest = max(float(np.abs(samples).max()), 1e-6)
    middle, half = top + _PANEL / 2, _PANEL / 2 - 2
    for column, part in enumerate(np.array_split(samples, columns)):
        if len(part):
            low, high = float(part.min()) / loudest, float(part.max()) / loudest
            x = _MARGIN + column
            draw.line((x, middle - high * half, x, middle - low * half), fill=_COLOURS[0])


def _curve(
    draw: ImageDraw.ImageDraw,
    values: FloatArray,
    rate: int,
    top: int,
    limits: tuple[float, float],
    colour: tuple[int, int, int],
) -> None:
    low, high = limits
    draw.line((_MARGIN, top + _PANEL, 10_000_000, top + _PANEL), fill=_GRID)
    share = np.clip((values - low) / (high - low), 0, 1)
    xs = _MARGIN + np.arange(len(values)) / rate * _PER_SECOND
    ys = top + _PANEL - share * _PANEL
    points = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
    if len(points) > 1:
        draw.line(points, fill=colour, width=2, joint="curve")
