"""The finished file: dubbed pictures and sound, and everything else of the original."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from masktalk.media.local_files import open_input
from masktalk.media.tracks import clock_zero

logger = logging.getLogger(__name__)

#: FFmpeg's decoders of the subtitles that each container keeps.
_SUBTITLES = {
    ".mp4": {"mov_text"}, ".m4v": {"mov_text"}, ".mov": {"mov_text"}, ".webm": {"webvtt"},
    ".mkv": {"srt", "subrip", "ass", "ssa", "webvtt", "pgssub", "dvdsub"},
}  # fmt: skip
#: Metadata that describe the file, not its content.
_OF_THE_FILE = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "creation_time", "comment"}
)


def assemble(dubbed: Path, original: Path, target: Path, metadata: Mapping[str, str]) -> None:
    """Copy the streams of a dubbed video and the rest of the original into one file.

    Subtitles are copied where the container keeps their format; chapters and metadata always.

    Args:
        dubbed: Encoded pictures and sound.
        original: File with subtitles, chapters and metadata.
        target: File to write; its suffix names the container.
        metadata: Metadata to add.
    """
    muxer = {".mkv": "matroska", ".m4v": "mp4"}.get(target.suffix.lower(), target.suffix[1:])
    options = {"movflags": "+faststart"} if muxer in ("mp4", "mov") else {}
    with (
        open_input(dubbed) as made,
        open_input(original) as source,
        av.open(f"file:{target}", "w", format=muxer, container_options=options) as output,
    ):
        kept = {k: v for k, v in source.metadata.items() if k.lower() not in _OF_THE_FILE}
        output.metadata.update({**kept, **metadata})
        output.set_chapters(source.chapters())
        streams = {stream.index: _copied(output, stream) for stream in made.streams}
        subtitles = {
            stream.index: _copied(output, stream)
            for stream in source.streams.subtitles
            if _is_kept(stream, original, target)
        }
        _copy(made, streams, output, Fraction(0))
        if subtitles:
            # What was dubbed begins at 0, whatever the clock of the original began at.
            video, audio = source.streams.best("video"), source.streams.best("audio")
            _copy(source, subtitles, output, clock_zero(source, audio, video) or Fraction(0))


def _is_kept(stream: Any, original: Path, target: Path) -> bool:
    name = stream.codec_context.name if stream.codec_context else "unknown"
    kept = name in _SUBTITLES.get(target.suffix.lower(), ())
    if not kept:
        logger.warning(
            "%s: its %s subtitles do not fit into %s; write .mkv to keep them",
            original, name, target.suffix,
        )  # fmt: skip
    return kept


def _copied(output: Any, stream: Any) -> Any:
    copy = output.add_stream_from_template(stream)
    copy.metadata.update(
        {k: v for k, v in stream.metadata.items() if k in ("language", "title", "handler_name")}
    )
    copy.disposition = stream.disposition
    return copy


def _copy(source: Any, streams: Mapping[int, Any], output: Any, begin: Fraction) -> None:
    """Copy packets; those at ``begin`` seconds of the source come to lie at 0."""
    chosen = [stream for stream in source.streams if stream.index in streams]
    for packet in source.demux(chosen):
        if packet.dts is None and packet.pts is None:
            continue
        shift = round(begin / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = streams[packet.stream_index]
        output.mux(packet)
