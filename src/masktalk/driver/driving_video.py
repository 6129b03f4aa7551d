"""Options of a driving video, and the articulator made of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from masktalk.avatar import Avatar
from masktalk.behaviour.capture import MovementSource, parse_parts, read_capture
from masktalk.driver.borrowed import EngineArticulator, VideoArticulator
from masktalk.driver.calibration import Calibration
from masktalk.driver.driven_head import DrivenHead, measure_head
from masktalk.engines import Articulator
from masktalk.engines.base import engine_class, make_engine
from masktalk.errors import InputError, OptionError
from masktalk.faces.measures import MouthMeasures, measure_mouth
from masktalk.faces.mouth_tracker import follow_mouth
from masktalk.media import open_source
from masktalk.option_fields import described
from masktalk.preparation import prepare
from masktalk.rendering import RenderOptions, frames
from masktalk.speech.gestures import REST_WIDTH
from masktalk.speech.known import Playback
from masktalk.types import Audio, Frame

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DriverOptions:
    """Whose mouth drives the avatar: a video's, or one that an engine gives a face.

    Attributes:
        video: A talking video, or a face capture (CSV of Live Link Face).
        parts: Parts of the head that the video drives: mouth, eyes, head, joined by commas.
        engine: Name of an engine that makes a placeholder speak.
        face: The placeholder: a picture of a human face, or its prepared avatar.
        engine_options: That engine's own options by name.
    """

    video: Path | None = described(
        None, "A talking video, or a Live Link Face CSV, that drives the avatar."
    )
    parts: str = described("mouth", "Parts that `driver.video` drives: mouth,eyes,head [mouth].")
    engine: str | None = described(
        None, "An engine that makes `driver.face` speak and so drives the avatar."
    )
    face: Path | None = described(None, "A human face for `driver.engine`.")
    engine_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parse_parts(self.parts)
        if self.video is not None and (self.engine or self.face):
            raise OptionError("`driver.video`", "excludes `driver.engine`", "give one of them")
        if (self.engine is None) != (self.face is None):
            given, missing = ("`driver.engine`", "`driver.face`")
            if self.engine is None:
                given, missing = missing, given
            raise OptionError(given, f"needs {missing}", "give both or neither")


def make_driver(options: DriverOptions, avatar: Avatar, engine: str = "warp") -> Articulator | None:
    """Return the articulator that borrows the driver's mouth for ``avatar``; None when none is set.

    Args:
        options: Whose mouth.
        avatar: Who is driven.
        engine: Name of the engine that moves the avatar.

    Raises:
        MediaError: The driver cannot be read.
        InputError: The driver is not a video.
        OptionError: There is no such engine, or it does not move by articulation.
        NoFaceError: The placeholder has no face.
    """
    if not (options.video or options.engine):
        return None
    if options.video is not None and "mouth" not in parse_parts(options.parts):
        return None
    if not engine_class(engine).capabilities.articulated:
        raise OptionError(
            "`driver`", f"does not apply to engine {engine!r}", "it does not use blendshape weights"
        )
    calibration = Calibration(_mouth_width(avatar))
    if options.video is not None and _is_capture(options.video):
        return Playback(read_capture(options.video).articulation())
    if options.video is not None:
        source = open_source(options.video)
        if source.kind == "picture":
            raise InputError(options.video, "is a picture and cannot drive", "give a talking video")
        return VideoArticulator(_watched(options.video, source.frames()), calibration)
    assert options.engine is not None
    assert options.face is not None
    lookahead = engine_class(options.engine).capabilities.lookahead
    make_engine(options.engine, dict(options.engine_options))  # what is wrong is said now
    rendering = RenderOptions(engine=options.engine, engine_options=options.engine_options)
    placeholder = prepare(options.face)

    def make_mouth(blocks: Iterator[Audio]) -> Iterator[MouthMeasures]:
        return _mouth_of(frames(placeholder, blocks, rendering))

    return EngineArticulator(make_mouth, lookahead, calibration)


def make_movement(options: DriverOptions) -> MovementSource | None:
    """Return eyes and head of the driving video or capture; None when they are not driven.

    Raises:
        MediaError: The video cannot be read.
        InputError: The capture cannot be read.
    """
    parts = parse_parts(options.parts) - {"mouth"}
    if options.video is None or not parts:
        return None
    if _is_capture(options.video):
        return read_capture(options.video, parts)
    followed = follow_mouth(open_source(options.video).frames())
    measures = (
        None if mesh is None else measure_head(mesh, frame.time) for frame, mesh, _ in followed
    )
    return DrivenHead(measures, parts)


def _is_capture(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _watched(path: Path, frames: Iterable[Frame]) -> Iterator[MouthMeasures]:
    """Yield the mouth of a video; warn when there was none to the end."""
    seen = False
    for measures in _mouth_of(frames):
        seen = seen or measures.tracked
        yield measures
    if not seen:
        logger.warning("%s: no face is seen in it; the avatar keeps still", path)


def _mouth_of(frames: Iterable[Frame]) -> Iterator[MouthMeasures]:
    return (measures for _, _, measures in follow_mouth(frames))


def _mouth_width(avatar: Avatar) -> float:
    """Return the avatar's mouth width in eye distances; an average one where it is covered."""
    face = next((face for face in avatar.faces if face is not None), None)
    if face is None or face.mouth_state == "occluded":
        return REST_WIDTH
    return measure_mouth(face).width
