"""Makes the contact sheets in docs/pictures anew: a photograph, a painting, a cartoon, the ninja.

    python scripts/pictures.py docs/pictures

The painting is the shipped photograph through OpenCV's oil painting filter.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

from masktalk.demo.show import write_material

_SHEETS = {
    "ninja": "ninja.png",
    "cartoon": "cartoon.png",
    "photograph": "portrait.jpg",
    "painting": "painting.png",
}


def main(target: Path) -> None:
    """Write one sheet for each face into ``target``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_material(folder)
        photograph = cv2.imread(str(folder / "portrait.jpg"))
        enlarged = cv2.resize(photograph, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "painting.png"), cv2.xphoto.oilPainting(enlarged, 5, 1))
        for sheet, face in _SHEETS.items():
            drawn, output = folder / f"mouths-{sheet}.png", target / f"mouths-{sheet}.jpg"
            command = [sys.executable, "-m", "masktalk", "sheet", str(folder / face)]
            subprocess.run([*command, "-o", str(drawn)], check=True)
            cv2.imwrite(str(output), cv2.imread(str(drawn)), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
