"""The network's input of each avatar frame, computed once and kept in the avatar's folder."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.avatar import Avatar
from masktalk.compose.boxes import Box
from masktalk.compose.face_masks import box_mask, mesh_mask, visible_skin
from masktalk.engines.wav2lip.blending import Surroundings, surroundings
from masktalk.engines.wav2lip.runtime import Features, Runtime
from masktalk.media import FrameStore, write_arrays
from masktalk.types import FloatArray, UInt8Array

logger = logging.getLogger(__name__)

#: Raised whenever the files change their meaning.
_FORMAT = 2
#: Bytes of features held in memory, and kept on disk per avatar; what is beyond them is
#: computed again when it is shown.
_MAX_HELD_BYTES = 512 << 20
_MAX_KEPT_BYTES = 2 << 30


@dataclass(frozen=True, eq=False)
class PreparedFace:
    """One avatar frame as the generator and the blending take it.

    Attributes:
        features: From ``Runtime.encode``.
        box: x0, y0, x1, y1 in the frame.
        around: What the result is matched to.
    """

    features: Features
    box: Box
    around: Surroundings


def face_input(crop: UInt8Array, size: int) -> FloatArray:
    """Return the (6, S, S) network input of a crop: BGR in 0..1, half hidden and whole.

    Args:
        crop: (h, w, 3) RGB uint8.
        size: Pixels along a side, S.
    """
    # As in training: bilinear, without a low-pass filter.
    whole = cv2.resize(np.ascontiguousarray(crop[..., ::-1]), (size, size))
    hidden = whole.copy()
    hidden[size // 2 :] = 0
    both = np.concatenate([hidden, whole], axis=2)
    return np.ascontiguousarray((both / 255.0).transpose(2, 0, 1).astype(np.float32))


class FaceCache:
    """The prepared faces of an avatar; a missing one is made when it is first shown.

    To be used by one thread at a time.

    Args:
        avatar: Its frames and faces.
        boxes: One per frame, None where there is no face.
        runtime: Computes the features.
        key: Everything else that the files depend on.
    """

    def __init__(
        self,
        avatar: Avatar,
        boxes: Sequence[Box | None],
        runtime: Runtime,
        key: Mapping[str, object],
    ) -> None:
        self._avatar = avatar
        self._boxes = boxes
        self._runtime = runtime
        content = {"format": _FORMAT, "avatar": avatar.manifest.seal, **key}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode())
        self._folder = avatar.engine_folder("wav2lip") / digest.hexdigest()[:20]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._held: OrderedDict[int, PreparedFace] = OrderedDict()
        self._face_bytes = 1
        self._frames: FrameStore | None = None

    def get(self, indices: Sequence[int]) -> list[PreparedFace]:
        """Return the prepared faces of frames that all have a box."""
        wanted = sorted(set(indices))
        missing = [index for index in wanted if not self._recall(index)]
        if missing:
            self._make(missing)
        for index in wanted:
            self._held.move_to_end(index)
        found = [self._held[index] for index in indices]
        while len(self._held) * self._face_bytes > _MAX_HELD_BYTES and len(self._held) > 1:
            self._held.popitem(last=False)
        return found

    def close(self) -> None:
        """Close the avatar's frames."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _recall(self, index: int) -> bool:
        if index in self._held:
            return True
        path, box = self._path(index), self._boxes[index]
        assert box is not None
        if not path.is_file():
            return False
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                self._held[index] = _unpacked(dict(arrays), box, self._runtime)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            logger.info("making %s again: %s", path, error)
            return False
        return True

    def _make(self, indices: Sequence[int]) -> None:
        crops = [self._crop(index) for index in indices]
        size = self._runtime.size
        encoded = self._runtime.encode(np.stack([face_input(crop, size) for crop in crops]))
        for index, crop, features in zip(indices, crops, encoded, strict=True):
            box = self._boxes[index]
            assert box is not None
            around = surroundings(crop, self._mask(index, box), (box[2] - box[0]) / size)
            face = self._held[index] = PreparedFace(features, box, around)
            arrays = _packed(face, self._runtime)
            self._face_bytes = sum(array.nbytes for array in arrays.values())
            if self._face_bytes * self._avatar.frame_count <= _MAX_KEPT_BYTES:
                write_arrays(self._path(index), arrays, compressed=False)

    def _crop(self, index: int) -> UInt8Array:
        box = self._boxes[index]
        assert box is not None
        x0, y0, x1, y1 = box
        return np.ascontiguousarray(self._pixels(index)[y0:y1, x0:x1])

    def _mask(self, index: int, box: Box) -> UInt8Array:
        face = self._avatar.faces[index]
        if face is None:
            return box_mask(box)
        mask = mesh_mask(face, box)
        if face.mouth_state != "occluded":
            return mask
        shown = visible_skin(self._pixels(index), face, box)
        return np.minimum(mask, np.rint(shown * 255).astype(np.uint8))

    def _pixels(self, index: int) -> UInt8Array:
        if self._frames is None:
            self._frames = FrameStore(self._avatar.folder)
        return self._frames.frame(index).pixels[..., :3]

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:08d}.npz"


def _packed(face: PreparedFace, runtime: Runtime) -> dict[str, npt.NDArray[Any]]:
    levels = {f"features{n}": level for n, level in enumerate(runtime.to_arrays(face.features))}
    around = face.around
    return {
        **levels,
        "mask": around.mask,
        "area": np.array(around.area, np.int32),
        "colours": around.colours,
        "detail": np.array(around.detail, np.float32),
    }


def _unpacked(arrays: dict[str, npt.NDArray[Any]], box: Box, runtime: Runtime) -> PreparedFace:
    count = sum(name.startswith("features") for name in arrays)
    features = runtime.from_arrays([arrays[f"features{n}"] for n in range(count)])
    x0, y0, x1, y1 = (int(edge) for edge in arrays["area"])
    mask, detail = arrays["mask"], float(arrays["detail"])
    around = Surroundings(mask, (x0, y0, x1, y1), arrays["colours"], detail)
    return PreparedFace(features, box, around)
