"""The Wav2Lip engine: public checkpoints behind masktalk's contract."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from masktalk.avatar import Avatar
from masktalk.compose.boxes import Box
from masktalk.engines.base import Capabilities, Engine, EngineOptions, Speech, frame_count
from masktalk.engines.wav2lip.boxes import face_boxes
from masktalk.engines.wav2lip.options import Wav2LipOptions
from masktalk.errors import NoFaceError
from masktalk.media.resampling import speech_samples
from masktalk.speech.mel import (
    MelWindow,
    MelWindows,
    UpstreamMelWindows,
    mel_windows,
)
from masktalk.speech.silence import SilenceGate
from masktalk.types import Audio, FloatArray, Patch

if TYPE_CHECKING:
    from masktalk.engines.wav2lip.faces import FaceCache, PreparedFace
    from masktalk.engines.wav2lip.model import Model

logger = logging.getLogger(__name__)

#: Frames that live speech is made at a time, at most.
MAX_LIVE_BATCH = 4
#: A frame's window ends 15 columns of 1/80 s after the frame; half a window of the spectrum
#: reaches 1/40 s further.
_LOOKAHEAD_S = Fraction(15, 80) + Fraction(1, 40)


@dataclass(frozen=True, eq=False)
class _Step:
    """One frame to make.

    Attributes:
        index: Avatar frame that it shows.
        mel: (80, 16) log-mel window in -4..4.
        weight: Weight of the generated face, 0..1; 0 leaves the frame as it is.
    """

    index: int
    mel: FloatArray
    weight: float


class Wav2LipEngine(Engine):
    """Repaints the lower face from a log-mel window (Prajwal et al. 2020).

    Raises:
        WeightsError: The checkpoint is not on this machine.
    """

    capabilities = Capabilities(
        name="wav2lip",
        streams=True,
        lookahead=_LOOKAHEAD_S,
        weights=("wav2lip",),
        covered=False,
        extra="wav2lip",
        articulated=False,
    )
    Options: ClassVar[type[EngineOptions]] = Wav2LipOptions
    options: Wav2LipOptions

    def __init__(self, options: EngineOptions | None = None) -> None:
        from masktalk.engines.wav2lip.model import find_checkpoint

        super().__init__(options)
        self._checkpoint = find_checkpoint(self.options)
        self._model: Model | None = None

    @property
    def model(self) -> Model:
        """The generator, loaded when first asked for."""
        if self._model is None:
            from masktalk.engines.wav2lip.model import load_model

            self._model = load_model(self._checkpoint, self.options)
        return self._model

    def prepare(self, avatar: Avatar) -> None:
        """Load the network and encode every face that an image, or a short video, has.

        The faces of longer videos are encoded when they are first shown. All are kept in the
        avatar's folder as far as they fit.

        Raises:
            NoFaceError: No frame has a face.
            OptionError: ``box`` lies outside the frame.
        """
        boxes = self.boxes(avatar)
        present = [index for index, box in enumerate(boxes) if box is not None]
        if not present:
            raise NoFaceError(avatar.folder, "no frame has a face that can be repainted")
        faces = self._faces(avatar, boxes)
        faces.get(present[: self.batch])
        faces.close()

    @property
    def batch(self) -> int:
        """Frames at a time."""
        return self.options.batch_size or self.model.batch

    def boxes(self, avatar: Avatar) -> list[Box | None]:
        """Return the box of each avatar frame, inside the frame; None where there is no face."""
        size = (avatar.width, avatar.height)
        return face_boxes(avatar.faces, size, float(avatar.rate), self.options)

    def speak(self, avatar: Avatar, speech: Speech) -> Iterator[Patch | None]:
        """Yield one patch a frame; see ``Engine.speak``."""
        boxes = self.boxes(avatar)
        faces = self._faces(avatar, boxes)
        gate, heard = SilenceGate(), _HeardSeconds(speech.blocks)
        groups = self._groups(speech, gate.listening(speech_samples(heard)), heard)
        batches = (self._steps(avatar, speech, boxes, gate, group) for group in groups)

        def make(steps: Sequence[_Step]) -> list[Patch | None]:
            return self._patches(faces, steps)

        made = 0
        try:
            for patch in _in_order(batches, make, ahead=speech.recorded):
                made += 1
                yield patch
        finally:
            faces.close()
        if not speech.recorded:
            # As many as a live session counts on, though the reference ends earlier.
            yield from [None] * (frame_count(heard.seconds, speech.rate) - made)

    def _groups(
        self, speech: Speech, samples: Iterator[FloatArray], heard: _HeardSeconds
    ) -> Iterator[Sequence[MelWindow]]:
        """Yield the audio of consecutive frames, as many as are made at a time."""
        windows = (
            UpstreamMelWindows(speech.rate)
            if self.options.compat == "upstream"
            else MelWindows(speech.rate, self.options.pairing)
        )
        ready = mel_windows(windows, samples, lambda: heard.seconds)
        size = self.batch if speech.recorded else min(MAX_LIVE_BATCH, self.batch)
        return _grouped(ready, size, wait=speech.recorded)

    def _steps(
        self,
        avatar: Avatar,
        speech: Speech,
        boxes: Sequence[Box | None],
        gate: SilenceGate,
        group: Sequence[MelWindow],
    ) -> list[_Step]:
        steps = []
        for window in group:
            time = window.frame / speech.rate
            index = avatar.index_at(speech.begin + time)
            animated = self.options.animate_silence or self.options.compat == "upstream"
            weight = 1.0 if animated else gate.weight(time)
            if boxes[index] is None or not speech.wants(window.frame):
                weight = 0.0
            steps.append(_Step(index, window.mel, weight))
        return steps

    def _patches(self, faces: FaceCache, steps: Sequence[_Step]) -> list[Patch | None]:
        shown = [step for step in steps if step.weight > 0]
        if not shown:
            return [None] * len(steps)
        prepared = faces.get([step.index for step in shown])
        mels = np.stack([step.mel[None] for step in shown])
        made = self.model.decode(mels, [face.features for face in prepared])
        patches = iter(
            self._patch(image, face, step.weight)
            for image, face, step in zip(made, prepared, shown, strict=True)
        )
        return [next(patches) if step.weight > 0 else None for step in steps]

    def _patch(self, image: FloatArray, face: PreparedFace, weight: float) -> Patch:
        from masktalk.engines.wav2lip.blending import blended_patch, pasted_patch

        if self.options.compat == "upstream":
            return pasted_patch(image, face.box)
        return blended_patch(image, face.box, face.around, weight)

    def _faces(self, avatar: Avatar, boxes: Sequence[Box | None]) -> FaceCache:
        from masktalk.engines.wav2lip.faces import FaceCache

        options, model = self.options, self.model
        key = {
            "checkpoint": (model.key.checkpoint.name, model.key.stamp),
            "runtime": model.runtime.name,
            "boxes": (options.pads, options.box, options.smoothing, options.compat),
        }
        return FaceCache(avatar, boxes, model.runtime, key)


class _HeardSeconds:
    """Audio that passes through, and its exact length so far.

    Attributes:
        seconds: Length in seconds of the blocks that were taken.
    """

    def __init__(self, blocks: Iterable[Audio]) -> None:
        self._blocks = blocks
        self.seconds = Fraction(0)

    def __iter__(self) -> Iterator[Audio]:
        for block in self._blocks:
            self.seconds += block.duration
            yield block


def _grouped(
    ready: Iterable[Sequence[MelWindow]], size: int, wait: bool
) -> Iterator[Sequence[MelWindow]]:
    """Yield windows in groups of ``size``; with ``wait`` only the last may be smaller."""
    waiting: list[MelWindow] = []
    for windows in ready:
        waiting.extend(windows)
        while len(waiting) >= size or (waiting and not wait):
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting:
        yield waiting


def _in_order(
    batches: Iterable[Sequence[_Step]],
    make: Callable[[Sequence[_Step]], list[Patch | None]],
    ahead: bool,
) -> Iterator[Patch | None]:
    """Yield the patches of batches, the next of which is made while one is composited.

    Args:
        batches: In order; ``next()`` may block.
        make: Runs in a thread of its own.
        ahead: True to take the next batch before the patches of one are yielded; live speech
            cannot wait for it.
    """
    with ThreadPoolExecutor(1) as worker:
        pending: Future[list[Patch | None]] | None = None
        for batch in batches:
            started = worker.submit(make, batch)
            if pending is not None:
                yield from pending.result()
            if ahead:
                pending = started
            else:
                yield from started.result()
        if pending is not None:
            yield from pending.result()
