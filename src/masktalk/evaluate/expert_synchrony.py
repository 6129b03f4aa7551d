"""Synchrony of lips and audio by the expert that Wav2Lip was trained with.

Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In The Wild"
(2020), section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from masktalk.errors import MissingExtraError
from masktalk.evaluate.review.figures import Figure, missing
from masktalk.evaluate.review.observation import Observation
from masktalk.media import open_source, read_audio
from masktalk.speech.mel import MEL, log_mel
from masktalk.types import FloatArray, UInt8Array
from masktalk.weights import WeightStore

if TYPE_CHECKING:
    from masktalk.engines.wav2lip.experts import SyncExpert

_NAME = "Wav2Lip expert"
_WEIGHTS = "wav2lip-syncnet"
_FPS = 25
_FRAMES = 5
_SIZE = 96
#: Pixels below the chin, as in the reference's preprocessing for inference.
_PAD_BELOW = 10
_BATCH = 16


@dataclass(frozen=True)
class ExpertSynchrony:
    """The expert's opinion of a video.

    Attributes:
        cosine: Mean cosine similarity of lips and audio, -1..1.
        loss: Mean binary cross-entropy of the cosines against 1.
    """

    cosine: float
    loss: float


def expert_figures(seen: Observation, weights: Path | None = None) -> list[Figure]:
    """Return the expert's figure; nothing where its weights are not on this machine.

    Args:
        seen: The video.
        weights: ``lipsync_expert.pth``; None looks where weights are kept.

    Raises:
        WeightsError: The file is another network.
    """
    path = weights or WeightStore().find(_WEIGHTS)
    if path is None:
        return []
    if not seen.has_face or seen.sound is None:
        return [missing(_NAME, "It needs a face and sound.")]
    try:
        from masktalk.engines.wav2lip.experts import load_sync_expert
    except MissingExtraError as error:
        return [missing(_NAME, str(error))]
    found = expert_synchrony(load_sync_expert(path), lip_crops(seen), read_audio(seen.path).samples)
    if found is None:
        return [missing(_NAME, "The video is too short for it.")]
    reading = f"Cosine of lips and audio, loss {found.loss:.2f}; a larger cosine is better."
    return [Figure(_NAME, f"{found.cosine:.2f}", "none", reading)]


def expert_synchrony(
    network: SyncExpert, lips: UInt8Array, samples: FloatArray
) -> ExpertSynchrony | None:
    """Return the expert's opinion of every five frames; None where there are fewer.

    Args:
        network: From ``load_sync_expert``.
        lips: (N, 48, 96, 3) BGR lower halves of the face, 25 a second.
        samples: (M,) 16 kHz samples.
    """
    import torch

    from masktalk.engines.wav2lip.experts import sync_cosine, sync_loss

    mel = log_mel(samples)
    cosines, losses = [], []
    windows = [
        (frame, start)
        for frame in range(0, len(lips) - _FRAMES + 1, _FRAMES)
        if (start := frame * MEL.column_rate // _FPS) + MEL.frame_columns <= mel.shape[1]
    ]
    for first in range(0, len(windows), _BATCH):
        batch = windows[first : first + _BATCH]
        mels = [mel[None, :, start : start + MEL.frame_columns] for _, start in batch]
        faces = [_stacked(lips[frame : frame + _FRAMES]) for frame, _ in batch]
        with torch.inference_mode():
            audio, face = network(
                torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(faces))
            )
            cosines.append(sync_cosine(audio, face))
            losses.append(sync_loss(audio, face, torch.ones(len(batch))) * len(batch))
    if not windows:
        return None
    loss = float(torch.stack(losses).sum()) / len(windows)
    return ExpertSynchrony(float(torch.cat(cosines).mean()), loss)


def _stacked(lips: UInt8Array) -> FloatArray:
    """Return (15, 48, 96) in 0..1 of (5, 48, 96, 3) frames, channels frame by frame."""
    planes = lips.transpose(0, 3, 1, 2).reshape(-1, *lips.shape[1:3])
    return planes.astype(np.float32) / np.float32(255)


def lip_crops(seen: Observation) -> UInt8Array:
    """Return (N, 48, 96, 3) BGR lower halves of the face, 25 a second.

    A frame without a face repeats the crop before; those before the first face are black.
    """
    crops: list[UInt8Array] = []
    last = np.zeros((_SIZE // 2, _SIZE, 3), np.uint8)
    for index, frame in enumerate(open_source(seen.path).frames()):
        mesh = seen.meshes[index] if index < len(seen.meshes) else None
        if mesh is not None:
            last = _lower_half(np.ascontiguousarray(frame.pixels[..., 2::-1]), mesh, last)
        while round(len(crops) * seen.rate / _FPS) <= index:
            crops.append(last)
    return np.stack(crops)


def _lower_half(bgr: UInt8Array, mesh: FloatArray, otherwise: UInt8Array) -> UInt8Array:
    height, width = bgr.shape[:2]
    left, top = (max(int(edge), 0) for edge in mesh[:, :2].min(axis=0))
    right, bottom = (int(edge) for edge in mesh[:, :2].max(axis=0))
    right, bottom = min(right, width), min(bottom + _PAD_BELOW, height)
    if right - left < 2 or bottom - top < 2:
        return otherwise
    face = cv2.resize(bgr[top:bottom, left:right], (_SIZE, _SIZE))
    return np.asarray(face[_SIZE // 2 :], np.uint8)
