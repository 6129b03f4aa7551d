"""The SadTalker engine: public checkpoints behind masktalk's contract."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakValueDictionary

import numpy as np

from masktalk.avatar import Avatar
from masktalk.engines.base import Capabilities, Engine, EngineOptions, Speech, frame_count
from masktalk.engines.device import Compute, choose_compute, estimate_seconds
from masktalk.engines.prepared import prepared_folder, weights_fingerprint
from masktalk.engines.sadtalker.options import SadTalkerOptions
from masktalk.errors import NoFaceError
from masktalk.media.resampling import speech_samples
from masktalk.types import Audio, FloatArray, Patch, UInt8Array

if TYPE_CHECKING:
    from masktalk.engines.sadtalker.checkpoint import Files, Networks
    from masktalk.engines.sadtalker.heads import Heads, PreparedHead

logger = logging.getLogger(__name__)

#: Raised whenever what is kept in an avatar's folder changes its meaning.
_FORMAT = 1
#: Multiply-adds of one frame at 256 pixels.
_FRAME_MACS = 0.514e12


@dataclass(frozen=True, eq=False)
class RenderedHead:
    """A head that speaks.

    Attributes:
        index: The avatar's frame that it belongs to.
        head: As it was prepared.
        pixels: (S, S, 3) RGB uint8.
    """

    index: int
    head: PreparedHead
    pixels: UInt8Array


class SadTalkerEngine(Engine):
    """Renders a whole speaking head from one picture.

    Raises:
        WeightsError: A file that it cannot do without is not on this machine.
    """

    capabilities = Capabilities(
        name="sadtalker",
        streams=False,
        lookahead=Fraction(0),
        weights=("sadtalker-256", "sadtalker-mapping-full"),
        covered=False,
        extra="sadtalker",
        articulated=False,
    )
    Options: ClassVar[type[EngineOptions]] = SadTalkerOptions
    options: SadTalkerOptions

    def __init__(self, options: EngineOptions | None = None) -> None:
        from masktalk.engines.sadtalker.checkpoint import Files

        super().__init__(options)
        self._files = Files.find(self.options)
        self._loaded: _Loaded | None = None

    def prepare(self, avatar: Avatar) -> None:
        """Load the networks and prepare the head that is shown first.

        The others of a video are prepared when they are first shown; all are kept in the
        avatar's folder.

        Raises:
            NoFaceError: No frame has a face.
        """
        self._heads(avatar).get(_home(avatar))

    def speak(self, avatar: Avatar, speech: Speech) -> Iterator[Patch | None]:
        """Yield one patch or None a frame; see ``Engine.speak``."""
        from masktalk.engines.sadtalker.composition import feathered_patch, poisson_patch

        size = (avatar.width, avatar.height)
        for rendered in self.heads(avatar, speech):
            if rendered is None:
                yield None
                continue
            pixels, region = rendered.pixels, rendered.head.region
            if self.options.paste == "poisson":
                frame = np.ascontiguousarray(avatar.frame(rendered.index).pixels[..., :3])
                yield poisson_patch(pixels, region, frame)
            else:
                yield feathered_patch(pixels, region, size)

    def heads(self, avatar: Avatar, speech: Speech) -> Iterator[RenderedHead | None]:
        """Yield the square heads before they are composited, one a frame.

        Args:
            avatar: Prepared by ``prepare``.
            speech: As for ``speak``.
        """
        from masktalk.engines.sadtalker.curves import STEP_RATE, STEP_SAMPLES, whole_steps
        from masktalk.engines.sadtalker.performance import Animator, Performer
        from masktalk.engines.sadtalker.reference import read_references

        samples, seconds = _heard(speech)
        total = frame_count(seconds, speech.rate)
        if total == 0:
            return
        networks, heads = self._networks, self._heads(avatar)
        motion = self.options.motion
        if not avatar.is_image:
            motion = replace(motion, head_scale=0.0)
        steps = frame_count(seconds, Fraction(STEP_RATE))
        if self.options.upstream:
            steps = len(samples) // STEP_SAMPLES
        performer = Performer(networks.expression, networks.pose, motion)
        performance = performer.perform(
            whole_steps(samples, max(steps, 1)),
            heads.get(_home(avatar)).coefficients,
            read_references(self.options, networks.recon),
        )
        animator = Animator(networks.expression, networks.mapping, motion)
        self._announce(total)
        for index, steps_of in self._groups(avatar, speech, total):
            if index is None:
                yield None
                continue
            head = heads.get(index)
            times = [step / speech.rate for step in steps_of]
            driving = animator.keypoints(head.puppet, performance, times)
            rest = animator.rest(head.puppet)
            for pixels in networks.renderer.render(head.source, rest, driving):
                yield RenderedHead(index, head, pixels)

    def _groups(
        self, avatar: Avatar, speech: Speech, total: int
    ) -> Iterator[tuple[int | None, Sequence[int]]]:
        """Yield avatar frames and the consecutive steps that show each, a batch at most.

        A frame that has no face or that nobody will see is None, with one step.
        """
        waiting: list[int] = []
        shown: int | None = None
        batch = self._compute.batch
        for step in range(total):
            index = avatar.index_at(speech.begin + step / speech.rate)
            made = avatar.faces[index] is not None and speech.wants(step)
            if waiting and (not made or index != shown or len(waiting) == batch):
                yield shown, waiting
                waiting = []
            if made:
                shown = index
                waiting.append(step)
            else:
                yield None, [step]
        if waiting:
            yield shown, waiting

    @property
    def _networks(self) -> Networks:
        if self._loaded is None:
            self._loaded = _load(self._files, self._compute)
        return self._loaded.networks

    @property
    def _compute(self) -> Compute:
        options = self.options
        batch = options.batch_size
        compute = choose_compute(options.device, options.precision, batch)
        return (
            replace(compute, batch=1) if batch is None and compute.device.type == "cpu" else compute
        )

    def _heads(self, avatar: Avatar) -> Heads:
        from masktalk.engines.sadtalker.heads import CropRule, Heads

        options = self.options
        rule = CropRule(options.preprocess, options.size, options.upstream)
        facts = {
            "format": _FORMAT,
            "weights": [weights_fingerprint(path) for path in self._files.all],
            "rule": str(rule),
            "precision": self._compute.precision,
        }
        folder = prepared_folder(avatar, self.capabilities.name, facts)
        return Heads(avatar, self._networks, rule, folder)

    def _announce(self, total: int) -> None:
        compute = self._compute
        if compute.device.type == "cuda":
            return
        seconds = estimate_seconds(compute, _FRAME_MACS * (self.options.size / 256) ** 2)
        logger.warning(
            "sadtalker runs on %s in %s: about %.2g s a frame, %.2g minutes for these %d frames; "
            "the engine warp takes seconds",
            "the processor" if compute.device.type == "cpu" else compute.device.type,
            compute.precision,
            seconds,
            seconds * total / 60,
            total,
        )


class _Loaded:
    """Networks that engines on the same files share."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks


_LOADED: WeakValueDictionary[tuple[Files, Compute], _Loaded] = WeakValueDictionary()


def _load(files: Files, compute: Compute) -> _Loaded:
    from masktalk.engines.sadtalker.checkpoint import load_networks

    loaded = _LOADED.get((files, compute))
    if loaded is None:
        loaded = _LOADED[files, compute] = _Loaded(load_networks(files, compute))
    return loaded


def _home(avatar: Avatar) -> int:
    """Return the first frame that has a face."""
    for index, face in enumerate(avatar.faces):
        if face is not None:
            return index
    raise NoFaceError(avatar.folder, "no frame has a face that can speak")


def _heard(speech: Speech) -> tuple[FloatArray, Fraction]:
    """Return all of the speech at 16 kHz, and its exact seconds."""
    seconds = Fraction(0)

    def counted() -> Iterator[Audio]:
        nonlocal seconds
        for block in speech.blocks:
            seconds += block.duration
            yield block

    parts = list(speech_samples(counted()))
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return samples, seconds
