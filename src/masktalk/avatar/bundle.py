"""The avatar bundle: a folder that is prepared once and rendered from many times.

avatar.json     what it is (manifest.py)
frames.*        its frames, lossless (media.FrameStore)
faces.npz       one face a frame (facetrack.py)
occlusions.npz  mattes of what lies before the face, if anything ever does
overlay.png     a mask to lay back over the speaking face, if it has one
engines/NAME/   what an engine keeps for itself
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

from masktalk.avatar.facetrack import FaceTrack
from masktalk.avatar.manifest import IMAGE_FRAME_RATE, MANIFEST_NAME, Manifest, MouthMode
from masktalk.avatar.occlusions import OCCLUSIONS_NAME, OcclusionTrack
from masktalk.errors import BundleError
from masktalk.files import file_digest
from masktalk.media import FrameStore
from masktalk.types import Frame

FACES_NAME = "faces.npz"
OVERLAY_NAME = "overlay.png"

#: Film, at 24000/1001, is fast enough for a mouth.
_LOWEST_SPEAKING_RATE = Fraction(23)


class Avatar:
    """An opened avatar folder.

    Args:
        folder: The folder that ``prepare`` wrote.

    Raises:
        BundleError: Not an avatar, written by a newer masktalk, or tampered with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.read(folder)
        self._check_files()
        self.faces = FaceTrack(folder / FACES_NAME, self.rate)
        self.occlusions = OcclusionTrack(folder / OCCLUSIONS_NAME)
        if len(self.faces) != self.frame_count:
            raise BundleError(
                folder, f"{len(self.faces)} faces for {self.frame_count} frames", "prepare again"
            )
        self._store = FrameStore.open(folder)

    def _check_files(self) -> None:
        for name, digest in self.manifest.files.items():
            path = self.folder / name
            if Path(name).name != name or not path.is_file():
                raise BundleError(self.folder, f"{name} is missing", "prepare again")
            if file_digest(path) != digest:
                raise BundleError(path, "was changed after it was written", "prepare again")

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return self.manifest.width

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return self.manifest.height

    @property
    def rate(self) -> Fraction:
        """Frames per second of the stored frames."""
        return self.manifest.rate

    @property
    def speaking_rate(self) -> Fraction:
        """Frames per second at which the mouth moves smoothly.

        That is the avatar's own frame rate; for an image, and as the next multiple of a
        frame rate that is too low, at least 25. The stored frames are held.
        """
        if self.is_image:
            return IMAGE_FRAME_RATE
        if self.rate >= _LOWEST_SPEAKING_RATE:
            return self.rate
        return self.rate * math.ceil(IMAGE_FRAME_RATE / self.rate)

    @property
    def frame_count(self) -> int:
        """Return the number of stored frames."""
        return self.manifest.frame_count

    @property
    def is_image(self) -> bool:
        """Return whether the avatar is a single held image."""
        return self.manifest.source.kind == "picture"

    @property
    def has_alpha(self) -> bool:
        """Return whether there is an alpha channel."""
        return self.manifest.has_alpha

    @property
    def mouth(self) -> MouthMode:
        """Return the mode of the mouth: open, cloth or draw."""
        return self.manifest.mouth

    @property
    def overlay(self) -> Path | None:
        """The picture of a mask to lay back over the speaking face, if there is one."""
        return self.folder / OVERLAY_NAME if OVERLAY_NAME in self.manifest.files else None

    @property
    def store(self) -> FrameStore:
        """The stored frames, with their colour and rate."""
        return self._store

    def frame(self, index: int) -> Frame:
        """Return the stored frame of that index. Its pixels are shared: do not write to them."""
        return self._store.frame(index)

    def index_at(self, time: Fraction) -> int:
        """Return the index of the frame at ``time`` seconds, played forward and back for ever."""
        return ping_pong(int(time * self.rate), self.frame_count)

    def engine_folder(self, name: str) -> Path:
        """Return the folder an engine keeps its own prepared data in; made when missing."""
        folder = self.folder / "engines" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        """Let go of the decoder."""
        self._store.close()

    def __enter__(self) -> Avatar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_avatar(path: Path) -> bool:
    """Return whether a path is an avatar folder, of whatever version."""
    return (path / MANIFEST_NAME).is_file()


def ping_pong(step: int, count: int) -> int:
    """Index into ``count`` frames played forward and back; neither end shows twice."""
    if count == 1:
        return 0
    step %= 2 * count - 2
    return step if step < count else 2 * count - 2 - step
