"""Formats that name one mouth shape at a time: Rhubarb Lip Sync's, and WebVTT.

The shapes are Hanna-Barbera's as Rhubarb names them: A lips closed (p b m), B teeth together
(k s t, ee), C open (eh ae), D wide open (aa), E rounded (er ao), F puckered (uw ow w), G
lower lip under the teeth (f v), H tongue up (l), X nobody speaks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from masktalk.speech.export.subject import ExportInput
from masktalk.speech.gestures import REST_WIDTH, measures

_SHAPES = "ABCDEFGHX"
#: A shape that lasts shorter than this many seconds gives way to its neighbour.
_SHORTEST = 0.045
_PAUSE = 0.2


@dataclass(frozen=True)
class Cue:
    """One mouth shape.

    Attributes:
        start: Seconds.
        end: Seconds.
        shape: A to H, or X.
    """

    start: float
    end: float
    shape: str


def cues_of(subject: ExportInput) -> list[Cue]:
    """Return the mouth shapes one after another, without gap, over the whole articulation."""
    articulation = subject.articulation
    codes = _codes(subject)
    runs: list[list[int]] = []
    for index, code in enumerate(codes):
        if runs and runs[-1][2] == code:
            runs[-1][1] = index + 1
        else:
            runs.append([index, index + 1, int(code)])
    least = {_SHAPES.index("X"): round(_PAUSE * articulation.frame_rate)}
    shortest = round(_SHORTEST * articulation.frame_rate)
    kept: list[list[int]] = []
    for run in runs:
        short = run[1] - run[0] < least.get(run[2], shortest)
        if kept and (short or kept[-1][2] == run[2]):
            kept[-1][1] = run[1]
        else:
            kept.append(run)
    offset, rate = float(articulation.time), articulation.frame_rate
    return [Cue(offset + a / rate, offset + b / rate, _SHAPES[code]) for a, b, code in kept]


def _codes(subject: ExportInput) -> npt.NDArray[np.int64]:
    """(N,) index into ``_SHAPES`` of every step."""
    articulation = subject.articulation
    meant = measures(articulation)
    still = articulation.values.max(axis=1) < 0.01
    pressed = articulation.channel("mouthPressLeft") > 0.22
    tucked = (articulation.channel("mouthRollLower") > 0.25) & ~pressed
    narrow = meant.width < REST_WIDTH - 0.03
    conditions = [
        still,
        pressed | ((meant.aperture < 0.012) & ~narrow),
        tucked,
        (articulation.channel("tongueOut") > 0.12) & (meant.aperture > 0.03),
        narrow & (meant.aperture < 0.08),
        narrow,
        meant.aperture < 0.06,
        meant.aperture < 0.13,
    ]
    choices = [_SHAPES.index(shape) for shape in "XAGHFEBC"]
    return np.select(conditions, choices, default=_SHAPES.index("D"))


def rhubarb_tsv(subject: ExportInput) -> bytes:
    """Start and shape a line; the last line says when it ends."""
    cues = cues_of(subject)
    lines = [f"{cue.start:.2f}\t{cue.shape}" for cue in cues]
    if cues:
        lines.append(f"{cues[-1].end:.2f}\tX")
    return ("\n".join(lines) + "\n").encode()


def rhubarb_xml(subject: ExportInput) -> bytes:
    """As ``rhubarb -f xml`` writes it."""
    duration = float(subject.articulation.duration)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<rhubarbResult>", "  <metadata>"]
    lines.append(f"    <soundFile>{escape(subject.source)}</soundFile>")
    lines.append(f"    <duration>{duration:.2f}</duration>")
    lines += ["  </metadata>", "  <mouthCues>"]
    lines += [
        f'    <mouthCue start="{cue.start:.2f}" end="{cue.end:.2f}">{cue.shape}</mouthCue>'
        for cue in cues_of(subject)
    ]
    lines += ["  </mouthCues>", "</rhubarbResult>"]
    return ("\n".join(lines) + "\n").encode()


def rhubarb_json(subject: ExportInput) -> bytes:
    """As ``rhubarb -f json`` writes it."""
    document = {
        "metadata": {
            "soundFile": subject.source,
            "duration": round(float(subject.articulation.duration), 2),
        },
        "mouthCues": [
            {"start": round(cue.start, 2), "end": round(cue.end, 2), "value": cue.shape}
            for cue in cues_of(subject)
        ],
    }
    return json.dumps(document, indent=2).encode()


def webvtt(subject: ExportInput) -> bytes:
    """One WebVTT cue a mouth shape."""
    blocks = [
        f"{_clock(cue.start)} --> {_clock(cue.end)}\n{cue.shape}\n" for cue in cues_of(subject)
    ]
    return ("WEBVTT\n\n" + "\n".join(blocks)).encode()


def _clock(seconds: float) -> str:
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
