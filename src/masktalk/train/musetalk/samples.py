"""Training samples: a target, its hidden lower half, a reference and what is heard.

Sample ``i`` of step ``s`` depends on the seed, ``s`` and ``i`` alone, so that a run that was
interrupted goes on with the very samples it would have had.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from masktalk.engines.musetalk.networks import face_tensor
from masktalk.mask_painter import MASK_KINDS, MaskStyle, paint_mask
from masktalk.train.musetalk.clips import Clip, Region
from masktalk.train.musetalk.crops import (
    FaceCrop,
    IntBox,
    crop_face,
    draw_margin,
    mouth_box,
    upstream_mouth_box,
)
from masktalk.train.musetalk.references import ReferenceChooser, unit_landmarks
from masktalk.train.musetalk.sync_expert import SYNC_FRAMES
from masktalk.types import FloatArray

#: Frames per second at which synchrony is judged.
_SYNC_RATE = Fraction(25)


@dataclass(frozen=True)
class SampleOptions:
    """Options of the samples.

    Attributes:
        size: Side of the face crop in pixels.
        masked_share: Share of the samples that get a painted mask.
        synced: Whether neighbouring frames are loaded for the synchrony loss.
        upstream: Choose references and cut mouths as the reference does.
    """

    size: int
    masked_share: float
    synced: bool
    upstream: bool = False


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples on their way to the network.

    Attributes:
        target: (N, 3, S, S) in -1..1.
        hidden: (N, 3, S, S), the target with its lower half at -1.
        reference: (N, 3, S, S) in -1..1.
        tokens: (N, T, width) Whisper states, without positional encoding.
        mouth_boxes: (N, 4) in pixels of the target.
        covers: (N, 1, S, S) 0..1, painted mask in the target; 0 where nothing was painted.
        neighbours: (N, 16, 3, S, S) frames round the target; None without synchrony loss.
        places: (N,) index of the target among its neighbours.
        mel: (N, 80, 52) log-mel of the neighbours.
    """

    target: Tensor
    hidden: Tensor
    reference: Tensor
    tokens: Tensor
    mouth_boxes: Tensor
    covers: Tensor
    neighbours: Tensor | None = None
    places: Tensor | None = None
    mel: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """Return the same batch on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if value is not None}
        return replace(self, **moved)


@dataclass(frozen=True)
class Part:
    """Frames of one run of a clip: those trained on, or those held out."""

    clip: int
    run: range
    frames: range


def split_runs(clips: Sequence[Clip], held_out: float) -> tuple[list[Part], list[Part]]:
    """Return the parts to train on and those held out: the end of every clip's frames.

    Args:
        clips: All of the set.
        held_out: Share of each run.
    """
    train, kept = [], []
    for number, clip in enumerate(clips):
        for run in clip.runs:
            cut = run.stop - max(round(held_out * len(run)), 1)
            train.append(Part(number, run, range(run.start, cut)))
            kept.append(Part(number, run, range(cut, run.stop)))
    return train, kept


class Sampler:
    """Makes batches of samples.

    Args:
        clips: All of the set.
        parts: Frames to draw targets from.
        options: See there.
        seed: Of every random choice.
    """

    def __init__(
        self, clips: Sequence[Clip], parts: Sequence[Part], options: SampleOptions, seed: int
    ) -> None:
        self.clips, self.parts, self.options, self.seed = clips, parts, options, seed
        counts = np.array([len(part.frames) for part in parts], float)
        self._weights = counts / counts.sum()
        self._choosers: dict[tuple[int, int], ReferenceChooser] = {}

    def batch(self, step: int, count: int, first: int = 0) -> Batch:
        """Return samples ``first`` to ``first + count`` of a step."""
        return _stacked([self._sample((self.seed, step, first + i)) for i in range(count)])

    def _sample(self, seeds: tuple[int, ...]) -> Batch:
        source = np.random.default_rng(seeds)
        part = self.parts[int(source.choice(len(self.parts), p=self._weights))]
        frame = int(source.choice(part.frames))
        return self.sample(part, frame, source)

    def sample(
        self,
        part: Part,
        frame: int,
        source: np.random.Generator,
        delay: Fraction = Fraction(0),
    ) -> Batch:
        """Return a batch of one sample.

        Args:
            part: Whose run the frame belongs to.
            frame: The target.
            source: Random numbers for reference, margins and mask.
            delay: Seconds by which its audio is moved.
        """
        options, clip = self.options, self.clips[part.clip]
        margins = np.random.RandomState(int(source.integers(1 << 31)))
        picks = random.Random(int(source.integers(1 << 31)))
        style = None
        if source.random() < options.masked_share:
            kind = MASK_KINDS[int(source.integers(len(MASK_KINDS)))]
            style = MaskStyle(kind, int(source.integers(1 << 31)))
        margin = draw_margin(margins)
        chooser = self._chooser(part)
        chosen = chooser.choose(frame - part.run.start, 1, picks, "pose_and_mouth")
        chosen = part.run.start + min(max(chosen, 0), len(part.run) - 1)
        target, cover, box = self._crop(clip, frame, margin, style)
        reference, _, _ = self._crop(clip, chosen, draw_margin(margins), style)
        made = Batch(
            target=face_tensor(target.image, hide_lower=False)[None],
            hidden=face_tensor(target.image, hide_lower=True)[None],
            reference=face_tensor(reference.image, hide_lower=False)[None],
            tokens=torch.from_numpy(clip.tokens(frame, delay))[None],
            mouth_boxes=torch.tensor([box]),
            covers=torch.from_numpy(cover)[None, None],
        )
        if not options.synced:
            return made
        first, frames = self._neighbours(clip, part, frame)
        crops = [self._crop(clip, near, margin, style)[0].image for near in frames]
        near = torch.stack([face_tensor(crop, hide_lower=False) for crop in crops])
        return replace(
            made,
            neighbours=near[None],
            places=torch.tensor([frames.index(frame)]),
            mel=torch.from_numpy(clip.sync_mel(first))[None],
        )

    def _neighbours(self, clip: Clip, part: Part, frame: int) -> tuple[int, list[int]]:
        """Return sixteen frames 1/25 s apart round a target, within its run as far as it goes."""
        stride = clip.rate / _SYNC_RATE
        lead = SYNC_FRAMES // 2
        lead = min(lead, int((frame - part.run.start) / stride))
        reach = int((part.run.stop - 1 - frame) / stride)
        lead = max(lead, min(SYNC_FRAMES - 1 - reach, int((frame - part.run.start) / stride)))
        places = [frame + round((k - lead) * stride) for k in range(SYNC_FRAMES)]
        frames = [min(max(p, part.run.start), part.run.stop - 1) for p in places]
        frames[lead] = frame
        return frames[0], frames

    def _chooser(self, part: Part) -> ReferenceChooser:
        key = part.clip, part.run.start
        if key not in self._choosers:
            clip, frames = self.clips[part.clip], list(part.run)
            boxes = clip.boxes[frames].astype(np.float32)
            points = unit_landmarks(clip.landmarks(frames), boxes)
            self._choosers[key] = ReferenceChooser(points, upstream=self.options.upstream)
        return self._choosers[key]

    def _crop(
        self, clip: Clip, frame: int, margin: float, style: MaskStyle | None
    ) -> tuple[FaceCrop, FloatArray, IntBox]:
        """Return a face crop, the (S, S) cover in it and the box of its mouth."""
        size = self.options.size
        region = clip.region(frame)
        pixels, cover = region.pixels, np.zeros(region.pixels.shape[:2], np.float32)
        if style is not None:
            painted = paint_mask(pixels, region.mesh, style)
            pixels, cover = painted.pixels, painted.alpha
        crop = crop_face(pixels, region.box, margin * region.scale, size)
        height = crop.box[3]
        seen = torch.nn.functional.interpolate(
            torch.from_numpy(np.ascontiguousarray(cover[:height]))[None, None],
            size=(size, size),
            mode="area",
        )[0, 0].numpy()
        return crop, seen, self._mouth(clip, frame, region, crop, margin)

    def _mouth(
        self, clip: Clip, frame: int, region: Region, crop: FaceCrop, margin: float
    ) -> IntBox:
        size = self.options.size
        own = mouth_box(region.landmarks, crop.box, size)
        if not self.options.upstream:
            return own
        face = tuple(clip.boxes[frame].tolist())
        found = upstream_mouth_box(clip.landmarks([frame])[0], face, margin, clip.frame_width)
        if found is None:
            return own
        x0, y0, x1, y1 = (min(round(edge * size / 256), size) for edge in found)
        return (x0, y0, x1, y1) if x1 > x0 + 1 and y1 > y0 + 1 else own


def _stacked(samples: Sequence[Batch]) -> Batch:
    fields = {}
    for name, value in vars(samples[0]).items():
        if value is not None:
            fields[name] = torch.cat([getattr(sample, name) for sample in samples])
    return replace(samples[0], **fields)
