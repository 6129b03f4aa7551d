"""Offline rendering: an avatar and speech in, a talking video out, one frame at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from masktalk.avatar import Avatar, is_avatar
from masktalk.behaviour.capture import MovementSource
from masktalk.compose import paste
from masktalk.compose.background import read_background
from masktalk.engines import Articulator, Engine, Speech, engine_class, frame_count, make_engine
from masktalk.errors import OptionError
from masktalk.files import file_digest
from masktalk.media import (
    Source,
    Writer,
    WriterOptions,
    audio_duration,
    check_output,
    open_source,
    read_audio,
    stream_audio,
)
from masktalk.media.writer import choose_encoder
from masktalk.option_fields import described, parse_seconds
from masktalk.overlay import engine_for
from masktalk.provenance import MARKINGS, Ingredient, Marker, Marking, Origin, label_patch
from masktalk.types import Audio, Frame, Patch, Progress, no_progress

logger = logging.getLogger(__name__)

SpeechSource: TypeAlias = "str | os.PathLike[str] | Audio | Iterable[Audio]"

_FRAME_RATES = (Fraction(1), Fraction(240))


@dataclass(frozen=True)
class RenderOptions:
    """Options of ``render``.

    Attributes:
        engine: Name in the table of engines.
        engine_options: The engine's own options by name.
        fps: Frames per second; None for the avatar's own (25 for an image).
        encoder: Name of the video encoder; None for the best that opens.
        crf: Constant rate factor; None for the encoder's usual.
        preview: Seconds of the speech to render; None for all of it.
        overwrite: Whether an existing file may be replaced.
        articulator: Audio to articulation; None for the engine's own.
        movement: Movement of eyes and head, as a driving video gives; None generates it.
        text: The words that are said, or a .txt, .srt, .vtt or .TextGrid file with them, for
            sharper lips; None goes by the audio alone. Needs recorded speech and an engine
            that uses articulation; an ``articulator`` takes its place.
        language: Language of the text, as espeak-ng names it.
        background: A colour or an image behind a transparent avatar; None keeps alpha.
        provenance: Statement of origin in the result: signed (C2PA) where that is installed
            and the container keeps it, and in the container's metadata; ``c2pa`` insists on
            the first, ``metadata`` writes only the second, ``off`` none.
        label: Words to show in the corner of every frame; None shows none.
    """

    engine: str = described("warp", "Engine; `masktalk engines` lists them.")
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    fps: Fraction | None = described(None, "Frame rate [the avatar's own, 25 for an image].")
    encoder: str | None = described(None, "Video encoder [the best that opens].")
    crf: int | None = described(None, "Quality, 0 (best) to 51 [18].")
    preview: Fraction | None = described(
        None, "Seconds of the speech to render [all].", partial(parse_seconds, option="preview")
    )
    overwrite: bool = described(False, "Replace an existing file.")
    articulator: Articulator | None = None
    movement: MovementSource | None = None
    text: str | None = described(None, "The words that are said, or a transcript file.")
    language: str = described("en-us", "Language of the text, as espeak-ng names it.")
    background: str | None = described(
        None, "Colour or image behind a transparent avatar [transparency is kept]."
    )
    provenance: Marking = described(
        "auto", "Statement of origin: auto, c2pa (signed), metadata (of the container) or off."
    )
    label: str | None = described(None, "Words to show in the corner of every frame.")

    def __post_init__(self) -> None:
        low, high = _FRAME_RATES
        if self.fps is not None and not low <= self.fps <= high:
            raise OptionError(f"`fps` {self.fps}", f"must lie in {low}..{high}")
        if self.preview is not None and self.preview <= 0:
            raise OptionError(f"`preview` {float(self.preview):g}", "must be more than 0 seconds")
        if self.crf is not None and not 0 <= self.crf <= 51:
            raise OptionError(f"`crf` {self.crf}", "must lie in 0..51")
        if self.provenance not in MARKINGS:
            raise OptionError(
                f"`provenance` {self.provenance}", "is unknown", f"use {', '.join(MARKINGS)}"
            )

    def rate_for(self, avatar: Avatar) -> Fraction:
        """Return the frame rate of the result."""
        if self.fps is not None:
            return self.fps
        return avatar.speaking_rate


@dataclass(frozen=True)
class RenderResult:
    """The result of ``render``.

    Attributes:
        path: The finished file.
        frames: Number of frames.
        rate: Frames per second.
        encoder: Name of the video encoder.
    """

    path: Path
    frames: int
    rate: Fraction
    encoder: str


def frames(
    avatar: Avatar, speech: SpeechSource, options: RenderOptions | None = None
) -> Iterator[Frame]:
    """Yield the frames of the speaking avatar, lazily.

    Frame i is at ``i / rate`` seconds; there are ``round(seconds of speech x rate)``.

    Args:
        avatar: From ``prepare``.
        speech: A file, audio, or an iterable of audio that may still be arriving.
        options: See there; those of the output file are ignored.
    """
    options = options or RenderOptions()
    if options.background is not None and not avatar.has_alpha:
        raise OptionError("`background`", "does not apply: the avatar is not transparent")
    engine = engine_for(avatar, options.engine, options.engine_options)
    rate = options.rate_for(avatar)
    blocks = _limited(_blocks(speech), options.preview)
    recorded = isinstance(speech, (str, os.PathLike, Audio))
    articulator = known_text_articulator(speech, options)
    said = Speech(
        blocks, rate, articulator=articulator, recorded=recorded, movement=options.movement
    )
    made = compose(avatar, engine, said)
    if options.background is not None:
        made = map(read_background(options.background).behind, made)
    if options.label is None:
        return made
    label = label_patch(options.label, avatar.width, avatar.height)
    return (paste(frame, label, frame.time) for frame in made)


def known_text_articulator(speech: SpeechSource, options: RenderOptions) -> Articulator | None:
    """Return the articulator of the options: the given one, or one that knows their text.

    Raises:
        OptionError: The text does not apply to the engine or to speech that is still
            arriving, or espeak-ng does not know the language.
        InputError: The transcript cannot be read.
    """
    if options.articulator is not None or options.text is None:
        return options.articulator
    if not engine_class(options.engine).capabilities.articulated:
        raise OptionError("`text`", f"does not apply to engine {options.engine!r}")
    if not isinstance(speech, (str, os.PathLike, Audio)):
        raise OptionError("`text`", "needs recorded speech", "give a file or an Audio")
    from masktalk.speech.known import Playback, articulate_known, transcript_for

    transcript = transcript_for("" if isinstance(speech, Audio) else speech, options.text)
    assert transcript is not None  # only without a text may there be none
    audio = speech if isinstance(speech, Audio) else read_audio(speech)
    return Playback(articulate_known(audio, transcript, options.language))


def compose(avatar: Avatar, engine: Engine, speech: Speech) -> Iterator[Frame]:
    """Composite an engine's patches onto the avatar's frames; yields every frame."""
    for step, patch in enumerate(engine.speak(avatar, speech)):
        yield compose_one(avatar, patch, speech.begin, Fraction(step) / speech.rate)


def compose_one(avatar: Avatar, patch: Patch | None, begin: Fraction, time: Fraction) -> Frame:
    """Return the frame at ``time`` of a speech that began at ``begin`` on the avatar's clock."""
    return paste(avatar.frame(avatar.index_at(begin + time)), patch, time)


