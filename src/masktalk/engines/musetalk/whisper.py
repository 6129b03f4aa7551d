"""Whisper-tiny's encoder states, as MuseTalk hears speech.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from masktalk.engines.musetalk.whisper_windows import SAMPLES_PER_ROW
from masktalk.errors import MissingExtraError, WeightsError
from masktalk.media.resampling import SPEECH_RATE
from masktalk.types import FloatArray
from masktalk.weights import load_tensors

if TYPE_CHECKING:
    import torch

#: Seconds, samples and rows of the one length that Whisper's encoder takes.
SEGMENT_SECONDS = 30
SEGMENT_SAMPLES = SEGMENT_SECONDS * SPEECH_RATE
SEGMENT_ROWS = SEGMENT_SAMPLES // SAMPLES_PER_ROW

_PREFIXES = ("model.encoder.", "encoder.", "")


def tiny_config() -> Any:
    """Return the encoder's configuration of ``openai/whisper-tiny``."""
    return _whisper().WhisperConfig(
        d_model=384,
        encoder_layers=4,
        encoder_attention_heads=6,
        encoder_ffn_dim=1536,
        num_mel_bins=80,
        max_source_positions=SEGMENT_ROWS,
        dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
    )


class WhisperStates:
    """Encodes up to 30 s of sound into five layers of states at 50 Hz.

    Args:
        encoder: transformers' ``WhisperEncoder``.
        device: Where to run it.
    """

    def __init__(self, encoder: Any, device: torch.device | str = "cpu") -> None:
        self.encoder = encoder.to(device).eval()
        self.device = device
        self._features = _whisper().WhisperFeatureExtractor(
            feature_size=encoder.config.num_mel_bins
        )

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> WhisperStates:
        """From a Whisper checkpoint, whole or its encoder alone.

        It is whisper-tiny unless a ``config.json`` beside it says otherwise.

        Raises:
            WeightsError: It is something else.
        """
        beside = path.with_name("config.json")
        config = _read_config(beside) if beside.is_file() else tiny_config()
        encoder = _whisper().modeling_whisper.WhisperEncoder(config)
        tensors = load_tensors(path)
        prefix = next(p for p in _PREFIXES if p == "" or any(k.startswith(p) for k in tensors))
        own = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        try:
            encoder.load_state_dict(own)
        except RuntimeError as error:
            raise WeightsError(path, "does not fit Whisper's encoder") from error
        return cls(encoder, device)

    @property
    def width(self) -> int:
        """Values in a token."""
        return int(self.encoder.config.d_model)

    @property
    def layers(self) -> int:
        """Layers of states: the embedding and every block's output."""
        return int(self.encoder.config.encoder_layers) + 1

    def log_mel(self, samples: FloatArray) -> FloatArray:
        """(80, 3000) log-mel of at most 30 s of 16 kHz sound, padded with silence."""
        features = self._features(samples, sampling_rate=SPEECH_RATE, return_tensors="np")
        return np.asarray(features["input_features"][0], np.float32)

    def encode(self, samples: FloatArray) -> FloatArray:
        """(rows, layers, width) states of at most 30 s of 16 kHz sound.

        There is one row for every 20 ms begun and completed; what Whisper makes of the
        silence behind is left out.

        Raises:
            ValueError: More than 30 s.
        """
        if len(samples) > SEGMENT_SAMPLES:
            raise ValueError(f"{len(samples)} samples are more than {SEGMENT_SAMPLES}")
        return self.encode_features(self.log_mel(samples))[: len(samples) // SAMPLES_PER_ROW]

    def encode_features(self, log_mel: FloatArray) -> FloatArray:
        """(1500, layers, width) states of a (80, 3000) log-mel."""
        import torch

        with torch.inference_mode():
            features = torch.from_numpy(log_mel)[None].to(self.device)
            states = self.encoder(features, output_hidden_states=True).hidden_states
            stacked = torch.stack(states, dim=2)[0]
        result: FloatArray = stacked.float().cpu().numpy()
        return result


def _read_config(path: Path) -> Any:
    try:
        return _whisper().WhisperConfig(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(path, f"is not a Whisper configuration ({error})") from error


def _whisper() -> Any:
    try:
        import transformers.models.whisper as whisper
        from transformers.models.whisper import modeling_whisper
    except ImportError as error:
        raise MissingExtraError(
            str(error.name), "is not installed", "pip install 'masktalk[musetalk]'"
        ) from error
    del modeling_whisper
    return whisper
