"""The golden vectors' recipe: weights and inputs rebuilt from a name and a shape."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

GOLDEN = Path(__file__).parents[3] / "shared" / "golden"
#: Factors that keep sound audible and outputs off saturation.
_GAINS = {
    **{
        (net, "face_decoder_blocks.0.0.conv_block.1.weight"): 10.0
        for net in ("wav2lip", "wav2lip256", "wav2lip384")
    },
    ("wav2lip384", "output_block.1.weight"): 0.005,
    ("sadtalker_kp_detector", "kp.weight"): 10.0,
    ("sadtalker_generator", "dense_motion_network.mask.weight"): 8.0,
    ("sadtalker_generator", "dense_motion_network.occlusion.weight"): 3.0,
    **{
        (f"sadtalker_mapping_{name}", f"{head}.weight"): 0.1
        for name in ("00109", "00229")
        for head in ("fc_t", "fc_exp")
    },
}
_L2_GAINS = {"conv3_3_norm": 10.0, "conv4_3_norm": 8.0, "conv5_3_norm": 5.0}


def golden(name: str) -> dict[str, np.ndarray]:
    """The arrays of one golden file; skips the test where there is none."""
    path = GOLDEN / f"{name}.npz"
    if not path.is_file():
        pytest.skip("the golden vectors are not here")
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def golden_keys(name: str) -> list[tuple[str, tuple[int, ...]]]:
    """Key and shape of every tensor of a network, in order."""
    path = GOLDEN / f"{name}_keys.txt"
    if not path.is_file():
        pytest.skip("the golden vectors are not here")
    rows = re.findall(r"^([^#\s]\S*)\s+\[(.*?)\]", path.read_text(), re.MULTILINE)
    return [(key, tuple(int(n) for n in shape.split(",") if n)) for key, shape in rows]


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Float64 in [0, 1), C order, from a name."""
    seed = zlib.crc32(name.encode())
    return np.random.RandomState(seed).random_sample(shape)


def rnd(name: str, shape: tuple[int, ...], scale: float = 3**0.5) -> torch.Tensor:
    """The recipe's input of that name."""
    return torch.from_numpy(((2 * uniform(f"input/{name}", shape) - 1) * scale).astype(np.float32))


def weight(net: str, key: str, shape: tuple[int, ...], integer: bool = False) -> torch.Tensor:
    """The recipe's weight of that network and key."""
    if integer:
        return torch.zeros(shape, dtype=torch.int64)
    u = uniform(f"{net}/{key}", shape)
    if key.endswith("running_var"):
        u += 0.5
    elif key.endswith(("running_mean", "bias")):  # "classbias" tables too
        u = 0.2 * (u - 0.5)
    elif key.endswith("weight_u"):
        u = 2 * u - 1
        u /= np.linalg.norm(u)
    elif len(shape) == 1:
        u = (0.8 + 0.4 * u) * _L2_GAINS.get(key.removesuffix(".weight"), 1.0)
    else:
        u = (2 * u - 1) * np.sqrt(3 / np.prod(shape[1:]))
    u *= _GAINS.get((net, key), 1.0)
    return torch.from_numpy(u.astype(np.float32))


def weights(net: str, shapes: dict[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """Recipe weights for a state dict, one at a time."""
    for key, tensor in shapes.items():
        integer = not tensor.is_floating_point()
        yield key, weight(net, key, tuple(tensor.shape), integer)


def fill(net: str, module: Any) -> Any:
    """Put recipe weights into a module, tensor by tensor."""
    with torch.no_grad():
        state = module.state_dict()
        for key, value in weights(net, state):
            state[key].copy_(value)
    return module.eval()


def synth_frame(height: int, width: int) -> np.ndarray:
    """(h, w, 3) uint8 BGR, the recipe's picture."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [40 + 150 * x / width, 30 + 180 * y / height, 128 + 90 * np.sin(x / 17)]
    return np.rint(np.stack(planes, axis=-1)).astype(np.uint8)


def chirp() -> np.ndarray:
    """(62400, 2) int16, the recipe's 48 kHz sound."""
    t = np.arange(62400) / 48000
    x = 0.5 * np.sin(2 * np.pi * (200 * t + 1500 * t**2))
    return np.rint(32767 * np.stack([x, 0.5 * x], axis=-1)).astype(np.int16)


def voice() -> np.ndarray:
    """(32000,) float32, Wav2Lip's 16 kHz sound: harmonics, then silence, then harmonics."""
    t = np.arange(32000) / 16000
    harmonics = sum(np.sin(2 * np.pi * 120 * k * t + k) / k for k in range(1, 21))
    noise = (2 * uniform("input/wav2lip_voice", (32000,)) - 1).astype(np.float32)
    x = 0.12 * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t)) * harmonics + 0.005 * noise
    x[12800:17600] = 0
    return (np.rint(32767 * np.clip(x, -1, 1)).astype(np.int16) / 32768).astype(np.float32)


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference, relative to the spread of what is expected."""
    return float(np.abs(ours.astype(np.float64) - theirs).max() / np.abs(theirs).max())
