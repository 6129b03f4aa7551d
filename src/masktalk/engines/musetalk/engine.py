"""The MuseTalk engine: public checkpoints behind masktalk's contract."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from masktalk.avatar import Avatar
from masktalk.compose.boxes import Box
from masktalk.engines.base import Capabilities, Engine, EngineOptions, Speech
from masktalk.engines.musetalk.crop import ShiftRange, crop_boxes, ibug_points, shift_range
from masktalk.engines.musetalk.options import MuseTalkOptions
from masktalk.engines.musetalk.whisper_stream import (
    Prompt,
    live_prompts,
    recorded_prompts,
    segmented_prompts,
)
from masktalk.engines.musetalk.whisper_windows import (
    ExactWindows,
    Padding,
    UpstreamWindows,
)
from masktalk.engines.prepared import prepared_folder
from masktalk.errors import NoFaceError
from masktalk.media.resampling import speech_samples
from masktalk.speech.silence import SilenceGate
from masktalk.types import FloatArray, Patch

if TYPE_CHECKING:
    from masktalk.engines.musetalk.batch_pipeline import Step
    from masktalk.engines.musetalk.frame_cache import FrameCache
    from masktalk.engines.musetalk.model_bundle import ModelBundle

logger = logging.getLogger(__name__)

#: Frames that live speech is made at a time.
LIVE_GROUP = 4


class MuseTalkEngine(Engine):
    """Repaints the lower face in one step of a UNet.

    Raises:
        WeightsError: A file that it cannot do without is not on this machine.
    """

    capabilities = Capabilities(
        name="musetalk",
        streams=True,
        lookahead=Fraction(2, 5),
        weights=("musetalk-v15", "sd-vae", "whisper-tiny"),
        covered=False,
        extra="musetalk",
        articulated=False,
    )
    Options: ClassVar[type[EngineOptions]] = MuseTalkOptions
    options: MuseTalkOptions

    def __init__(self, options: EngineOptions | None = None) -> None:
        from masktalk.engines.musetalk.model_bundle import Files

        super().__init__(options)
        self._files = Files.find(self.options)
        self._studio: ModelBundle | None = None

    @property
    def studio(self) -> ModelBundle:
        """The networks, loaded when first asked for."""
        if self._studio is None:
            from masktalk.engines.musetalk.model_bundle import studio_of

            self._studio = studio_of(self._files, self.options)
        return self._studio

    def prepare(self, avatar: Avatar) -> None:
        """Load the networks and make the latents that will be shown for certain.

        Those are a picture's one, or with ``encode="all"`` every frame's; the others are
        made when they are first shown. All are kept in the avatar's folder.

        Raises:
            NoFaceError: No frame has a face.
        """
        boxes = self.boxes(avatar)
        present = [index for index, box in enumerate(boxes) if box is not None]
        if not present:
            raise NoFaceError(avatar.folder, "no frame has a face that can be repainted")
        span = self.bbox_shift_range(avatar)
        logger.info(
            "musetalk: bbox_shift makes sense from -%d to %d for this face, it is %d",
            span.up,
            span.down,
            self.options.bbox_shift,
        )
        materials = self._materials(avatar, boxes)
        if avatar.is_image or self.options.encode == "all":
            batch = self.studio.compute.batch
            for start in range(0, len(present), batch):
                materials.get(present[start : start + batch])
        materials.close()

    def bbox_shift_range(self, avatar: Avatar) -> ShiftRange:
        """Between which values ``bbox_shift`` makes sense for this face."""
        return shift_range([ibug_points(face) for face in avatar.faces if face is not None])

    def boxes(self, avatar: Avatar) -> list[Box | None]:
        """Return the box of each avatar frame, inside the frame; None where there is no face."""
        options = self.options
        return crop_boxes(
            avatar.faces,
            (avatar.width, avatar.height),
            float(avatar.rate),
            options.crop,
            options.bbox_shift,
            options.margin,
        )

    def speak(self, avatar: Avatar, speech: Speech) -> Iterator[Patch | None]:
        """Yield one patch or None a frame; see ``Engine.speak``."""
        from masktalk.engines.musetalk.batch_pipeline import BatchPipeline

        boxes = self.boxes(avatar)
        materials = self._materials(avatar, boxes)
        gate = SilenceGate()
        blocks = gate.listening(speech_samples(speech.blocks))
        groups = self._groups(speech, blocks)
        batches = (self._steps(avatar, speech, boxes, gate, group) for group in groups)
        try:
            painter = BatchPipeline(self.studio.generator, materials)
            yield from painter.run(batches, ahead=speech.recorded)
        finally:
            materials.close()

    def _groups(self, speech: Speech, blocks: Iterator[FloatArray]) -> Iterator[Sequence[Prompt]]:
        """Group the audio prompts of consecutive frames into batches."""
        options, encoder = self.options, self.studio.whisper
        padding = Padding(options.audio_padding_length_left, options.audio_padding_length_right)
        batch = self.studio.compute.batch
        if options.compat == "upstream":
            upstream = UpstreamWindows(speech.rate, padding)
            return _batched(segmented_prompts(encoder, upstream, blocks), batch)
        windows = ExactWindows(speech.rate, padding)
        if speech.recorded:
            return _batched(recorded_prompts(encoder, windows, blocks), batch)
        return live_prompts(encoder, windows, blocks, min(LIVE_GROUP, batch))

    def _steps(
        self,
        avatar: Avatar,
        speech: Speech,
        boxes: Sequence[Box | None],
        gate: SilenceGate,
        group: Sequence[Prompt],
    ) -> list[Step]:
        from masktalk.engines.musetalk.batch_pipeline import Step

        steps: list[Step] = []
        for prompt in group:
            index = avatar.index_at(speech.begin + prompt.frame / speech.rate)
            weight = 1.0 if self.options.animate_silence else gate.weight(prompt.time)
            if boxes[index] is None or not speech.wants(prompt.frame):
                weight = 0.0
            steps.append(Step(index, prompt.tokens, weight))
        return steps

    def _materials(self, avatar: Avatar, boxes: Sequence[Box | None]) -> FrameCache:
        from masktalk.engines.musetalk.frame_cache import FORMAT, FrameCache
        from masktalk.engines.musetalk.masks import MaskMaker

        studio, options = self.studio, self.options
        facts = {
            "format": FORMAT,
            **studio.facts(),
            "version": options.version,
            "crop": (options.crop, options.bbox_shift, options.margin),
            "masks": str(options.masks),
        }
        folder = prepared_folder(avatar, self.capabilities.name, facts)
        masks = MaskMaker(studio.parser, options.masks)
        size = studio.networks.picture_size
        return FrameCache(avatar, boxes, folder, studio.encode, masks, size)


def _batched(prompts: Iterator[Prompt], size: int) -> Iterator[Sequence[Prompt]]:
    while batch := list(islice(prompts, size)):
        yield batch
