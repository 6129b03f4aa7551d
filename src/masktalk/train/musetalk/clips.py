"""One prepared clip on disk: faces, face regions, Whisper states and log-mel, at exact times."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from masktalk.avatar import FaceTrack
from masktalk.engines.musetalk.crop import crop_boxes, ibug_points
from masktalk.engines.musetalk.whisper_stream import Encoder, faded_rows
from masktalk.engines.musetalk.whisper_windows import ExactWindows, take_window
from masktalk.errors import InputError
from masktalk.faces import LocateOptions, track
from masktalk.media import Source, open_source, read_audio
from masktalk.speech.mel import MEL, log_mel
from masktalk.train.musetalk.audio_windows import sync_columns
from masktalk.train.musetalk.crops import MARGIN_LIMITS, IntBox, union_box
from masktalk.train.musetalk.references import NEAR_FRAMES
from masktalk.types import Face, FloatArray, Progress, UInt8Array, no_progress

#: Files of a prepared clip.
FACES, REGIONS, PLACES, AUDIO = "faces.npz", "regions.bin", "places.npz", "audio.npz"

#: Widest stored face region; wider ones are reduced.
_MAX_REGION_WIDTH = 512
_JPEG_QUALITY = 97
#: Shortest run of frames that is used: a target and a reference that is not near it.
_MIN_RUN_FRAMES = NEAR_FRAMES + 1
#: Box jump, in box widths, that is taken for a cut.
_CUT_WIDTHS = 0.5
_BLOCK_SAMPLES = 16_000


@dataclass(frozen=True)
class ClipOptions:
    """Options that a prepared clip depends on.

    Attributes:
        locate: Choice of the face.
        upstream: Box as the reference trains on it: the detector's joined with the landmarks'.
    """

    locate: LocateOptions
    upstream: bool = False


def write_clip(
    path: Path,
    folder: Path,
    encoder: Encoder,
    options: ClipOptions,
    progress: Progress = no_progress,
) -> int:
    """Write a video's faces, face regions and audio into a folder; return the usable frames.

    Raises:
        MediaError: The video cannot be read or has no sound.
        InputError: No run of frames shows the face.
    """
    audio = read_audio(path, MEL.sample_rate).samples
    source = open_source(path)
    if source.rate is None:
        raise InputError(path, "is a still", "give a talking video")
    faces: list[Face | None] = []
    for face in track(source.frames(), source.rate, options.locate):
        faces.append(face)
        progress(f"locating in {path.name}", len(faces), source.frame_count)
    boxes = _boxes(source, faces, options.upstream)
    usable = sum(len(run) for run in _runs(boxes))
    if not usable:
        raise InputError(path, "shows no face for long enough", "give a video of a talking face")
    FaceTrack.write(folder / FACES, faces)
    _write_regions(source, boxes, folder)
    blocks = (audio[i : i + _BLOCK_SAMPLES] for i in range(0, len(audio), _BLOCK_SAMPLES))
    states = np.concatenate([block.rows for block in faded_rows(encoder, blocks)])
    np.savez(
        folder / AUDIO, states=states.astype(np.float16), mel=log_mel(audio).astype(np.float16)
    )
    return usable


def _boxes(source: Source, faces: Sequence[Face | None], upstream: bool) -> list[IntBox | None]:
    size = source.width, source.height
    if not upstream:  # exactly what is repainted at inference, without its margin
        return crop_boxes(faces, size, float(source.rate or 1), "stable", 0, 0)
    boxes: list[IntBox | None] = []
    for face in faces:
        if face is None:
            boxes.append(None)
            continue
        x0, y0, x1, y1 = union_box(ibug_points(face), face.box)
        boxes.append((x0, y0, min(x1, size[0]), min(y1, size[1])))
    return boxes


def _runs(boxes: Sequence[IntBox | None]) -> list[range]:
    """Return runs of frames with a face and without a cut, long enough to use."""
    runs, begin = [], 0
    for index in range(len(boxes) + 1):
        here = boxes[index] if index < len(boxes) else None
        before = boxes[index - 1] if index > begin else None
        broken = here is None or (before is not None and _jumps(before, here))
        if broken:
            runs.append(range(begin, index))
            begin = index + (here is None)
    return [run for run in runs if len(run) >= _MIN_RUN_FRAMES]


def _jumps(before: IntBox, here: IntBox) -> bool:
    moved = max(abs(a - b) for a, b in zip(before, here, strict=True))
    return moved > _CUT_WIDTHS * (before[2] - before[0])


def _write_regions(source: Source, boxes: Sequence[IntBox | None], folder: Path) -> None:
    """Write the boxes' pixels, the largest margin below included, as JPEG behind one another."""
    ends, scales, total = [], [], 0
    with (folder / REGIONS).open("wb") as stream:
        for box, frame in zip(boxes, source.frames(), strict=False):
            scale = 1.0
            if box is not None:
                x0, y0, x1, y1 = box
                region = Image.fromarray(frame.pixels[y0 : y1 + int(MARGIN_LIMITS[1]), x0:x1, :3])
                scale = min(1.0, _MAX_REGION_WIDTH / region.width)
                if scale < 1:
                    size = round(region.width * scale), round(region.height * scale)
                    region = region.resize(size, Image.Resampling.LANCZOS)
                packed = io.BytesIO()
                region.save(packed, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
                total += stream.write(packed.getvalue())
            ends.append(total)
            scales.append(scale)
    absent = (0, 0, 0, 0)
    np.savez(
        folder / PLACES,
        ends=np.array(ends, np.int64),
        scales=np.array(scales, np.float32),
        boxes=np.array([box or absent for box in boxes[: len(ends)]], np.int32),
        rate=np.array([(source.rate or Fraction(1)).as_integer_ratio()], np.int64),
        frame_width=np.array(source.width, np.int64),
    )


@dataclass(frozen=True, eq=False)
class Region:
    """The stored pixels of one frame's face.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, the largest margin below included.
        box: x0, y0, x1, y1 of the face without margin in ``pixels``.
        scale: Stored pixels per pixel of the frame.
        mesh: (478, 3) landmarks in ``pixels``.
        landmarks: (68, 2) iBUG points in ``pixels``.
    """

    pixels: UInt8Array
    box: IntBox
    scale: float
    mesh: FloatArray
    landmarks: FloatArray


class Clip:
    """A prepared clip, opened.

    Args:
        folder: The folder that ``write_clip`` filled.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with np.load(folder / PLACES, allow_pickle=False) as places:
            self._ends, self._scales = places["ends"], places["scales"]
            self.boxes: npt.NDArray[np.int32] = places["boxes"]
            numerator, denominator = places["rate"][0].tolist()
            self.frame_width = int(places["frame_width"])
        self.rate = Fraction(numerator, denominator)
        self._faces = FaceTrack(folder / FACES, self.rate)
        self._windows = ExactWindows(self.rate)

    @cached_property
    def runs(self) -> list[range]:
        """Runs of frames that show the face without a cut."""
        present = [tuple(box) if box[2] else None for box in self.boxes.tolist()]
        return _runs(present)

    @cached_property
    def _audio(self) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]:
        with np.load(self.folder / AUDIO, allow_pickle=False) as audio:
            return audio["states"], audio["mel"]

    def time(self, frame: int) -> Fraction:
        """Return when a frame shows, in seconds of the recording."""
        return frame / self.rate

    def tokens(self, frame: int, delay: Fraction = Fraction(0)) -> FloatArray:
        """Return the (T, width) Whisper states that a frame hears, without encoding.

        Args:
            frame: Number of the frame.
            delay: Seconds by which the audio is moved, to measure what it contributes.
        """
        states = self._audio[0]
        start = self._windows.start(frame) - int(delay * 50)
        rows = self._windows.padding.rows
        low, high = max(start, 0), max(min(start + rows, len(states)), 0)
        part = states[low : max(high, low)].astype(np.float32)
        return take_window(part, low, start, rows)

    def sync_mel(self, frame: int) -> FloatArray:
        """Return the (80, 52) log-mel columns from a frame on."""
        return sync_columns(self._audio[1].astype(np.float32), self.time(frame))

    def landmarks(self, frames: Sequence[int]) -> FloatArray:
        """Return the (N, 68, 2) iBUG points of frames with a face, in pixels of the frame."""
        return np.stack([ibug_points(face) for face in self._present(frames)])

    def _present(self, frames: Sequence[int]) -> Iterator[Face]:
        for frame in frames:
            face = self._faces[frame]
            assert face is not None
            yield face

    def region(self, frame: int) -> Region:
        """Return the stored pixels and landmarks of a frame with a face."""
        begin = int(self._ends[frame - 1]) if frame else 0
        with (self.folder / REGIONS).open("rb") as stream:
            stream.seek(begin)
            packed = stream.read(int(self._ends[frame]) - begin)
        pixels = np.asarray(Image.open(io.BytesIO(packed)), np.uint8)
        x0, y0, _, y1 = self.boxes[frame].tolist()
        scale = float(self._scales[frame])
        (face,) = self._present([frame])
        mesh = (face.mesh - np.array([x0, y0, 0], np.float32)) * np.float32(scale)
        corner = np.array([x0, y0], np.float32)
        landmarks = (ibug_points(face) - corner) * np.float32(scale)
        box = 0, 0, pixels.shape[1], min(round((y1 - y0) * scale), pixels.shape[0])
        return Region(pixels, box, scale, mesh, landmarks)
