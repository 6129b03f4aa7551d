"""Packs masktalk/speech/data/acoustic.npz from CMU Sphinx's US English acoustic model.

The model is phonetically tied: every phone has 3 x 128 Gaussians, and thousands of
context-dependent states mix them. The Gaussians are kept in half precision; the states of
each phone are clustered to 16 (k-means on the square roots of their mixture weights).

    python scripts/pack_acoustic.py FOLDER OUT.npz

FOLDER is model/en-us/en-us of the pocketsphinx distribution (pip download pocketsphinx==5.1.0,
then unzip). The files' formats: SphinxTrain's s3 parameter files, bin_mdef and sendump.
Needs SciPy.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from masktalk.speech.acoustic import WEIGHT_STEP

STATES = 16
STREAMS, GAUSSIANS = 3, 128
#: Steps of the logarithms in sendump: base 1.0001, shifted by 10 bits.
SENDUMP_STEP = 1024 * np.log(1.0001)

Doubles = npt.NDArray[np.float64]


def read_phones(path: Path) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of the phones, and the phone that each tied state belongs to."""
    data = path.read_bytes()
    at = 12 + struct.unpack_from("<i", data, 8)[0]
    bases, total, per_phone, _, tied, _, sequences, _, contexts, _ = struct.unpack_from(
        "<10i", data, at
    )
    begin = at = at + 40
    names = []
    for _ in range(bases):
        end = data.index(b"\0", at)
        names.append(data[at:end].decode())
        at = end + 1
    at = begin + -(-(at - begin) // 4) * 4 + contexts * 8
    record = np.dtype([("sequence", "<i4"), ("transitions", "<i4"), ("info", "u1", 4)])
    phones = np.frombuffer(data, record, total, at)
    at += total * record.itemsize + 4
    states = np.frombuffer(data, "<u2", sequences * per_phone, at).reshape(sequences, per_phone)
    owner = np.full(tied, -1)
    for index, phone in enumerate(phones):
        owner[states[phone["sequence"]]] = index if index < bases else phone["info"][1]
    return names, owner


def read_gaussians(path: Path) -> npt.NDArray[np.float32]:
    """(P, 3, 128, 13) means or variances."""
    data = path.read_bytes()
    at = data.index(b"endhdr\n") + len(b"endhdr\n") + 4
    phones, streams, count = struct.unpack_from("<3i", data, at)
    lengths = struct.unpack_from(f"<{streams}i", data, at + 12)
    at += 12 + 4 * streams
    values = np.frombuffer(data, "<f4", struct.unpack_from("<i", data, at)[0], at + 4)
    return values.reshape(phones, streams, count, lengths[0])


def read_weights(path: Path, states: int) -> Doubles:
    """(3, 128, states) mixture weights."""
    packed = np.frombuffer(path.read_bytes()[-STREAMS * GAUSSIANS * states :], np.uint8)
    levels = packed.reshape(STREAMS, GAUSSIANS, states).astype(np.float64)
    return np.asarray(np.exp(-levels * SENDUMP_STEP))


def clustered(weights: Doubles, owner: npt.NDArray[np.int64], phones: int) -> Doubles:
    """(3, P, 128, 16) mean weights of each phone's clusters; spare clusters repeat a state."""
    out = np.zeros((STREAMS, phones, GAUSSIANS, STATES))
    for phone in range(phones):
        mine = np.flatnonzero(owner == phone)
        labels = np.arange(len(mine))
        if len(mine) > STATES:
            roots = np.sqrt(weights[:, :, mine]).transpose(2, 0, 1).reshape(len(mine), -1)
            _, labels = kmeans2(roots, STATES, minit="++", seed=0, iter=30)
        for state in range(STATES):
            members = mine[labels == state]
            members = members if len(members) else mine[:1]
            out[:, phone, :, state] = weights[:, :, members].mean(axis=2)
    return out


def main(folder: Path, out: Path) -> None:
    names, owner = read_phones(folder / "mdef")
    variance = np.clip(read_gaussians(folder / "variances"), 1e-3, 6e4)
    weights = clustered(read_weights(folder / "sendump", len(owner)), owner, len(names))
    logs = -np.log(np.maximum(weights, 1e-12).astype(np.float32)) / WEIGHT_STEP
    np.savez_compressed(
        out,
        phones=np.array(names),
        mean=read_gaussians(folder / "means").astype(np.float16),
        variance=variance.astype(np.float16),
        weights=np.clip(np.round(logs), 0, 255).astype(np.uint8),
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
