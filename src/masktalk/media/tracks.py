"""The track of a file to use, and the common zero of its clock."""

from __future__ import annotations

import logging
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

from masktalk.media.local_files import open_input

logger = logging.getLogger(__name__)

#: Audio that leads the picture by less belongs to the encoder (priming, interleaving).
_AUDIO_LEAD_S = Fraction(1, 4)


def video_tracks(container: Any) -> list[Any]:
    """Return the video streams of an open container that are no attached pictures."""
    return [
        stream
        for stream in container.streams.video
        if not stream.disposition & type(stream.disposition).attached_pic
    ]


def main_video_track(path: Path) -> int | None:
    """Return the stream index of the default or largest moving video track; None without one."""
    with open_input(path) as container:
        tracks = video_tracks(container)
        if len(tracks) < 2:
            return tracks[0].index if tracks else None
        packets = Counter(packet.stream_index for packet in container.demux(tracks) if packet.size)
        moving = [track for track in tracks if packets[track.index] > 1] or tracks
        default = [track for track in moving if track.disposition & type(track.disposition).default]
        candidates = default if len(default) == 1 else moving
        chosen = max(candidates, key=_area)
        if len(moving) > 1:
            context = chosen.codec_context
            logger.warning(
                "%s: has %d video tracks; used stream %d (%dx%d)",
                path, len(moving), chosen.index, context.width, context.height,
            )  # fmt: skip
        return int(chosen.index)


def _area(track: Any) -> int:
    context = track.codec_context
    return context.width * context.height if context is not None else 0


def clock_zero(container: Any, audio: Any, video: Any) -> Fraction | None:
    """Return the time stamp, in seconds, at which a file's frames and audio both begin.

    That is the first frame, unless the audio leads it by more than an encoder's priming.

    Args:
        container: Opened.
        audio: Audio stream, or None.
        video: Video stream, or None.
    """
    starts: list[Fraction | None] = [
        None if stream is None or stream.start_time is None
        else stream.start_time * stream.time_base
        for stream in (audio, video)
    ]  # fmt: skip
    heard, seen = starts
    if seen is None or heard is None:
        return seen if heard is None else heard
    return heard if heard < seen - _AUDIO_LEAD_S else seen
