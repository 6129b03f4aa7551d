"""Per-frame inputs of MuseTalk, computed once and kept in the avatar's folder."""

from __future__ import annotations

import logging
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from masktalk.avatar import Avatar
from masktalk.compose.boxes import Box
from masktalk.engines.musetalk.masks import MaskMaker
from masktalk.engines.musetalk.networks import face_picture
from masktalk.media import FrameStore, write_arrays
from masktalk.types import FloatArray, UInt8Array

logger = logging.getLogger(__name__)

_KEPT_IN_MEMORY = 256

#: Raised whenever what is kept changes its meaning.
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Material:
    """One avatar frame as the generator and the blending want it.

    Attributes:
        latent: (8, h, w) float32, see ``encode_faces``.
        mask: Weight of the generated face over ``box``, uint8.
        box: x0, y0, x1, y1 in the frame.
    """

    latent: FloatArray
    mask: UInt8Array
    box: Box


class FrameCache:
    """The materials of an avatar; what is missing is made when it is first asked for.

    To be used by one thread at a time.

    Args:
        avatar: Whose frames.
        boxes: One a frame, None where there is no face.
        folder: Where they are kept.
        encode: Square RGB pictures to (N, 8, h, w) latents.
        masks: Makes the masks.
        size: Pixels along a side of the picture that is encoded.
    """

    def __init__(
        self,
        avatar: Avatar,
        boxes: Sequence[Box | None],
        folder: Path,
        encode: Callable[[list[UInt8Array]], FloatArray],
        masks: MaskMaker,
        size: int,
    ) -> None:
        self.boxes = boxes
        self._avatar = avatar
        self._folder = folder
        self._encode = encode
        self._masks = masks
        self._size = size
        self._kept: OrderedDict[int, Material] = OrderedDict()
        self._frames: FrameStore | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, indices: Sequence[int]) -> list[Material]:
        """Return the materials of those frames, all of which have a face."""
        wanted = sorted(set(indices))
        found = {index: self._recall(index) for index in wanted}
        missing = [index for index in wanted if found[index] is None]
        if missing:
            found.update(zip(missing, self._make(missing), strict=True))
        for index in wanted:
            material = found[index]
            assert material is not None
            self._kept[index] = material
            self._kept.move_to_end(index)
        while len(self._kept) > max(_KEPT_IN_MEMORY, len(wanted)):
            self._kept.popitem(last=False)
        return [self._kept[index] for index in indices]

    def close(self) -> None:
        """Let go of the avatar's frames."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _recall(self, index: int) -> Material | None:
        if index in self._kept:
            return self._kept[index]
        path = self._path(index)
        if not path.is_file():
            return None
        box = self.boxes[index]
        assert box is not None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                material = Material(arrays["latent"], arrays["mask"], box)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            logger.info("making %s again: %s", path, error)
            return None
        fits = material.mask.shape == (box[3] - box[1], box[2] - box[0])
        return material if fits else None

    def _make(self, indices: Sequence[int]) -> list[Material]:
        pictures, masks = [], []
        for index in indices:
            box, face = self.boxes[index], self._avatar.faces[index]
            assert box is not None
            assert face is not None
            x0, y0, x1, y1 = box
            pixels = self._frame(index)
            pictures.append(face_picture(pixels[y0:y1, x0:x1], self._size))
            masks.append(self._masks.mask(pixels, face, box))
        latents = self._encode(pictures)
        made = []
        for index, latent, mask in zip(indices, latents, masks, strict=True):
            box = self.boxes[index]
            assert box is not None
            made.append(Material(latent, mask, box))
            self._keep(index, made[-1])
        return made

    def _frame(self, index: int) -> UInt8Array:
        if self._frames is None:
            self._frames = FrameStore(self._avatar.folder)
        return np.ascontiguousarray(self._frames.frame(index).pixels[..., :3])

    def _keep(self, index: int, material: Material) -> None:
        write_arrays(self._path(index), {"latent": material.latent, "mask": material.mask})

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:08d}.npz"
