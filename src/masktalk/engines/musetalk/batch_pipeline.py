"""From what frames hear to patches, one batch ahead of whoever takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from masktalk.engines.musetalk.face_generator import Generator, Pending
from masktalk.engines.musetalk.frame_cache import FrameCache, Material
from masktalk.types import FloatArray, Patch, UInt8Array

_BATCHES_AHEAD = 2


@dataclass(frozen=True, eq=False)
class Step:
    """One frame to make.

    Attributes:
        index: Which avatar frame it shows.
        tokens: (T, width) what it hears.
        weight: How much of the new mouth shows, 0 to 1; 0 leaves the frame as it is.
    """

    index: int
    tokens: FloatArray
    weight: float


@dataclass(frozen=True, eq=False)
class _Started:
    """A batch on the device: one entry a frame, None where nothing is painted."""

    materials: list[Material | None]
    weights: list[float]
    faces: Pending | None


class BatchPipeline:
    """Paints batches of steps in two stages, each in a thread of its own.

    The first fetches materials and drives the device, the second turns faces into
    patches, while the caller composes and encodes the batch before.

    Args:
        generator: Makes the faces.
        materials: Of the avatar.
    """

    def __init__(self, generator: Generator, materials: FrameCache) -> None:
        self._generator = generator
        self._materials = materials

    def run(self, batches: Iterable[Sequence[Step]], ahead: bool) -> Iterator[Patch | None]:
        """One answer a step.

        Args:
            batches: In order; ``next()`` may block.
            ahead: Whether to start later batches before the first is taken. Without it a
                batch is answered before the next is asked for, as live speech needs.
        """
        depth = _BATCHES_AHEAD if ahead else 0
        waiting: deque[Future[list[Patch | None]]] = deque()
        with ThreadPoolExecutor(1) as device, ThreadPoolExecutor(1) as assembly:
            try:
                for batch in batches:
                    started = device.submit(self._start, list(batch))
                    waiting.append(assembly.submit(self._finish, started))
                    while len(waiting) > depth:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _start(self, steps: list[Step]) -> _Started:
        painted = [step for step in steps if step.weight > 0]
        if not painted:
            return _Started([None] * len(steps), [0.0] * len(steps), None)
        found = iter(self._materials.get([step.index for step in painted]))
        materials = [next(found) if step.weight > 0 else None for step in steps]
        shown = [material for material in materials if material is not None]
        faces = self._generator.submit(
            np.stack([material.latent for material in shown]),
            np.stack([step.tokens for step in painted]),
            sizes=[material.mask.shape for material in shown],
        )
        return _Started(materials, [step.weight for step in steps], faces)

    def _finish(self, started: Future[_Started]) -> list[Patch | None]:
        batch = started.result()
        faces = iter(batch.faces.result() if batch.faces else [])
        return [
            None if material is None else _patch(next(faces), material, weight)
            for material, weight in zip(batch.materials, batch.weights, strict=True)
        ]


def _patch(face: UInt8Array, material: Material, weight: float) -> Patch:
    """Return a face over its box, with a border that changes nothing."""
    height, width = material.mask.shape
    pixels = np.zeros((height + 2, width + 2, 4), np.uint8)
    pixels[1:-1, 1:-1, :3] = face
    mask = material.mask
    if weight < 1:
        mask = np.round(mask * np.float32(weight)).astype(np.uint8)
    pixels[1:-1, 1:-1, 3] = mask
    return Patch(pixels, material.box[0] - 1, material.box[1] - 1)