def render(
    avatar: Avatar | str | os.PathLike[str],
    speech: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: RenderOptions | None = None,
    progress: Progress = no_progress,
) -> RenderResult:
    """Render the speaking avatar to a file, which appears only when it is complete.

    Args:
        avatar: From ``prepare``, or anything ``prepare`` takes.
        speech: An audio file, or a video whose audio is the speech.
        output: .mp4, .mov, .mkv or .webm.
        options: See there; None for the defaults.
        progress: Progress callback.

    Raises:
        InputError: The avatar's source or the speech cannot be used.
        OptionError: An option has no such value or does not apply to the engine.
        OutputError: The file exists, or cannot be written.
    """
    options = options or RenderOptions()
    speech, output = Path(speech), Path(output)
    make_engine(options.engine, dict(options.engine_options))
    check_output(output, options.overwrite)
    options = replace(options, articulator=known_text_articulator(speech, options))
    if not isinstance(avatar, Avatar):
        check_encoding(avatar, output, options)
    seconds = spoken_seconds(speech, options)
    if not isinstance(avatar, Avatar):
        from masktalk.preparation import PrepareOptions, prepare

        avatar = prepare(avatar, options=PrepareOptions(seconds=seconds), progress=progress)
    rate = options.rate_for(avatar)
    total = frame_count(seconds, rate)
    marker = Marker(output, _origin(avatar, speech, options), options.provenance)
    settings = replace(_writer_options(avatar, rate, options), metadata=marker.metadata)
    writer = Writer(output, settings, soundtrack=speech, seal=marker.sign)
    with writer:
        written = 0
        for frame in frames(avatar, speech, options):
            writer.write(frame)
            written += 1
            progress("rendering", written, total)
    return RenderResult(output, written, rate, writer.encoder.name)


def spoken_seconds(speech: str | os.PathLike[str], options: RenderOptions) -> Fraction:
    """Return the seconds of a speech file that will be rendered.

    Raises:
        MediaError: The file has no audio, or cannot be read.
    """
    seconds = audio_duration(speech)
    return seconds if options.preview is None else min(seconds, options.preview)


def check_encoding(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: RenderOptions,
    keep_hdr: bool = False,
) -> None:
    """Find out before an avatar is prepared whether its video can be encoded.

    Args:
        source: Anything that ``prepare`` takes.
        output: The file to write.
        options: See there.
        keep_hdr: Whether HDR video will stay HDR.

    Raises:
        OutputError: The container is unknown or keeps no transparency.
        EncoderError: The encoder is unknown or cannot be opened.
        OptionError: ``background`` does not apply.
        InputError: The source cannot be read.
    """
    path = Path(source)
    if not keep_hdr and not is_avatar(path):
        # What the name alone tells is refused before the source is read.
        choose_encoder(Path(output), alpha=False, preferred=options.encoder)
    opened: Avatar | Source
    if is_avatar(path):
        opened = Avatar(path)
        color = opened.store.color
    else:
        opened = open_source(path, keep_hdr=keep_hdr)
        color = opened.color
    choose_encoder(Path(output), alpha=False, preferred=options.encoder, hdr=color.is_hdr)
    if options.background is not None and not opened.has_alpha:
        raise OptionError("`background`", "does not apply: the avatar is not transparent")
    if opened.has_alpha and options.background is None:
        choose_encoder(Path(output), alpha=True, preferred=options.encoder)


def _origin(avatar: Avatar, speech: Path, options: RenderOptions) -> Origin:
    source = avatar.manifest.source
    return Origin(
        engine=options.engine,
        ingredients=(
            Ingredient("avatar", source.name, source.digest),
            Ingredient("speech", speech.name, file_digest(speech)),
        ),
        consent=avatar.manifest.options.get("consent") or "",
    )


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
    """Yield the blocks up to a time, the last one cut at it."""
    for block in blocks:
        if seconds is None or block.end <= seconds:
            yield block
            continue
        keep = int((seconds - block.time) * block.sample_rate)
        if keep > 0:
            yield Audio(block.samples[:keep], block.sample_rate, block.time)
        return
