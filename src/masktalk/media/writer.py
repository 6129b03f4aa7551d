"""Writing a video with its sound, encoded once, complete or not at all."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import av

from masktalk.errors import EncoderError, MediaError, OutputError
from masktalk.media.audio import open_audio
from masktalk.media.color import Color
from masktalk.media.convert import FromRgb
from masktalk.media.encoders import CONTAINERS, Encoder, Quality, configure, pick_encoder
from masktalk.media.frames import EditedFrame, SourceFrame, Stored
from masktalk.media.output import STANDARD_OUTPUT, PartFile, StandardOutput, cannot_write
from masktalk.media.planes import HALVED_FORMATS, copied
from masktalk.media.soundtrack import Soundtrack
from masktalk.types import Audio, FloatArray, Frame

logger = logging.getLogger(__name__)

_MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


@dataclass(frozen=True)
class WriterOptions:
    """Options of the video writer.

    Attributes:
        width: Of every frame, in pixels; an encoder that needs even sizes gets the last
            column repeated.
        height: Of every frame.
        rate: Frames per second, exact.
        color: Matrix, primaries, transfer and range to encode with and to tag.
        has_alpha: Whether to keep transparency; needs ``.webm`` or ``.mov``.
        encoder: By name; None for the best that can be opened.
        crf: See ``Quality``.
        preset: See ``Quality``.
        overwrite: Whether an existing file is replaced.
        metadata: Metadata of the container by name.
    """

    width: int
    height: int
    rate: Fraction
    color: Color = Color.IMAGE
    has_alpha: bool = False
    encoder: str | None = None
    crf: float = 18.0
    preset: str = "medium"
    overwrite: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", Fraction(self.rate))
        if self.width <= 0 or self.height <= 0 or self.rate <= 0:
            raise ValueError(f"no video is {self.width}x{self.height} at {self.rate} fps")

    @property
    def quality(self) -> Quality:
        """``crf`` and ``preset`` together."""
        return Quality(self.crf, self.preset)


#: Frames that may wait for the encoder while the next one is made.
_AHEAD = 3


class Writer:
    """Frames in, a video file out; a context manager.

    Encoding goes on in a thread of its own while the caller makes the next frame.

    The file appears under its name when the block ends without an error; after an error,
    nothing is left. Sound is written along with the frames and ends with them, to within
    a frame: longer sound is cut, shorter sound is filled with silence.

    Args:
        path: ``.mp4``, ``.m4v``, ``.mov``, ``.mkv`` or ``.webm``; ``-`` writes Matroska (with
            alpha WebM) to standard output as it comes.
        options: See there.
        soundtrack: A file with sound, or blocks of it, or None for a silent video.
        seal: Called with the complete file before it gets its name; may change it in place.
            Not called for standard output.

    Raises:
        OutputError: The file cannot be written.
        EncoderError: No encoder fits.
        MediaError: The soundtrack cannot be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        options: WriterOptions,
        soundtrack: str | os.PathLike[str] | Iterable[Audio] | None = None,
        seal: Callable[[Path], None] | None = None,
    ) -> None:
        self._seal = seal
        self.path = Path(path)
        self.options = options
        self._soundtrack_source = soundtrack
        self.encoder: Encoder = choose_encoder(
            self.path,
            alpha=options.has_alpha,
            preferred=options.encoder,
            size=(options.width, options.height),
            hdr=options.color.is_hdr,
        )
        self._frames = 0
        self._base: tuple[Stored, av.VideoFrame] | None = None
        self._encoding: deque[Future[None]] = deque()

    def __enter__(self) -> Writer:
        with ExitStack() as stack:
            self._part: PartFile | StandardOutput
            if self.path == STANDARD_OUTPUT:
                self._part = StandardOutput()
            else:
                self._part = PartFile(self.path, self.options.overwrite)
            stack.callback(self._part.discard)
            sound = self._open_soundtrack(stack)
            try:
                self._open(stack, sound)
            except av.FFmpegError as error:
                raise _failed(self.path, error) from error
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="masktalk-writer")
            stack.callback(self._worker.shutdown, cancel_futures=True)
            self._stack = stack.pop_all()
        return self

    def write(self, frame: Frame) -> None:
        """Append a frame; its own time is not looked at, frames follow one another.

        Raises:
            OutputError: The disk is full, or went away.
            ValueError: The frame has another size than the options say.
        """
        options = self.options
        if (frame.width, frame.height) != (options.width, options.height):
            raise ValueError(
                f"{frame.width}x{frame.height} frame for {options.width}x{options.height} video"
            )
        picture = self._picture(frame)
        picture.pts = self._frames
        picture.time_base = 1 / options.rate
        self._frames += 1
        self._wait_until(_AHEAD - 1)
        self._encoding.append(self._worker.submit(self._encode, picture, self._frames))

    def _encode(self, picture: av.VideoFrame, frames: int) -> None:
        self._container.mux(self._video.encode(picture))
        if self._sound is not None:
            self._sound.write_until(frames / self.options.rate)

    def _wait_until(self, left: int) -> None:
        """Let the worker go on until no more than ``left`` frames wait to be encoded."""
        while len(self._encoding) > left:
            try:
                self._encoding.popleft().result()
            except av.FFmpegError as error:
                raise _failed(self.path, error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._stack:
            if kind is not None:
                self._part.discard()
                return
            if not self._frames:
                raise OutputError(self.path, "no frames were made", "give longer speech")
            self._finish()
            if self._seal is not None and isinstance(self._part, PartFile):
                self._seal(self._part.path)
            self._part.commit()

    def _picture(self, frame: Frame) -> av.VideoFrame:
        """Convert a frame to the encoder's format; only what was edited, where possible."""
        base = frame.source if isinstance(frame, EditedFrame) else frame
        alpha = self.options.has_alpha
        if (
            not isinstance(base, SourceFrame)
            or base.has_alpha != alpha
            or self._from_rgb.pixel_format not in HALVED_FORMATS
            or self._from_rgb.size != (frame.width, frame.height)
        ):
            pixels = frame.pixels if alpha else frame.pixels[:, :, :3]
            return self._from_rgb(pixels)
        canvas = copied(self._planes(base.stored), self._from_rgb.pixel_format)
        self._from_rgb.color.tag(canvas)
        if isinstance(frame, EditedFrame):
            frame.paste_into(canvas, self._from_rgb)
        return canvas

    def _planes(self, stored: Stored) -> av.VideoFrame:
        if stored.fits(self._from_rgb):
            assert stored.decoded is not None
            return stored.decoded
        if self._base is None or self._base[0] is not stored:
            self._base = stored, self._from_rgb(stored.pixels)
        return self._base[1]

    def _finish(self) -> None:
        rate = self.options.rate
        self._wait_until(0)
        try:
            self._container.mux(self._video.encode(None))
            if self._sound is not None:
                self._sound.finish(self._frames / rate, 1 / rate)
            self._container.close()
        except av.FFmpegError as error:
            raise _failed(self.path, error) from error

    def _open_soundtrack(self, stack: ExitStack) -> tuple[Iterator[FloatArray], int, int] | None:
        source = self._soundtrack_source
        if source is None:
            return None
        if isinstance(source, (str, os.PathLike)):
            sound = stack.enter_context(open_audio(source))
            return sound.blocks(), sound.rate, sound.channels
        blocks = iter(source)
        first = next(blocks, None)
        if first is None:
            raise MediaError("soundtrack", "has 0 seconds of sound", "give some")
        return (block.samples[:, None] for block in chain([first], blocks)), first.sample_rate, 1

    def _open(self, stack: ExitStack, sound: tuple[Iterator[FloatArray], int, int] | None) -> None:
        options, encoder = self.options, self.encoder
        part = self._part
        muxer = _MUXERS[_suffix(self.path, options.has_alpha)]
        self._container: Any = av.open(
            f"file:{part.path}" if isinstance(part, PartFile) else part,
            "w",
            format=muxer,
            container_options={"movflags": "+faststart"} if muxer in ("mp4", "mov") else {},
        )
        stack.callback(self._abandon)
        self._container.metadata.update(options.metadata)
        color = options.color
        if color.range == "full" and not encoder.full_range:
            color = replace(color, range="limited")
        pixel_format = _pixel_format(encoder, options.has_alpha)
        odd = (options.width % 2, options.height % 2) if encoder.even else (0, 0)
        size = (options.width + odd[0], options.height + odd[1])
        self._from_rgb = FromRgb(color, pixel_format, size)
        self._video: Any = self._container.add_stream(encoder.name, rate=options.rate)
        if encoder.name == "libx265" and muxer in ("mp4", "mov"):
            self._video.codec_tag = "hvc1"  # Apple's players take no other
        context: Any = self._video.codec_context
        context.width, context.height = size
        context.pix_fmt = pixel_format
        context.time_base = 1 / options.rate
        color.tag(context)
        configure(context, encoder, options.quality, float(size[0] * size[1] * options.rate))
        self._sound: Soundtrack | None = None
        if sound is not None:
            codec = "libopus" if muxer == "webm" else "aac"
            self._sound = Soundtrack(self._container, codec, *sound)

    def _abandon(self) -> None:
        """Let go of a container whose file is complete, or removed already."""
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            logger.debug("closing what was given up: %s", error)


def choose_encoder(
    path: Path,
    *,
    alpha: bool,
    preferred: str | None = None,
    size: tuple[int, int] | None = None,
    hdr: bool = False,
) -> Encoder:
    """Return the encoder of a file to write.

    Args:
        path: The file; its suffix names the container.
        alpha: Whether transparency is kept.
        preferred: FFmpeg's name of the only encoder to try; None for the best.
        size: (width, height) in pixels; None if it is not known yet.
        hdr: Whether the video is HDR.

    Raises:
        OutputError: The container is unknown.
        EncoderError: It keeps no transparency, or no encoder fits.
    """
    suffix = _suffix(path, alpha)
    if suffix not in CONTAINERS:
        raise OutputError(
            path, f"{suffix or 'no suffix'} is no video format", f"use {', '.join(CONTAINERS)}"
        )
    if alpha and suffix not in (".webm", ".mov"):
        raise EncoderError(
            path, f"{suffix} keeps no transparency", "use .webm or .mov, or give a `background`"
        )
    if hdr and suffix == ".webm":
        raise EncoderError(path, f"{suffix} keeps no HDR", "use .mp4, .mov or .mkv")
    if size is None:
        return pick_encoder(suffix, alpha, preferred, hdr=hdr)
    return pick_encoder(suffix, alpha, preferred, size, hdr)


def _suffix(path: Path, alpha: bool) -> str:
    """Return the suffix that names the container, of standard output one that streams."""
    if path == STANDARD_OUTPUT:
        return ".webm" if alpha else ".mkv"
    return path.suffix.lower()


def _pixel_format(encoder: Encoder, alpha: bool) -> str:
    return encoder.pixel_format if alpha else encoder.pixel_format.replace("yuva", "yuv")


def _failed(path: Path, error: av.FFmpegError) -> OutputError:
    if isinstance(error, OSError) or error.errno:
        return cannot_write(path, OSError(error.errno, error.strerror))
    return OutputError(path, f"could not be encoded ({error})", "try another `encoder`")
