"""Prepare an avatar: locate its faces once, keep the folder, render from it many times."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from masktalk.avatar import (
    FACES_NAME,
    IMAGE_FRAME_RATE,
    MOUTH_CHOICES,
    OCCLUSIONS_NAME,
    Avatar,
    FaceTrack,
    Manifest,
    MouthChoice,
    MouthMode,
    SourceRecord,
    is_avatar,
    write_occlusions,
)
from masktalk.avatar.avatar_cache import cache_limit_bytes, prune_cache, writable_avatars_folder
from masktalk.errors import BundleError, NoFaceError, OptionError, OutputError
from masktalk.faces import FaceChoice, LocateOptions, read_points, track
from masktalk.faces.occlusion import find_occlusions
from masktalk.faces.options import parse_face
from masktalk.faces.painted import is_drawing, look_at_mouth
from masktalk.files import file_digest
from masktalk.landmarks import LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER
from masktalk.media import FrameStore, Source, open_source
from masktalk.media.source import FirstFrames
from masktalk.option_fields import described
from masktalk.overlay import write_overlay
from masktalk.types import Face, Occlusion, Progress, UInt8Array, no_progress

if TYPE_CHECKING:
    from masktalk.types import Frame

logger = logging.getLogger(__name__)

#: Raised whenever other frames are stored for the same source.
_FRAMES_VERSION = 3

#: Shortest part of a long video that is prepared, so that previews share one avatar.
_SHORTEST_PART_S = 2

#: Heights in pixels that frames are scaled to; the largest is that of 8K UHD turned upright.
_HEIGHTS = (64, 7680)

# Occluded frames of which something before the face is known, and how much of the lower face
# it hides on average at most; cloth that is worn hides more.
_MIN_MATTED_SHARE, _MAX_OCCLUDER_SHARE = 0.7, 0.7

#: Pixels between the eyes below which a mouth is a few pixels wide.
_SMALL_INTEROCULAR = 12.0


@dataclass(frozen=True)
class PrepareOptions:
    """Options of ``prepare``; another value makes another avatar.

    Attributes:
        face: Face to animate, of several.
        points: JSON file of rig points for a face that is not detected.
        mouth: Animation of the mouth.
        fps: Frames per second of a folder of frames.
        height: Height of the frames in pixels; None for the source's own, of images at most
            8.8 megapixels.
        keep_hdr: Whether HDR video stays HDR, in ten bits, instead of being tone-mapped.
        seconds: Length of the part of a long video that can be shown; None for all of it.
        unmasked: The same person without the mask that the source shows: this face speaks,
            and the mask is composited back over it.
        mask: The mask alone (RGBA), or its alpha matte; None derives it from the two images.
        consent: Note on the consent of the person shown, kept with the avatar and in what is
            rendered from it.

    Raises:
        OptionError: ``mouth``, ``fps`` or ``height`` has no such value.
    """

    face: FaceChoice = described(
        "largest",
        "Face to animate: largest, left, right, a number from the left, or X,Y.",
        parse=parse_face,
    )
    points: Path | None = described(
        None, "JSON with mouth corners, lips, chin and eyes, for a face that is not detected."
    )
    mouth: MouthChoice = described(
        "auto", "Mouth: auto, open (lips), cloth (covered by cloth) or draw (it has none)."
    )
    fps: Fraction | None = described(None, "Frame rate of a folder of frames [25].")
    height: int | None = described(
        None, "Scale to a height in pixels [own; images to 8.8 megapixels]."
    )
    keep_hdr: bool = described(
        False, "Keep HDR video in ten bits (HEVC); it is mapped to BT.709 otherwise."
    )
    seconds: Fraction | None = described(None, "Prepare only the first seconds of a video [all].")
    unmasked: Path | None = described(
        None, "The same person without the mask: this face speaks, the mask is composited over it."
    )
    mask: Path | None = described(
        None, "The mask alone (RGBA) or its matte; derived from the two images unless given."
    )
    consent: str | None = described(
        None, "Note on the consent of the person shown, kept with the avatar and its videos."
    )

    def __post_init__(self) -> None:
        if self.mouth not in MOUTH_CHOICES:
            raise OptionError(
                f"`mouth` {self.mouth}", "is unknown", f"choose one of {', '.join(MOUTH_CHOICES)}"
            )
        if self.fps is not None and self.fps <= 0:
            raise OptionError(f"`fps` {self.fps}", "must be positive")
        low, high = _HEIGHTS
        if self.height is not None and not low <= self.height <= high:
            raise OptionError(f"`height` {self.height}", f"must lie in {low}..{high}")

    def key(self) -> dict[str, Any]:
        """Return the options that the avatar depends on as plain JSON values."""
        plain = {**asdict(self), "fps": str(self.fps) if self.fps else None}
        plain["seconds"] = None if self.seconds is None else str(self.seconds)
        plain["face"] = list(self.face) if isinstance(self.face, tuple) else self.face
        plain["points"] = file_digest(self.points) if self.points else None
        for name in ("unmasked", "mask"):
            path = getattr(self, name)
            plain[name] = None if path is None else open_source(path).digest()
        return plain


def prepare(
    source: str | os.PathLike[str] | Source,
    folder: str | os.PathLike[str] | None = None,
    options: PrepareOptions | None = None,
    progress: Progress = no_progress,
) -> Avatar:
    """Prepare an avatar from an image, a video or a folder of frames, or open a prepared one.

    A folder that already holds the same source prepared with the same options is opened
    as it is; any other avatar in it is replaced once the new one is complete.

    Args:
        source: The image, video, folder of frames or avatar folder; or frames to be read.
        folder: Folder to write; None writes to the user's cache.
        options: See there; None for the defaults.
        progress: Progress callback.

    Raises:
        MediaError: The source cannot be read.
        NoFaceError: No frame has a face.
        PointsError: The points file is wrong.
        BundleError: An avatar folder was given and it is damaged.
        OutputError: ``folder`` cannot be written or holds something else.
    """
    options = options or PrepareOptions()
    if not isinstance(source, Source) and is_avatar(Path(source)):
        return _open_prepared(Path(source), folder, options)
    if options.points is not None:
        read_points(options.points)
    if isinstance(source, Source):
        opened, name = source, source.path.name
    else:
        opened = _open_for(options, Path(source))
        name = Path(source).name
    record = SourceRecord(name=name, kind=opened.kind, digest=opened.digest())
    whole = replace(options, seconds=None)
    part = _reachable(opened, options.seconds)
    options = whole if part is None else replace(options, seconds=part)
    if folder is None:
        return _from_cache(opened, record, options, progress)
    target = Path(folder)
    kept = _keep(target, record, options)
    if kept is not None:
        return kept
    with _built_beside(target) as building:
        _build(building, opened, record, options, progress)
    return Avatar(target)


def _open_for(options: PrepareOptions, path: Path) -> Source:
    return open_source(path, fps=options.fps, height=options.height, keep_hdr=options.keep_hdr)


def prepare_tracked(source: Source, faces: Sequence[Face | None], folder: Path) -> Avatar:
    """Prepare an avatar from frames in which somebody was followed already.

    Args:
        source: The frames.
        faces: The face in each, or None.
        folder: Empty folder to write.

    Raises:
        NoFaceError: No frame has a face, or none has its mouth in the image.
    """
    record = SourceRecord(name=source.path.name, kind=source.kind, digest=source.digest())
    _build(folder, source, record, PrepareOptions(), no_progress, faces)
    return Avatar(folder)


def _from_cache(
    opened: Source, record: SourceRecord, options: PrepareOptions, progress: Progress
) -> Avatar:
    """Return the cached avatar of a source, made now if it is missing."""
    avatars = writable_avatars_folder()
    for wanted in (replace(options, seconds=None), options):
        target = avatars / _cache_key(record, wanted)
        kept = _keep(target, record, wanted)
        if kept is not None:
            os.utime(target)
            return kept
    with _built_beside(target) as building:
        _build(building, opened, record, options, progress)
    prune_cache(cache_limit_bytes(), keep=target)
    return Avatar(target)


def _reachable(source: Source, seconds: Fraction | None) -> Fraction | None:
    """Return the seconds of a source to prepare, in powers of two; None for all of it."""
    if seconds is None or source.rate is None:
        return None
    part = Fraction(_SHORTEST_PART_S)
    while part < seconds:
        part *= 2
    return part if part * source.rate + 1 < source.frame_count else None


def _open_prepared(source: Path, folder: object, options: PrepareOptions) -> Avatar:
    if folder is not None:
        raise OptionError(source, "is a prepared avatar already", "copy the folder as it is")
    if replace(options, seconds=None) != PrepareOptions():
        raise OptionError(
            source,
            "is prepared already, so `face`, `points`, `mouth`, `unmasked` and `mask` do not apply",
            "prepare it again from its source with them",
        )
    return Avatar(source)


def _keep(target: Path, record: SourceRecord, options: PrepareOptions) -> Avatar | None:
    """Return the avatar in ``target`` if it is intact and the same; None if it must be made."""
    if not target.exists():
        return None
    if not is_avatar(target):
        if target.is_dir() and not any(target.iterdir()):
            return None
        raise OutputError(target, "exists and is not an avatar", "choose another folder")
    try:
        avatar = Avatar(target)
    except BundleError as error:
        logger.info("preparing again: %s", error)
        return None
    if avatar.manifest.source == record and avatar.manifest.options == _stamp(options):
        return avatar
    avatar.close()
    return None


def _stamp(options: PrepareOptions) -> dict[str, Any]:
    return {**options.key(), "masktalk": version("masktalk"), "frames": _FRAMES_VERSION}


@contextmanager
def _built_beside(target: Path) -> Iterator[Path]:
    """Yield a new folder beside ``target`` that replaces it on success."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise OutputError(target, f"cannot be written ({error.strerror})") from error
    try:
        yield building
        building.chmod(0o755)
        if target.exists():
            aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            target.rename(aside / target.name)
            building.rename(target)
            shutil.rmtree(aside)
        else:
            building.rename(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(target, f"cannot be written ({reason})") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _build(
    folder: Path,
    source: Source,
    record: SourceRecord,
    options: PrepareOptions,
    progress: Progress,
    faces: Sequence[Face | None] | None = None,
) -> None:
    bare = source
    if options.unmasked:
        bare = _open_for(options, options.unmasked)
    if options.seconds is not None and bare.rate is not None:
        bare = FirstFrames(bare, math.ceil(options.seconds * bare.rate) + 1)
    with FrameStore.create(folder, bare, partial(progress, "storing")) as store:
        if faces is None:
            faces = list(_locate_all(store, locate_options(options, bare.scale), progress))
        found = list(faces)
        _require_face(bare.path, found)
        _check_mouth(bare.path, found, store.width, store.height)
        FaceTrack.write(folder / FACES_NAME, found)
        mouth, occlusions = _mouth(options, found, store)
        write_occlusions(folder / OCCLUSIONS_NAME, occlusions)
        if options.unmasked is not None or options.mask is not None:
            first = next(index for index, face in enumerate(found) if face is not None)
            masked = source.path if options.unmasked else None
            write_overlay(folder, store.frame(first), found[first], masked, options.mask)
        names = [path.name for path in folder.iterdir() if path.is_file()]
        Manifest(
            source=record,
            options=_stamp(options),
            width=store.width,
            height=store.height,
            rate=store.rate or IMAGE_FRAME_RATE,
            frame_count=store.frame_count,
            has_alpha=store.has_alpha,
            mouth=mouth,
            files={name: file_digest(folder / name) for name in sorted(names)},
        ).sealed().write(folder)


def _locate_all(
    store: FrameStore, options: LocateOptions, progress: Progress
) -> Iterator[Face | None]:
    faces = track(_stored(store), store.rate or IMAGE_FRAME_RATE, options)
    for done, face in enumerate(faces, start=1):
        progress("locating", done, store.frame_count)
        yield face


def locate_options(options: PrepareOptions, scale: float = 1.0) -> LocateOptions:
    """Return the options of face location.

    Args:
        options: Options of preparation, in pixels of the source.
        scale: Width of the frames over that of the source.
    """
    face = options.face
    if isinstance(face, tuple):
        face = face[0] * scale, face[1] * scale
    return LocateOptions(
        face=face,
        points=read_points(options.points).scaled(scale) if options.points else None,
        mouth_state="occluded" if options.mouth == "cloth" else None,
    )


def _stored(store: FrameStore) -> Iterator[Frame]:
    for index in range(store.frame_count):
        yield store.frame(index)


def _require_face(source: Path, found: list[Face | None]) -> None:
    if all(face is None for face in found):
        raise NoFaceError(
            source,
            "no face detected",
            "give its mouth corners, lips, chin and eyes in a file as `points`, "
            "or place them in the browser with 'masktalk serve'",
        )
    missing = sum(face is None for face in found)
    if missing:
        logger.info("%d of %d frames have no face and stay as they are", missing, len(found))


def _check_mouth(source: Path, found: list[Face | None], width: int, height: int) -> None:
    """Warn of mouths that are hard to animate; refuse a source that shows none."""
    faces = [face for face in found if face is not None]
    inside = [
        0 <= face.mouth[0] < width and 0 <= face.mouth[1] < height for face in faces
    ]  # fmt: skip
    if not any(inside):
        raise NoFaceError(
            source, "its mouth lies outside the image", "give one that shows the whole mouth"
        )
    if sum(inside) * 2 < len(inside):
        logger.warning("%s: the mouth lies outside the image in most frames", source)
    if max(face.interocular for face in faces) < _SMALL_INTEROCULAR:
        logger.warning("%s: the face is very small; its mouth will hardly be seen to move", source)
    if all(abs(face.roll) > math.pi * 2 / 3 for face in faces):
        logger.warning("%s: the face is upside down; turn the image first", source)


def _mouth(
    options: PrepareOptions, found: list[Face | None], store: FrameStore
) -> tuple[MouthMode, dict[int, Occlusion]]:
    """Return how the mouth is animated, and what lies before a bare one, by frame."""
    if options.mouth == "cloth" or options.mouth == "draw":
        return options.mouth, {}
    occlusions = {} if options.points else find_occlusions(store.frame, found)
    if options.mouth == "open":
        return "open", occlusions
    states = Counter(face.mouth_state for face in found if face is not None)
    if states["occluded"] * 2 > sum(states.values()) and not _passes(found, occlusions):
        return "cloth", {}
    index, face = next((index, face) for index, face in enumerate(found) if face is not None)
    # What only the drawn locator reads has no lips that could be moved: its paint is.
    drawn = face.located_by == "drawn" or _is_drawn(store.frame(index).pixels, face)
    return ("draw", {}) if drawn else ("open", occlusions)


def _passes(found: list[Face | None], occlusions: dict[int, Occlusion]) -> bool:
    """Tell whether the occluded frames show something before a bare face, not cloth on it."""
    occluded = {i for i, face in enumerate(found) if face and face.mouth_state == "occluded"}
    hidden = [occlusions[i].hidden_share for i in occluded & occlusions.keys()]
    if len(hidden) < _MIN_MATTED_SHARE * len(occluded):
        return False
    return sum(hidden) < _MAX_OCCLUDER_SHARE * len(hidden)


def _is_drawn(pixels: UInt8Array, face: Face) -> bool:
    """Tell whether a face located by rig points is a drawing without lips."""
    if face.located_by != "points" or not is_drawing(pixels, face.box):
        return False
    painted = look_at_mouth(pixels, face.mesh[[LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER], :2])
    return painted.kind != "other" and not painted.lips


def _cache_key(record: SourceRecord, options: PrepareOptions) -> str:
    content = json.dumps([record.model_dump(), _stamp(options)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:24]
