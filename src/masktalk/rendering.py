"""Offline: an avatar and speech in, a talking video out, one frame at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from masktalk.avatar import Avatar
from masktalk.compose import paste
from masktalk.compose.background import read_background
from masktalk.engines import Articulator, Engine, Speech, frame_count, make_engine
from masktalk.errors import OptionError
from masktalk.masking import masked_engine
from masktalk.media import (
    Writer,
    WriterOptions,
    audio_duration,
    check_output,
    stream_audio,
)
from masktalk.types import Audio, Frame, Patch, Progress, no_progress

logger = logging.getLogger(__name__)

SpeechSource: TypeAlias = "str | os.PathLike[str] | Audio | Iterable[Audio]"

#: Frames per second of a talking picture, which has no rate of its own.
PICTURE_RATE = Fraction(25)
_RATES = (Fraction(1), Fraction(240))


@dataclass(frozen=True)
class RenderOptions:
    """How a video is made.

    Attributes:
        engine: Name in the table of engines.
        engine_options: The engine's own options by name.
        fps: Frames per second; None for the avatar's own (25 for a picture).
        encoder: Name of the video encoder; None for the best that opens.
        crf: Constant rate factor; None for the encoder's usual.
        preview: Only so many seconds of the speech; None for all of it.
        overwrite: Whether an existing file may be replaced.
        articulator: What turns the sound into articulation; None for the engine's own.
        background: A colour or a picture behind a transparent avatar; None keeps alpha.
    """

    engine: str = "warp"
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    fps: Fraction | None = None
    encoder: str | None = None
    crf: int | None = None
    preview: Fraction | None = None
    overwrite: bool = False
    articulator: Articulator | None = None
    background: str | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not _RATES[0] <= self.fps <= _RATES[1]:
            raise OptionError(f"--fps {self.fps}", f"must lie in {_RATES[0]}..{_RATES[1]}")
        if self.preview is not None and self.preview <= 0:
            raise OptionError(f"--preview {float(self.preview):g}", "must be more than 0 seconds")
        if self.crf is not None and not 0 <= self.crf <= 51:
            raise OptionError(f"--crf {self.crf}", "must lie in 0..51")

    def rate_for(self, avatar: Avatar) -> Fraction:
        """Frames per second of the result."""
        if self.fps is not None:
            return self.fps
        return PICTURE_RATE if avatar.is_picture else avatar.rate


@dataclass(frozen=True)
class Rendered:
    """What came out.

    Attributes:
        path: The finished file.
        frames: How many it has.
        rate: Frames per second.
        encoder: Which encoder made it.
    """

    path: Path
    frames: int
    rate: Fraction
    encoder: str


def frames(
    avatar: Avatar, speech: SpeechSource, options: RenderOptions | None = None
) -> Iterator[Frame]:
    """The avatar speaking, frame by frame, as fast as they are asked for.

    Frame i is at ``i / rate`` seconds; there are ``round(seconds of speech x rate)``.

    Args:
        avatar: From ``prepare``.
        speech: A file, sound, or an iterable of sound that may still be coming in.
        options: How; what concerns the file is not used here.
    """
    options = options or RenderOptions()
    if options.background is not None and not avatar.has_alpha:
        raise OptionError("--background", "does not apply: the avatar is not transparent")
    engine = make_engine(options.engine, dict(options.engine_options))
    engine = masked_engine(engine, avatar)
    engine.prepare(avatar)
    rate = options.rate_for(avatar)
    blocks = _limited(_blocks(speech), options.preview)
    recorded = isinstance(speech, (str, os.PathLike, Audio))
    said = Speech(blocks, rate, articulator=options.articulator, recorded=recorded)
    made = compose(avatar, engine, said)
    if options.background is None:
        return made
    return map(read_background(options.background).behind, made)


def compose(avatar: Avatar, engine: Engine, speech: Speech) -> Iterator[Frame]:
    """An engine's patches pasted over the avatar's own frames: the one way to a frame."""
    for step, patch in enumerate(engine.speak(avatar, speech)):
        yield compose_one(avatar, patch, speech.begin, Fraction(step) / speech.rate)


def compose_one(avatar: Avatar, patch: Patch | None, begin: Fraction, time: Fraction) -> Frame:
    """The frame at ``time`` of a speech that began at ``begin`` on the avatar's clock."""
    return paste(avatar.frame(avatar.index_at(begin + time)), patch, time)


def render(
    avatar: Avatar | str | os.PathLike[str],
    speech: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: RenderOptions | None = None,
    progress: Progress = no_progress,
) -> Rendered:
    """Write the avatar speaking to a file, which appears only when it is complete.

    Args:
        avatar: From ``prepare``, or anything ``prepare`` takes.
        speech: A sound file, or a video whose sound is the speech.
        output: .mp4, .mov, .mkv or .webm.
        options: How.
        progress: Told how far it is.

    Raises:
        InputError: The avatar's source or the speech cannot be used.
        OptionError: An option has no such value or does not apply to the engine.
        OutputError: The file exists, or cannot be written.
    """
    options = options or RenderOptions()
    speech, output = Path(speech), Path(output)
    make_engine(options.engine, dict(options.engine_options))
    check_output(output, options.overwrite)
    seconds = audio_duration(speech)
    if not isinstance(avatar, Avatar):
        from masktalk.preparation import prepare

        avatar = prepare(avatar, progress=progress)
    if options.preview is not None:
        seconds = min(seconds, options.preview)
    rate = options.rate_for(avatar)
    total = frame_count(seconds, rate)
    writer = Writer(output, _writer_options(avatar, rate, options), soundtrack=speech)
    with writer:
        written = 0
        for frame in frames(avatar, speech, options):
            writer.write(frame)
            written += 1
            progress("rendering", written, total)
    return Rendered(output, written, rate, writer.encoder.name)


def _writer_options(avatar: Avatar, rate: Fraction, options: RenderOptions) -> WriterOptions:
    wanted = WriterOptions(
        width=avatar.width,
        height=avatar.height,
        rate=rate,
        color=avatar.store.color,
        has_alpha=avatar.has_alpha and options.background is None,
        encoder=options.encoder,
        overwrite=options.overwrite,
    )
    return wanted if options.crf is None else replace(wanted, crf=options.crf)


def _blocks(speech: SpeechSource) -> Iterable[Audio]:
    if isinstance(speech, Audio):
        return [speech]
    if isinstance(speech, (str, os.PathLike)):
        return stream_audio(Path(speech))
    return speech


def _limited(blocks: Iterable[Audio], seconds: Fraction | None) -> Iterator[Audio]:
    """The blocks up to a time, the last one cut at it."""
    for block in blocks:
        if seconds is None or block.end <= seconds:
            yield block
            continue
        keep = int((seconds - block.time) * block.sample_rate)
        if keep > 0:
            yield Audio(block.samples[:keep], block.sample_rate, block.time)
        return
