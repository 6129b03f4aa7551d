"""The occlusion mattes of an avatar on disk: one a frame that needs one, compressed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from masktalk.errors import BundleError
from masktalk.types import Occlusion

OCCLUSIONS_NAME = "occlusions.npz"

_ARRAYS = {"frame": np.int32, "corner": np.int32, "share": np.float32, "end": np.int64}


def write_occlusions(path: Path, occlusions: Mapping[int, Occlusion]) -> None:
    """Write mattes by frame index; no file where there are none."""
    if not occlusions:
        return
    indices = sorted(occlusions)
    ordered = [occlusions[index] for index in indices]
    coded = [cv2.imencode(".png", one.alpha)[1] for one in ordered]
    np.savez(
        path,
        frame=np.array(indices, np.int32),
        corner=np.array([(one.x, one.y) for one in ordered], np.int32),
        share=np.array([(one.mouth_share, one.hidden_share) for one in ordered], np.float32),
        end=np.cumsum([len(code) for code in coded]).astype(np.int64),
        png=np.concatenate(coded),
    )


class OcclusionTrack:
    """Mattes by frame index, read from one .npz without pickle.

    Args:
        path: The file; without one nothing lies before the face.
    """

    def __init__(self, path: Path) -> None:
        self._rows: dict[int, int] = {}
        if not path.is_file():
            return
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self._arrays = {name: arrays[name] for name in (*_ARRAYS, "png")}
        except (OSError, ValueError, KeyError) as error:
            raise BundleError(path, f"cannot be read ({error})", "prepare again") from error
        count = len(self._arrays["frame"])
        if any(
            self._arrays[name].dtype != dtype or len(self._arrays[name]) != count
            for name, dtype in _ARRAYS.items()
        ):
            raise BundleError(path, "holds arrays of another shape", "prepare again")
        self._rows = {int(frame): row for row, frame in enumerate(self._arrays["frame"])}

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, index: int) -> Occlusion | None:
        """Return what lies before the face in a frame; None for nothing."""
        row = self._rows.get(index)
        if row is None:
            return None
        ends = self._arrays["end"]
        code = self._arrays["png"][ends[row - 1] if row else 0 : ends[row]]
        alpha = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)
        x, y = self._arrays["corner"][row]
        mouth, hidden = self._arrays["share"][row]
        return Occlusion(int(x), int(y), np.asarray(alpha, np.uint8), float(mouth), float(hidden))
