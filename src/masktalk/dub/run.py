"""Dub a video by a plan."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from masktalk.dub.casting import Role, cast
from masktalk.dub.mux import assemble
from masktalk.dub.options import DubOptions
from masktalk.dub.people import People, find_people
from masktalk.dub.picture import dubbed_frames
from masktalk.dub.plan import read_plan
from masktalk.dub.sound import Mixer
from masktalk.engines import make_engine
from masktalk.errors import MediaError
from masktalk.files import file_digest
from masktalk.media import Source, Writer, WriterOptions, check_output, open_source
from masktalk.media.output import PartFile
from masktalk.media.writer import choose_encoder
from masktalk.provenance import Ingredient, Marker, Origin
from masktalk.types import Progress, no_progress


@dataclass(frozen=True)
class CastPlan:
    """A plan with the people of its video.

    Attributes:
        source: The video.
        people: Everybody in it.
        roles: In order of time.
    """

    source: Source
    people: People
    roles: list[Role]


@dataclass(frozen=True)
class Dubbed:
    """The result of ``dub``.

    Attributes:
        path: The finished file.
        frames: Number of frames.
        rate: Frames per second.
        roles: The segments, each with its person and frames.
    """

    path: Path
    frames: int
    rate: Fraction
    roles: list[Role]


def plan_dub(
    video: str | os.PathLike[str],
    plan: str | os.PathLike[str],
    options: DubOptions | None = None,
    progress: Progress = no_progress,
) -> CastPlan:
    """Return a plan with its people, without rendering anything.

    Args:
        video: The video.
        plan: See ``read_plan``.
        options: See there; None for the defaults.
        progress: Progress callback.

    Raises:
        InputError: The video or the plan cannot be read.
        InputErrors: Segments cannot be dubbed, one error each.
    """
    options = options or DubOptions()
    read = read_plan(Path(plan), options.voices, options.faces)
    source = open_source(video)
    if source.kind != "video":
        raise MediaError(video, f"is a {source.kind}", "give a video; `masktalk render` takes it")
    people = find_people(source, progress)
    return CastPlan(source, people, cast(read, source, people))


def dub(
    video: str | os.PathLike[str],
    plan: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: DubOptions | None = None,
    progress: Progress = no_progress,
) -> Dubbed:
    """Make the people of a video speak by a plan.

    Frames outside the segments reach the encoder exactly as they were decoded. The sound
    keeps its length to the sample; subtitles, chapters and metadata are copied.

    Args:
        video: The video.
        plan: See ``read_plan``.
        output: .mp4, .mov, .mkv or .webm.
        options: See there; None for the defaults.
        progress: Progress callback.

    Raises:
        InputError: The video or the plan cannot be read.
        InputErrors: Segments cannot be dubbed, one error each; nothing was rendered.
        OutputError: The file exists, or cannot be written.
    """
    options, output, video = options or DubOptions(), Path(output), Path(video)
    make_engine(options.engine, dict(options.engine_options))
    check_output(output, options.overwrite)
    alpha = open_source(video).has_alpha
    choose_encoder(output, alpha=alpha, preferred=options.encoder)
    made = plan_dub(video, plan, options, progress)
    marker = Marker(output, _origin(video, made.roles, options), options.provenance)
    source, rate = made.source, made.source.rate
    assert rate is not None
    settings = WriterOptions(
        source.width, source.height, rate, source.color, source.has_alpha,
        options.encoder, options.crf,
    )  # fmt: skip
    with (
        PartFile(output, options.overwrite) as part,
        tempfile.TemporaryDirectory(prefix="masktalk-dub-") as folder,
    ):
        sound = Path(folder) / "sound.mkv"
        Mixer(video, made.roles, source.frame_count / rate, options.background).write(sound)
        # Matroska keeps no decoding times, which a copy of its packets would need.
        suffix = ".webm" if output.suffix.lower() == ".webm" else ".mov"
        picture = Path(folder) / f"video{suffix}"
        written = 0
        with Writer(picture, settings, soundtrack=sound) as writer:
            for frame in dubbed_frames(source, made.roles, options):
                writer.write(frame)
                written += 1
                progress("rendering", written, source.frame_count)
        assemble(picture, video, part.path, marker.metadata)
        marker.sign(part.path)
    return Dubbed(output, written, rate, made.roles)


def _origin(video: Path, roles: list[Role], options: DubOptions) -> Origin:
    recordings = dict.fromkeys(role.segment.audio for role in roles)
    speech = tuple(Ingredient("speech", path.name, file_digest(path)) for path in recordings)
    return Origin(
        engine=options.engine,
        ingredients=(Ingredient("avatar", video.name, file_digest(video)), *speech),
    )
