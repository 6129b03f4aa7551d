"""Fits masktalk/faces/covered.json: how to blend what mesh and detectors say of a hidden mouth.

Paints random covers over portraits whose mouths can be seen, looks at them as the locator
does, and fits one small ridge regression for each set of sources. Only these coefficients
enter the package. Says how far off mouths are that it was not fitted on (one portrait left
out at a time), and how well the strength of the guess tells covered from bare.

    python scripts/fit_covered.py FOLDER_OF_PORTRAITS [COVERS_OF_EACH_KIND]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import masktalk
from masktalk.faces.covered import EyeFrame, guess_strength
from masktalk.faces.occluders import COVERS, cover_mouth
from masktalk.faces.multi_crop import MultiCropEstimator, MultiCropEstimate, mesh_roi
from masktalk.landmarks import MOUTH
from masktalk.types import FloatArray, UInt8Array

Doubles = npt.NDArray[np.float64]

SOURCES = (("mesh",), ("mesh", "short"), ("mesh", "full"), ("mesh", "short", "full"))
RIDGE = 0.3
# Where not even the eyes were found there is nothing to learn about the mouth.
EYES_FOUND = 0.15


@dataclass(frozen=True, eq=False)
class Sample:
    """One covered picture: who it shows, what was said, and where the mouth really is."""

    who: str
    said: dict[str, Doubles]
    truth: Doubles
    guess: float


def main(folder: Path, count: int) -> None:
    samples: list[Sample] = []
    bare: list[float] = []
    with MultiCropEstimator() as examiner:
        for path in sorted(folder.glob("*.jpg")):
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            look = steady_look(examiner, pixels)
            if look is None:
                sys.stderr.write(f"{path}: no face, left out\n")
                continue
            bare.append(guess_strength(look))
            samples += covered(examiner, path.stem, pixels, look.mesh, count)
    blends = {"+".join(sources): fit(samples, sources) for sources in SOURCES}
    away = np.concatenate([left_out(samples, who) for who in sorted({s.who for s in samples})])
    report = {
        "samples": len(samples),
        "left_out_median": round(float(np.median(away)), 4),
        "left_out_within_0.15": round(float((away < 0.15).mean()), 4),
        "bare_guess_99": round(float(np.quantile(bare, 0.99)), 4),
        "covered_guess_1": round(float(np.quantile([s.guess for s in samples], 0.01)), 4),
    }
    target = Path(masktalk.__file__).parent / "faces" / "covered.json"
    target.write_text(json.dumps({"blends": blends, "measured": report}, indent=1) + "\n")
    sys.stdout.write(json.dumps(report) + "\n")


def steady_look(examiner: MultiCropEstimator, pixels: UInt8Array) -> MultiCropEstimate | None:
    """The first face that is detected, looked at closely."""
    regions = examiner.detect(pixels, 0.5)
    if not regions:
        return None
    mesh, score = examiner.glance(pixels, regions[0])
    return examiner.look(pixels, mesh_roi(mesh)) if score > 0.5 else None


def covered(
    examiner: MultiCropEstimator, who: str, pixels: UInt8Array, mesh: FloatArray, count: int
) -> Iterator[Sample]:
    """Samples of one portrait under every kind of cover."""
    rng = np.random.default_rng(sum(map(ord, who)))
    real = EyeFrame(mesh)
    for kind in COVERS * count:
        picture = cover_mouth(pixels, mesh, kind, rng)
        look = steady_look(examiner, picture)
        if look is None:
            continue
        frame = EyeFrame(look.mesh)
        if np.linalg.norm(frame.origin - real.origin) > EYES_FOUND * real.unit:
            continue
        said = frame.sources(look.mesh, examiner.support(picture, look.mesh).keypoints)
        truth = frame.of(mesh[list(MOUTH), :2].mean(axis=0))
        yield Sample(who, said, truth, guess_strength(look))


def table(samples: list[Sample], sources: tuple[str, ...]) -> tuple[Doubles, Doubles]:
    """(N, points, 2) what the sources said and (N, 2) the truth."""
    complete = [s for s in samples if all(name in s.said for name in sources)]
    said = [np.concatenate([s.said[name] for name in sources]) for s in complete]
    return np.stack(said), np.stack([s.truth for s in complete])


def fit(samples: list[Sample], sources: tuple[str, ...]) -> dict[str, object]:
    """Coefficients for right (without a constant: faces are symmetric) and for down."""
    said, truth = table(samples, sources)
    right, _ = ridge(said[..., 0], truth[:, 0], centred=False)
    down, lower = ridge(said[..., 1], truth[:, 1], centred=True)
    return {"right": rounded(right), "down": rounded(down), "lower": round(lower, 4)}


def ridge(x: Doubles, y: Doubles, centred: bool) -> tuple[Doubles, float]:
    """Weights and constant of a ridge regression."""
    x_mean, y_mean = (x.mean(axis=0), y.mean()) if centred else (np.zeros(x.shape[1]), 0.0)
    x, y = x - x_mean, y - y_mean
    weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
    return weights, float(y_mean - x_mean @ weights)


def rounded(weights: Doubles) -> list[float]:
    return [round(float(weight), 4) for weight in weights]


def left_out(samples: list[Sample], who: str) -> Doubles:
    """(N,) how far off the mouths of one portrait are when the fit never saw it."""
    others = [s for s in samples if s.who != who]
    said, truth = table([s for s in samples if s.who == who], SOURCES[-1])
    blend = fit(others, SOURCES[-1])
    right = said[..., 0] @ np.array(blend["right"])
    down = said[..., 1] @ np.array(blend["down"]) + blend["lower"]
    return np.asarray(np.hypot(right - truth[:, 0], down - truth[:, 1]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
