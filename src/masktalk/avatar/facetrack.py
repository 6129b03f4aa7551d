"""The faces of an avatar on disk: one record a frame, absent where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import overload

import numpy as np

from masktalk.errors import BundleError
from masktalk.landmarks import MESH_LANDMARKS
from masktalk.types import MOUTH_STATES, Face

_ARRAYS = {"mesh": np.float32, "present": np.bool_, "confidence": np.float32, "state": np.uint8}


class FaceTrack(Sequence["Face | None"]):
    """Faces by frame index, read from one .npz without pickle."""

    def __init__(self, path: Path, rate: Fraction) -> None:
        self._rate = rate
        try:
            with np.load(path, allow_pickle=False) as arrays:
                loaded = {name: arrays[name] for name in (*_ARRAYS, "located_by")}
        except (OSError, ValueError, KeyError) as error:
            raise BundleError(path, f"cannot be read ({error})", "prepare again") from error
        count = len(loaded["present"])
        shapes_hold = loaded["mesh"].shape == (count, MESH_LANDMARKS, 3) and all(
            loaded[name].dtype == dtype and len(loaded[name]) == count
            for name, dtype in _ARRAYS.items()
        )
        if not shapes_hold:
            raise BundleError(path, "holds arrays of another shape", "prepare again")
        self._arrays = loaded

    @staticmethod
    def write(path: Path, faces: Iterable[Face | None]) -> list[bool]:
        """Write faces in frame order; returns for each frame whether it has one."""
        records = list(faces)
        absent = np.zeros((MESH_LANDMARKS, 3), np.float32)
        np.savez(
            path,
            mesh=np.stack([absent if face is None else face.mesh for face in records]),
            present=np.array([face is not None for face in records], np.bool_),
            confidence=np.array([face.confidence if face else 0 for face in records], np.float32),
            state=np.array(
                [MOUTH_STATES.index(face.mouth_state) if face else 0 for face in records], np.uint8
            ),
            located_by=np.array([face.located_by if face else "" for face in records]),
        )
        return [face is not None for face in records]

    def __len__(self) -> int:
        return len(self._arrays["present"])

    @overload
    def __getitem__(self, index: int) -> Face | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Face | None]: ...

    def __getitem__(self, index: int | slice) -> Face | Sequence[Face | None] | None:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        arrays = self._arrays
        if not arrays["present"][index]:
            return None
        return Face(
            mesh=arrays["mesh"][index],
            located_by=str(arrays["located_by"][index]),
            confidence=float(arrays["confidence"][index]),
            mouth_state=MOUTH_STATES[int(arrays["state"][index])],
            time=index / self._rate,
        )
