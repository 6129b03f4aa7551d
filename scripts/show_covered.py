"""Draws where masked mouths are found beside where they are, for eyes to judge.

    python scripts/show_covered.py FOLDER OUT.png

FOLDER holds NAME.KIND.jpg pictures and truth.json: NAME -> interocular, mouth, chin,
left_corner, right_corner in pixels. Crosses are true, dots are found.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from masktalk.faces import Finder
from masktalk.types import Face, Frame, UInt8Array

SIDE, COLUMNS = 220, 10
MARKS = ("mouth", "chin", "left_corner", "right_corner")


def tile(pixels: UInt8Array, face: Face | None, true: dict[str, Any], title: str) -> UInt8Array:
    """(SIDE, SIDE, 3) the face with its marks and how far off the mouth is."""
    drawn, unit = pixels.copy(), float(true["interocular"])
    for mark in MARKS:
        x, y = (int(value) for value in true[mark])
        cv2.drawMarker(drawn, (x, y), (255, 255, 0), cv2.MARKER_CROSS, int(unit / 6), 2)
    off = float("nan")
    if face is not None:
        off = float(np.linalg.norm(face.mouth - true["mouth"])) / unit
        for x, y in face.mesh[:, :2].astype(int).tolist():
            cv2.circle(drawn, (x, y), 1, (0, 255, 0), -1)
        for mark in MARKS:
            x, y = (int(value) for value in getattr(face, mark))
            cv2.circle(drawn, (x, y), max(2, int(unit / 40)), (255, 0, 0), -1)
    scale = SIDE / (2.4 * unit)
    left, top = true["mouth"][0] - 1.2 * unit, true["mouth"][1] - 1.6 * unit
    crop = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    made = cv2.warpAffine(drawn, crop, (SIDE, SIDE), flags=cv2.INTER_AREA)
    colour = (0, 255, 0) if off < 0.15 else (255, 60, 60)
    label = f"{title[-20:]} {off:.2f}"
    cv2.putText(made, label, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
    return np.asarray(made, np.uint8)


def main(folder: Path, target: Path) -> None:
    truth = json.loads((folder / "truth.json").read_text())
    tiles = []
    with Finder() as finder:
        for path in sorted(folder.glob("*.*.jpg")):
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            name = path.name.split(".")[0]
            tiles.append(tile(pixels, finder.locate(Frame(pixels)), truth[name], path.stem))
    tiles += [np.zeros((SIDE, SIDE, 3), np.uint8)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    Image.fromarray(np.vstack(rows)).save(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
