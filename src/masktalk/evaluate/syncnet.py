"""SyncNet's opinion: LSE-D and LSE-C of a talking video.

Chung and Zisserman, "Out of time: automated lip sync in the wild", ACCV workshops 2016;
the distances are used as in Prajwal et al., "A lip sync expert is all you need", ACM MM
2020. The network has the names and shapes of the public syncnet_v2.model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import dct

from masktalk.errors import MediaError, MissingExtraError, WeightsError
from masktalk.evaluate.review.figures import Figure, graded, missing
from masktalk.evaluate.review.observation import Observation
from masktalk.media import open_source, read_audio
from masktalk.types import FloatArray, UInt8Array
from masktalk.weights import WeightStore, load_tensors, weight_table

if TYPE_CHECKING:
    import torch

WEIGHTS = "syncnet"
_NAMES = ("SyncNet LSE-D", "SyncNet LSE-C")
_FPS = 25
_LIP_FRAMES, _SOUND_STEPS, _STEPS_A_FRAME = 5, 20, 4
_SIDE = 224
_SHIFTS = 15
_BATCH = 16


def lip_sync_figures(seen: Observation, weights: Path | None = None) -> list[Figure]:
    """Return LSE-D and LSE-C, or the reason why they are missing.

    Args:
        seen: The video.
        weights: The public checkpoint; None looks where weights are kept.

    Raises:
        WeightsError: The named file is not a SyncNet checkpoint.
    """
    path = weights or _kept_weights()
    if path is None:
        why = "Its weights are not here (syncnet_v2.model); see `masktalk models`."
        return [missing(name, why) for name in _NAMES]
    if not seen.has_face or seen.sound is None:
        return [missing(name, "It needs a face and sound.") for name in _NAMES]
    try:
        network = load_syncnet(path)
    except MissingExtraError as error:
        return [missing(name, str(error)) for name in _NAMES]
    lips = face_crops(seen)
    sound = mfcc(read_audio(seen.path).samples)
    if len(lips) < _LIP_FRAMES + 1 or len(sound) < _SOUND_STEPS + _STEPS_A_FRAME:
        return [missing(name, "The video is too short for it.") for name in _NAMES]
    distance, confidence = lip_sync_error(network, lips, sound)
    return [
        Figure(
            _NAMES[0],
            f"{distance:.2f}",
            graded(distance, 8, 10),
            "Distance of lips and sound as SyncNet sees them; real speakers have 6 to 8, less is "
            "better.",
        ),
        Figure(
            _NAMES[1],
            f"{confidence:.2f}",
            graded(confidence, 6, 3),
            "How sure SyncNet is that they belong together; real speakers have 6 to 9, more is "
            "better.",
        ),
    ]


def _kept_weights() -> Path | None:
    return WeightStore().find(WEIGHTS) if WEIGHTS in weight_table() else None


def build_syncnet() -> torch.nn.Module:
    """Build the network with fresh weights, keys as in the public checkpoint.

    Raises:
        MissingExtraError: torch is not installed.
    """
    torch = _torch()
    nn = torch.nn

    def block(make: Any, norm: Any, sizes: tuple[int, int], kernel: Any, **how: Any) -> list[Any]:
        return [make(*sizes, kernel_size=kernel, **how), norm(sizes[1]), nn.ReLU()]

    def flat(*sizes: int, **how: Any) -> list[Any]:
        return block(nn.Conv2d, nn.BatchNorm2d, (sizes[0], sizes[1]), how.pop("kernel", 3), **how)

    def deep(*sizes: int, **how: Any) -> list[Any]:
        return block(
            nn.Conv3d, nn.BatchNorm3d, (sizes[0], sizes[1]), how.pop("kernel", (1, 3, 3)), **how
        )

    def head() -> Any:
        return nn.Sequential(
            nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024)
        )

    network = nn.Module()
    network.netcnnaud = nn.Sequential(
        *flat(1, 64, padding=1),
        nn.MaxPool2d(1, 1),
        *flat(64, 192, padding=1),
        nn.MaxPool2d(3, (1, 2)),
        *flat(192, 384, padding=1),
        *flat(384, 256, padding=1),
        *flat(256, 256, padding=1),
        nn.MaxPool2d(3, 2),
        *flat(256, 512, kernel=(5, 4)),
    )
    network.netfcaud = head()
    network.netfclip = head()
    around = (0, 1, 1)
    network.netcnnlip = nn.Sequential(
        *deep(3, 96, kernel=(5, 7, 7), stride=(1, 2, 2)),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *deep(96, 256, kernel=(1, 5, 5), stride=(1, 2, 2), padding=around),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2), around),
        *deep(256, 256, padding=around),
        *deep(256, 256, padding=around),
        *deep(256, 256, padding=around),
        nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
        *deep(256, 512, kernel=(1, 6, 6)),
    )
    return network.eval()


def load_syncnet(path: Path) -> torch.nn.Module:
    """Load a checkpoint into the network.

    Raises:
        WeightsError: The file is no SyncNet checkpoint.
        MissingExtraError: torch is not installed.
    """
    network = build_syncnet()
    tensors = load_tensors(path)
    expected = network.state_dict()
    for name, tensor in expected.items():
        if name.endswith("num_batches_tracked"):
            continue
        if name not in tensors or tensors[name].shape != tensor.shape:
            raise WeightsError(path, f"is not SyncNet's ({name} is missing or of another shape)")
    network.load_state_dict({k: v for k, v in tensors.items() if k in expected}, strict=False)
    return network


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            "SyncNet", "needs torch, which is not installed", "pip install 'masktalk[syncnet]'"
        ) from error
    return torch


def lip_sync_error(
    network: torch.nn.Module, lips: UInt8Array, sound: FloatArray
) -> tuple[float, float]:
    """Return LSE-D and LSE-C.

    Args:
        network: SyncNet.
        lips: (N, 224, 224, 3) BGR face crops at 25 frames a second.
        sound: (M, 13) MFCC at 100 steps a second.

    Returns:
        The least mean distance over shifts of up to 15 frames, and how far it lies under
        the median one.
    """
    torch = _torch()
    net: Any = network
    count = min(len(lips), len(sound) // _STEPS_A_FRAME) - _LIP_FRAMES
    pictures = torch.from_numpy(np.ascontiguousarray(lips.transpose(3, 0, 1, 2)))
    tones = torch.from_numpy(np.ascontiguousarray(sound.T, np.float32))
    seen, heard = [], []
    with torch.no_grad():
        for begin in range(0, count, _BATCH):
            steps = range(begin, min(begin + _BATCH, count))
            stack = torch.stack([pictures[:, i : i + _LIP_FRAMES].float() for i in steps])
            seen.append(net.netfclip(net.netcnnlip(stack).flatten(1)))
            windows = [
                tones[None, :, i * _STEPS_A_FRAME : i * _STEPS_A_FRAME + _SOUND_STEPS]
                for i in steps
            ]
            heard.append(net.netfcaud(net.netcnnaud(torch.stack(windows)).flatten(1)))
    return _errors(torch.cat(seen).numpy(), torch.cat(heard).numpy())


def _errors(seen: FloatArray, heard: FloatArray) -> tuple[float, float]:
    padded = np.pad(heard, ((_SHIFTS, _SHIFTS), (0, 0)))
    mean = np.array(
        [
            np.linalg.norm(seen - padded[shift : shift + len(seen)] + 1e-6, axis=1).mean()
            for shift in range(2 * _SHIFTS + 1)
        ]
    )
    return float(mean.min()), float(np.median(mean) - mean.min())


def face_crops(seen: Observation) -> UInt8Array:
    """Crop the face with the margins SyncNet was trained with, (N, 224, 224, 3) BGR.

    Frames are taken 25 times a second; one without a face repeats the place before.

    Raises:
        MediaError: No frame has a face.
    """
    boxes = _boxes(seen)
    crops = []
    rate = float(seen.rate)
    last = -1
    for index, frame in enumerate(open_source(seen.path).frames()):
        while last + 1 <= int((index + 0.5) * _FPS / rate):
            if round((last + 1) * rate / _FPS) > index:
                break
            last += 1
            crops.append(_crop(np.ascontiguousarray(frame.pixels[..., :3]), boxes[index]))
    return np.stack(crops)


def _boxes(seen: Observation) -> npt.NDArray[np.float64]:
    """Return centre x, centre y and half the longer side of the face box, smoothed, (N, 3)."""
    rows = np.full((len(seen.meshes), 3), np.nan)
    for index, mesh in enumerate(seen.meshes):
        if mesh is not None:
            low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
            rows[index] = [*((low + high) / 2), (high - low).max() / 2]
    known = np.flatnonzero(np.isfinite(rows[:, 0]))
    if not len(known):
        raise MediaError(seen.path, "has no face for SyncNet")
    every = np.arange(len(rows))
    filled = np.stack([np.interp(every, known, rows[known, k]) for k in range(3)], axis=1)
    kernel = np.ones(13) / 13
    padded = np.pad(filled, ((6, 6), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(3)], axis=1)


def _crop(pixels: UInt8Array, box: npt.NDArray[np.float64]) -> UInt8Array:
    x, y, half = box
    left, right, top, bottom = x - 1.4 * half, x + 1.4 * half, y - half, y + 1.8 * half
    there = np.array([[(right - left) / _SIDE, 0, left], [0, (bottom - top) / _SIDE, top]])
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(pixels, there, (_SIDE, _SIDE), flags=flags, borderValue=(110, 110, 110))
    return np.asarray(crop[..., ::-1], np.uint8)


def mfcc(samples: FloatArray, rate: int = 16000) -> FloatArray:
    """Return mel-frequency cepstral coefficients of (N,) samples, 100 a second, (M, 13).

    Davis and Mermelstein, IEEE TASSP 1980: pre-emphasis 0.97, windows of 25 ms every
    10 ms without tapering, 26 mel bands up to half the rate, 13 coefficients liftered by
    22 with the log energy as the first; samples count as 16-bit integers.
    """
    signal = np.round(samples.astype(np.float64) * 32767)
    signal = np.append(signal[:1], signal[1:] - 0.97 * signal[:-1])
    size, hop, points = rate // 40, rate // 100, 512
    count = 1 + max(0, -(-(len(signal) - size) // hop))
    signal = np.pad(signal, (0, max(0, (count - 1) * hop + size - len(signal))))
    windows = np.lib.stride_tricks.sliding_window_view(signal, size)[::hop][:count]
    power = np.abs(np.fft.rfft(windows, points)) ** 2 / points
    tiny = np.finfo(np.float64).eps
    energy = np.maximum(power.sum(axis=1), tiny)
    bands = np.log(np.maximum(power @ _mel_bands(26, points, rate).T, tiny))
    cepstrum = dct(bands, type=2, axis=1, norm="ortho")[:, :13]
    cepstrum *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    cepstrum[:, 0] = np.log(energy)
    return np.asarray(cepstrum, np.float32)


def _mel_bands(count: int, points: int, rate: int) -> npt.NDArray[np.float64]:
    """Return triangles evenly spaced in mel, edges on whole bins, (count, points / 2 + 1)."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, count + 2) / 2595) - 1)
    bins = np.floor((points + 1) * edges / rate).astype(int)
    bands = np.zeros((count, points // 2 + 1))
    for band in range(count):
        low, middle, high = bins[band : band + 3]
        bands[band, low:middle] = (np.arange(low, middle) - low) / max(middle - low, 1)
        bands[band, middle:high] = (high - np.arange(middle, high)) / max(high - middle, 1)
    return bands
