"""Everything MuseTalk computes with, loaded and on its device."""

from __future__ import annotations

import gc
import logging
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from masktalk.compose.parsing import FaceParser
from masktalk.engines.device import Compute, choose_compute, estimate_seconds
from masktalk.engines.musetalk.face_generator import Generator
from masktalk.engines.musetalk.finetuning import FinetunedWeights
from masktalk.engines.musetalk.networks import Networks, encode_faces, load_unet, load_vae
from masktalk.engines.musetalk.options import MuseTalkOptions
from masktalk.engines.musetalk.whisper import WhisperStates
from masktalk.engines.prepared import weights_fingerprint
from masktalk.types import FloatArray, UInt8Array
from masktalk.weights import WeightStore

logger = logging.getLogger(__name__)

#: Multiply-adds of one generated frame: the UNet at 32x32 latents and the VAE's decoder.
_FRAME_MACS = 0.1e12 + 0.31e12


@dataclass(frozen=True)
class Files:
    """Paths of the weights.

    Attributes:
        unet: The generator.
        unet_config: Its configuration; None for the published one.
        vae: Picture to latent and back.
        whisper: Speech to states.
        parser: Face parsing; None when it is not here.
        finetuned: Weights of a training run; None for the plain generator.
    """

    unet: Path
    unet_config: Path | None
    vae: Path
    whisper: Path
    parser: Path | None
    finetuned: Path | None = None

    @classmethod
    def find(cls, options: MuseTalkOptions) -> Files:
        """Find the weights by the options and the weights table.

        Raises:
            WeightsError: One that is needed is not here.
        """
        store = WeightStore(options.models)
        return cls(
            unet=options.unet or store.path(options.release.weights),
            unet_config=options.unet_config,
            vae=options.vae or store.path("sd-vae"),
            whisper=options.whisper or store.path("whisper-tiny"),
            parser=store.find("bisenet"),
            finetuned=options.finetuned and FinetunedWeights.locate(options.finetuned),
        )


#: Networks that some engine still holds; another engine on the same files shares them.
_LOADED: WeakValueDictionary[tuple[Files, Compute], ModelBundle] = WeakValueDictionary()


def studio_of(files: Files, options: MuseTalkOptions) -> ModelBundle:
    """Return the networks of those files, loaded unless they are loaded already.

    Raises:
        OptionError: The device is not there.
        WeightsError: A file does not fit.
    """
    compute = choose_compute(options.device, options.precision, options.batch_size, options.fused)
    studio = _LOADED.get((files, compute))
    if studio is None:
        studio = _LOADED[files, compute] = ModelBundle(files, compute)
    return studio


class ModelBundle:
    """The loaded networks.

    Args:
        files: Where the weights are.
        compute: Device, precision and batch.
    """

    def __init__(self, files: Files, compute: Compute) -> None:
        self.files = files
        self.compute = compute
        announce(compute)
        unet = load_unet(files.unet, files.unet_config, compute.dtype, compute.device)
        if files.finetuned is not None:
            FinetunedWeights.read(files.finetuned).apply(unet)
        vae = load_vae(files.vae, compute.dtype, compute.device)
        gc.collect()
        self.networks = Networks(unet, vae)
        self.generator = Generator(
            self.networks, compute.device, compute.dtype, compute.batch, fused=compute.fused
        )
        self.whisper = WhisperStates.load(files.whisper, compute.device)
        self.parser = FaceParser.load(files.parser, compute.device) if files.parser else None

    def encode(self, pictures: list[UInt8Array]) -> FloatArray:
        """(N, 8, h, w) generator input of square RGB pictures, a batch at a time."""
        batch = self.compute.batch
        parts = [
            encode_faces(self.networks, pictures[start : start + batch])
            for start in range(0, len(pictures), batch)
        ]
        return np.concatenate(parts)

    def facts(self) -> dict[str, object]:
        """Return the cache key fields of an avatar's prepared inputs."""
        return {
            "vae": weights_fingerprint(self.files.vae),
            "parser": weights_fingerprint(self.files.parser) if self.files.parser else None,
            "precision": self.compute.precision,
        }


def announce(compute: Compute) -> None:
    """Say where it runs and, where that is slow, how long it will take."""
    if compute.device.type == "cuda":
        logger.info("musetalk: %s in %s", compute.device, compute.precision)
        return
    seconds = estimate_seconds(compute, _FRAME_MACS)
    logger.warning(
        "musetalk runs on %s in %s: about %.2g s a frame, %.2g s for each second at 25 fps",
        "the processor" if compute.device.type == "cpu" else compute.device.type,
        compute.precision,
        seconds,
        25 * seconds,
    )
