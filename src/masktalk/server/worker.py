"""The process that touches what strangers sent: one task, bounded, then gone.

``python -m masktalk.server.worker`` reads one order as a line of JSON from standard input
and writes answers as lines of JSON to standard output. When standard input ends, whoever
gave the order is gone, and so is the worker.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from pydantic import BaseModel

from masktalk.errors import MasktalkError, MediaError
from masktalk.server.problems import Problem, problem_of
from masktalk.server.tasks import Failed, Finished, Found, Hear, Order, Prepare, Probe, Render, Step

if TYPE_CHECKING:
    from masktalk.engines.base import Articulator

_PREVIEW, _THUMBNAIL = 1600, 320
_SECONDS_BETWEEN_STEPS = 0.1


def main() -> None:
    """Do the task that standard input orders."""
    order = Order.model_validate_json(sys.stdin.readline())
    _bound(order)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    answer: BaseModel
    try:
        answer = _do(order)
    except MasktalkError as error:
        answer = Failed(problem=problem_of(_anonymous(error)))
    except MemoryError:
        answer = Failed(problem=Problem(type="MediaError", message="needs too much memory"))
    _say(answer)


def _bound(order: Order) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (order.memory, order.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (order.cpu_seconds, order.cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)  # live sessions come first


def _die_with_parent() -> None:
    sys.stdin.read()
    os._exit(3)


def _say(answer: BaseModel) -> None:
    sys.stdout.write(answer.model_dump_json() + "\n")
    sys.stdout.flush()


def _anonymous(error: MasktalkError) -> MasktalkError:
    """Return the same error without the server's own paths in it."""
    subject = Path(error.subject)
    if not subject.is_absolute():
        return error
    name = "the file" if subject.stem == "source" else subject.name
    return type(error)(name, error.problem.replace(str(subject.parent), ""), error.remedy)


def _do(order: Order) -> Found | Finished:
    task = order.task
    if isinstance(task, Probe):
        return _probe(task)
    if isinstance(task, Hear):
        return _hear(task)
    if isinstance(task, Prepare):
        return _prepare(task)
    return _render(task)


def _probe(task: Probe) -> Found:
    from PIL import Image

    from masktalk.media import Limits, open_source

    source = open_source(task.source, limits=Limits(max_pixels=task.pixels))
    seconds = float(source.frame_count / source.rate) if source.rate else 0.0
    if seconds > task.seconds:
        raise MediaError(
            task.source, f"is {seconds:.0f} s long", f"cut it to at most {task.seconds:.0f} s"
        )
    first = next(iter(source.frames()))
    picture = Image.fromarray(first.pixels)
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, (128, 128, 128, 255))
        picture = Image.alpha_composite(ground, picture).convert("RGB")
    for path, size in ((task.preview, _PREVIEW), (task.thumbnail, _THUMBNAIL)):
        small = picture.copy()
        small.thumbnail((size, size), Image.Resampling.LANCZOS)
        small.save(path, "JPEG", quality=88)
    return Found(source=source.kind, width=source.width, height=source.height, seconds=seconds)


def _hear(task: Hear) -> Finished:
    import numpy as np

    from masktalk.media import stream_audio
    from masktalk.numerics import to_pcm16

    parts = []
    for block in stream_audio(task.source, task.rate, Fraction(1)):
        parts.append(to_pcm16(block.samples))
        if len(parts) > task.seconds:
            raise MediaError(task.source, "is too long", f"cut it to at most {task.seconds:.0f} s")
    samples = np.concatenate(parts)
    with task.samples.open("wb") as file:
        np.save(file, samples, allow_pickle=False)
    return Finished(seconds=len(samples) / task.rate)


def _prepare(task: Prepare) -> Finished:
    from masktalk.overlay import engine_for
    from masktalk.preparation import PrepareOptions, prepare

    points = None if task.points is None else _in_source_pixels(task.points, task.source)
    options = PrepareOptions(points=points, mouth=task.mouth, face=task.face)
    rmtree(task.live_folder, ignore_errors=True)
    with prepare(task.source, task.folder, options, _Steps()) as avatar:
        _say(Step(stage="warming up", done=0, total=1))
        engine_for(avatar, "warp")
        size = (avatar.width, avatar.height)
    if max(size) > task.live_side:
        height = round(size[1] * task.live_side / max(size)) // 2 * 2
        smaller = replace(options, height=height)
        with prepare(task.source, task.live_folder, smaller, _Steps()) as avatar:
            engine_for(avatar, "warp")
    return Finished()


def _in_source_pixels(points: Path, source: Path) -> Path:
    """Return a file of points, which the page gives in the avatar's pixels, in the source's."""
    from masktalk.faces import read_points
    from masktalk.media import open_source

    scale = open_source(source).scale
    if scale == 1:
        return points
    scaled = points.with_name(f"{points.stem}.source.json")
    frames = [
        frame.model_dump(exclude_none=True)
        for frame in read_points(points).scaled(1 / scale).frames
    ]
    scaled.write_text(json.dumps(frames), encoding="utf-8")
    return scaled


def _render(task: Render) -> Finished:
    from masktalk.rendering import render
    from masktalk.server.schemas import render_options

    options = replace(render_options(task.options), articulator=_known_words(task))
    render(task.avatar, task.speech, task.output, options, _Steps())
    return Finished()


def _known_words(task: Render) -> Articulator | None:
    """Return an articulator that knows the words of synthesised speech, where it can be made.

    The words are never passed as the option ``text``, which may name a file.
    """
    if not task.text:
        return None
    from masktalk.media import read_audio
    from masktalk.speech.known import Playback, articulate_known
    from masktalk.speech.transcript import Cue, Transcript

    transcript = Transcript((Cue(task.text),))
    try:
        return Playback(articulate_known(read_audio(task.speech), transcript, task.language))
    except MasktalkError as error:
        logging.warning("the words are not used: %s", error)
        return None


class _Steps:
    """Progress, no more often than anybody can see."""

    def __init__(self) -> None:
        self._last = (0.0, "")

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if stage == self._last[1] and now - self._last[0] < _SECONDS_BETWEEN_STEPS:
            return
        self._last = (now, stage)
        _say(Step(stage=stage, done=done, total=total))


if __name__ == "__main__":
    main()
