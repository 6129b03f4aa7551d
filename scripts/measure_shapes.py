"""Measures masktalk/speech/data/shapes.json: what the mouth looks like in each phone.

Hears recordings of talking people as the articulator does and regresses what their mouths did
on the smoothed phone posteriors. Every recording is standardised first, so that one number
per phone and measure is all that is kept of anybody; an average mouth gives the scale.

    python scripts/measure_shapes.py TRACKED_FOLDER SOUND_FOLDER OUT.json [LEFT_OUT_NAME]

TRACKED_FOLDER holds NAME.npz with t (s), aperture and width (in distances between the outer
eye corners) and av_offset (s, how far the picture is behind); SOUND_FOLDER holds NAME.wav.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from masktalk.media import read_audio
from masktalk.media.resampling import SPEECH_RATE
from masktalk.speech.acoustic import load_acoustic_model
from masktalk.speech.coarticulation import dominance
from masktalk.speech.adapted_phones import SpeakerAdaptedPhones
from masktalk.speech.phones import INDEX
from masktalk.speech.shapes import APERTURE_SPREAD, FUTURE, PAST, WIDTH_SPREAD
from masktalk.speech.spectrum import STEP_RATE, Spectrum
from masktalk.speech.stages import Smoother
from masktalk.types import FloatArray

Doubles = npt.NDArray[np.float64]

MEASURES = ("aperture", "width")
SPREADS = (APERTURE_SPREAD, WIDTH_SPREAD)
LIPS = ("P", "B", "M")
#: Middle and spread of the measures over an average mouth.
MIDDLE, SCALE = (0.081, 0.562), (0.057, 0.036)
#: Pull of a phone: its dominance, weakened; noises pull as pauses do.
WEAKENING, NOISE = 0.6, 0.7
RIDGE = 20.0


def pulls(phones: tuple[str, ...]) -> FloatArray:
    """(P, 2) how strongly each phone insists on aperture and width."""
    rows = []
    for name in phones:
        known = dominance()[INDEX[name], :2] if name in INDEX else np.ones(2)
        rows.append(np.full(2, NOISE) if name.startswith("+") else known)
    return np.asarray(np.array(rows) ** WEAKENING, np.float32)


def posteriors(sound: Path) -> FloatArray:
    """(N, P) phone posteriors of a whole recording."""
    spectrum, hearing = Spectrum(), SpeakerAdaptedPhones()
    samples = read_audio(sound, SPEECH_RATE).samples
    power = np.concatenate([spectrum.push(samples), spectrum.flush()])
    return np.concatenate([hearing.push(power), hearing.flush()])


def smoothed(rows: FloatArray, spread: float) -> FloatArray:
    """The same over time as ``ShapeStage`` averages, one column a phone."""
    smoother = Smoother((spread,) * rows.shape[1], PAST, FUTURE)
    return np.concatenate([smoother.push(rows), smoother.flush()])


def measure(tracked: list[Path], sounds: Path) -> Doubles:
    """(P, 2) mean aperture and width of every phone."""
    pull = pulls(load_acoustic_model().phones)
    count = len(pull)
    squares = np.stack([RIDGE * np.eye(count)] * 2)
    products = np.zeros((2, count))
    for path in tracked:
        heard = posteriors(sounds / f"{path.stem}.wav")
        seconds = np.arange(len(heard)) / STEP_RATE
        with np.load(path, allow_pickle=False) as mouth:
            clock = mouth["t"] - float(mouth["av_offset"])
            inside = (seconds >= clock[0]) & (seconds <= clock[-1])
            for k, name in enumerate(MEASURES):
                truth = np.interp(seconds, clock, mouth[name])[inside]
                truth = (truth - truth.mean()) / truth.std()
                weights = smoothed(heard * pull[:, k], SPREADS[k])
                weights = (weights / weights.sum(axis=1, keepdims=True))[inside]
                squares[k] += weights.T @ weights
                products[k] += weights.T @ truth
    shapes = np.column_stack([np.linalg.solve(squares[k], products[k]) for k in (0, 1)])
    return np.asarray(shapes * SCALE + MIDDLE)


def main(tracked: Path, sounds: Path, out: Path, left_out: str | None = None) -> None:
    paths = [path for path in sorted(tracked.glob("*.npz")) if path.stem != left_out]
    if not paths:
        sys.exit(f"{tracked}: no NAME.npz of tracked mouths there")
    phones = load_acoustic_model().phones
    table: dict[str, dict[str, float]] = {}
    for name, shape, pull in zip(phones, measure(paths, sounds), pulls(phones), strict=True):
        row = {measure: round(float(shape[k]), 4) for k, measure in enumerate(MEASURES)}
        row |= {f"{measure}_pull": round(float(pull[k]), 3) for k, measure in enumerate(MEASURES)}
        table[name] = row | ({"lips": 1.0} if name in LIPS else {})
    out.write_text(json.dumps(table, indent=1), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
