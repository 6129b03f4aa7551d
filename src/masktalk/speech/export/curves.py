"""Formats with a value a step."""

from __future__ import annotations

import csv
import io
import json

import numpy as np

from masktalk.speech.export.subject import ExportInput
from masktalk.speech.gestures import REST_WIDTH, measures
from masktalk.types import CHANNELS, FloatArray

_LIVELINK_RATE = 60
# ARKit's 52 blendshapes in the order in which Live Link Face writes them, then its rotations.
_LIVELINK = [
    "EyeBlinkLeft",
    "EyeLookDownLeft",
    "EyeLookInLeft",
    "EyeLookOutLeft",
    "EyeLookUpLeft",
    "EyeSquintLeft",
    "EyeWideLeft",
    "EyeBlinkRight",
    "EyeLookDownRight",
    "EyeLookInRight",
    "EyeLookOutRight",
    "EyeLookUpRight",
    "EyeSquintRight",
    "EyeWideRight",
    "JawForward",
    "JawRight",
    "JawLeft",
    "JawOpen",
    "MouthClose",
    "MouthFunnel",
    "MouthPucker",
    "MouthRight",
    "MouthLeft",
    "MouthSmileLeft",
    "MouthSmileRight",
    "MouthFrownLeft",
    "MouthFrownRight",
    "MouthDimpleLeft",
    "MouthDimpleRight",
    "MouthStretchLeft",
    "MouthStretchRight",
    "MouthRollLower",
    "MouthRollUpper",
    "MouthShrugLower",
    "MouthShrugUpper",
    "MouthPressLeft",
    "MouthPressRight",
    "MouthLowerDownLeft",
    "MouthLowerDownRight",
    "MouthUpperUpLeft",
    "MouthUpperUpRight",
    "BrowDownLeft",
    "BrowDownRight",
    "BrowInnerUp",
    "BrowOuterUpLeft",
    "BrowOuterUpRight",
    "CheekPuff",
    "CheekSquintLeft",
    "CheekSquintRight",
    "NoseSneerLeft",
    "NoseSneerRight",
    "TongueOut",
    "HeadYaw",
    "HeadPitch",
    "HeadRoll",
    "LeftEyeYaw",
    "LeftEyePitch",
    "LeftEyeRoll",
    "RightEyeYaw",
    "RightEyePitch",
    "RightEyeRoll",
]
_BLENDSHAPES = 61


def json_text(subject: ExportInput) -> bytes:
    """``{"rate": Hz, "channels": {name: [...]}, "measures": {name: [...]}}``."""
    articulation = subject.articulation
    meant = measures(articulation)
    document = {
        "rate": articulation.frame_rate,
        "channels": {name: _rounded(articulation.channel(name)) for name in CHANNELS},
        "measures": {
            "aperture": _rounded(meant.aperture),
            "width": _rounded(meant.width),
            "closure": _rounded(meant.closure),
        },
        "voice": _rounded(articulation.voice),
    }
    return json.dumps(document).encode()


def csv_text(subject: ExportInput) -> bytes:
    """Return a header, then a row a step: time in seconds, the channels, the measures."""
    articulation = subject.articulation
    meant = measures(articulation)
    columns = np.column_stack(
        [articulation.values, meant.aperture, meant.width, meant.closure]
    ).tolist()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", *CHANNELS, "aperture", "width", "closure"])
    for index, row in enumerate(columns):
        time = float(articulation.time) + index / articulation.frame_rate
        writer.writerow([f"{time:.4f}", *(f"{value:.5f}" for value in row)])
    return out.getvalue().encode()


def livelink_text(subject: ExportInput) -> bytes:
    """CSV as Apple's Live Link Face records it: 60 rows a second with a timecode."""
    articulation = subject.articulation
    column = {name[0].upper() + name[1:]: index for index, name in enumerate(CHANNELS)}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["Timecode", "BlendShapeCount", *_LIVELINK])
    for frame in range(int(articulation.duration * _LIVELINK_RATE)):
        values = articulation.at(float(articulation.time) + frame / _LIVELINK_RATE)
        seconds, rest = divmod(frame, _LIVELINK_RATE)
        hours, minutes = seconds // 3600, seconds // 60 % 60
        code = f"{hours:02d}:{minutes:02d}:{seconds % 60:02d}:{rest:02d}.000"
        cells = [f"{values[column[name]]:.6f}" if name in column else "0" for name in _LIVELINK]
        writer.writerow([code, _BLENDSHAPES, *cells])
    return out.getvalue().encode()


def vrm_text(subject: ExportInput) -> bytes:
    """``{"rate": Hz, "expressions": {"aa": [...], "ih", "ou", "ee", "oh"}}``, VRM 1.0's names."""
    weights = vrm_weights(subject)
    document = {
        "rate": subject.articulation.frame_rate,
        "expressions": {name: _rounded(values) for name, values in weights.items()},
    }
    return json.dumps(document).encode()


def vrm_weights(subject: ExportInput) -> dict[str, FloatArray]:
    """(N,) weights of VRM's five mouth expressions; together they never exceed 1."""
    meant = measures(subject.articulation)
    amount = np.clip(meant.aperture / 0.16, 0, 1)
    narrow = np.clip((REST_WIDTH - meant.width) / 0.07, 0, 1)
    spread = np.clip((meant.width - REST_WIDTH) / 0.05, 0, 1)
    wide_open = np.clip((meant.aperture - 0.05) / 0.1, 0, 1)
    strength = np.clip(np.maximum(amount, np.maximum(narrow, spread) * 0.6), 0, 1)
    plain = 1 - np.maximum(narrow, spread)
    shares = {
        "aa": plain * wide_open + 0.5 * spread * wide_open,
        "ih": plain * (1 - wide_open),
        "ou": narrow * (1 - wide_open),
        "ee": spread * (1 - 0.5 * wide_open),
        "oh": narrow * wide_open,
    }
    return {name: (share * strength).astype(np.float32) for name, share in shares.items()}


def _rounded(values: FloatArray) -> list[float]:
    return [round(float(value), 5) for value in values]
