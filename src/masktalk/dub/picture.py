"""The frames of a dub: those outside segments as they are, those inside with speaking faces."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from masktalk.compose import paste
from masktalk.dub.casting import Role
from masktalk.dub.options import DubOptions
from masktalk.dub.sound import segment_speech
from masktalk.engines import Speech
from masktalk.errors import NoFaceError
from masktalk.faces import LocateOptions, track
from masktalk.media import FrameStore, Source
from masktalk.media.convert import ToRgb
from masktalk.media.frames import SourceFrame, Stored
from masktalk.overlay import engine_for
from masktalk.preparation import prepare_tracked
from masktalk.types import Audio, Face, Frame, Patch

_SPEECH_RATE = 16_000
#: Frames over which a mouth changes between its own movement and the speech.
_BLEND_FRAMES = 3


@dataclass(frozen=True)
class Scene:
    """Roles that overlap in time, and the frames of all of them.

    Attributes:
        begin: Index of the first frame.
        end: Index after the last.
        roles: In order of time.
    """

    begin: int
    end: int
    roles: tuple[Role, ...]


def scenes(roles: list[Role]) -> list[Scene]:
    """Return the scenes of roles that are in order of time."""
    found: list[Scene] = []
    for role in roles:
        if found and role.begin < found[-1].end:
            last = found.pop()
            found.append(Scene(last.begin, max(last.end, role.end), (*last.roles, role)))
        else:
            found.append(Scene(role.begin, role.end, (role,)))
    return found


def dubbed_frames(source: Source, roles: list[Role], options: DubOptions) -> Iterator[Frame]:
    """Yield every frame of the video; those outside segments are the decoder's own.

    Args:
        source: Video.
        roles: In order of time.
        options: See there.
    """
    assert source.rate is not None
    decoded = source.decoded_frames()
    to_rgb = ToRgb(source.color, source.layout, source.has_alpha)
    done = 0
    for scene in scenes(roles):
        yield from _untouched(islice(decoded, scene.begin - done), to_rgb, done, source.rate)
        part = _Part(source, islice(decoded, scene.end - scene.begin), scene.end - scene.begin)
        with tempfile.TemporaryDirectory(prefix="masktalk-dub-") as folder:
            yield from _speaking(part, scene, options, Path(folder))
        done = scene.end
    yield from _untouched(decoded, to_rgb, done, source.rate)


def _untouched(
    decoded: Iterator[av.VideoFrame], to_rgb: ToRgb, first: int, rate: Fraction
) -> Iterator[Frame]:
    for index, frame in enumerate(decoded, start=first):
        yield SourceFrame(Stored(frame, to_rgb), index / rate)


class _Part(Source):
    """Some frames of a source, read once.

    Args:
        source: The whole.
        decoded: The frames, as its ``decoded_frames`` yields them.
        count: Their number.
    """

    def __init__(self, source: Source, decoded: Iterator[av.VideoFrame], count: int) -> None:
        self._decoded = decoded
        self.kind, self.path, self.rate = source.kind, source.path, source.rate
        self.width, self.height = source.width, source.height
        self.has_alpha, self.color = source.has_alpha, source.color
        self.pixel_format, self.layout = source.pixel_format, source.layout
        self.frame_count = count

    def frames(self) -> Iterator[Frame]:
        """See ``Source``."""
        to_rgb = ToRgb(self.color, self.layout, self.has_alpha)
        return _untouched(self.decoded_frames(), to_rgb, 0, self.rate or Fraction(1))

    def decoded_frames(self) -> Iterator[av.VideoFrame]:
        """See ``Source``; may be called once."""
        return self._decoded

    def digest(self) -> str:
        """Return nothing: a part has no file of its own."""
        return ""


def _speaking(part: _Part, scene: Scene, options: DubOptions, folder: Path) -> Iterator[Frame]:
    """Yield the frames of a scene, which are stored in the folder meanwhile."""
    store = folder / "scene"
    store.mkdir()
    with FrameStore.create(store, part) as stored:
        streams = [
            (role.begin - scene.begin, _patches(stored, scene, role, options, folder / str(number)))
            for number, role in enumerate(scene.roles)
        ]
        for index in range(stored.frame_count):
            frame = stored.frame(index)
            for begin, patches in streams:
                patch = next(patches, None) if index >= begin else None
                frame = paste(frame, patch, frame.time)
            yield frame


def _patches(
    stored: FrameStore, scene: Scene, role: Role, options: DubOptions, folder: Path
) -> Iterator[Patch | None]:
    """Yield the patches of a role, one for each of its frames."""
    first, count = role.begin - scene.begin, role.end - role.begin
    rate = stored.rate
    assert rate is not None
    faces = _faces(stored, first, role)
    folder.mkdir()
    source = _Shown(stored, first, count)
    try:
        avatar = prepare_tracked(source, faces, folder)
    except NoFaceError:
        yield from [None] * count
        return
    with avatar:
        engine = engine_for(avatar, options.engine, options.engine_options)
        samples = segment_speech(role, _SPEECH_RATE, round(count / rate * _SPEECH_RATE))
        speech = Speech([Audio(samples, _SPEECH_RATE)], rate, recorded=True)
        for index, patch in enumerate(engine.speak(avatar, speech)):
            yield _blended(patch, min(index + 1, count - index) / (_BLEND_FRAMES + 1))


def _faces(stored: FrameStore, first: int, role: Role) -> list[Face | None]:
    """Return the person's face in each frame of a role, the first of which is ``first``."""
    rate = stored.rate
    assert rate is not None
    faces: list[Face | None] = []
    for take in role.takes:
        begin, end = take.begin - role.begin, take.end - role.begin
        faces += [None] * (begin - len(faces))
        shown = (stored.frame(first + index) for index in range(begin, end))
        faces += track(shown, rate, LocateOptions(face=take.place))
    return faces + [None] * (role.end - role.begin - len(faces))


class _Shown(_Part):
    """Some frames of a store, to be read again and again."""

    def __init__(self, stored: FrameStore, first: int, count: int) -> None:
        self._stored, self._first = stored, first
        self.kind, self.path, self.rate = "video", stored.folder, stored.rate
        self.width, self.height, self.has_alpha = stored.width, stored.height, stored.has_alpha
        self.color, self.layout = stored.color, stored.index.layout
        self.frame_count = count
        self.pixel_format = self._decoded_frame(first).format.name

    def decoded_frames(self) -> Iterator[av.VideoFrame]:
        """See ``Source``."""
        for index in range(self._first, self._first + self.frame_count):
            yield self._decoded_frame(index)

    def _decoded_frame(self, index: int) -> av.VideoFrame:
        frame = self._stored.frame(index)
        if isinstance(frame, SourceFrame) and frame.stored.decoded is not None:
            return frame.stored.decoded
        return av.VideoFrame.from_ndarray(frame.pixels, "rgba" if self.has_alpha else "rgb24")


def _blended(patch: Patch | None, share: float) -> Patch | None:
    """Return a patch of which only a share replaces the frame."""
    if patch is None or share >= 1:
        return patch
    pixels = patch.pixels.copy()
    pixels[..., 3] = np.rint(pixels[..., 3] * share)
    return replace(patch, pixels=pixels)
