"""Sound in, articulation out, step by step as it comes.

Two opinions are averaged: mean mouth shapes of the phones that an acoustic model of real
speech hears (``hearing``, ``shapes``), and a small network that has learnt, mostly from
synthesisers, how mouths move through phones (``network``). They err differently.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from masktalk.errors import OptionError
from masktalk.media.resampling import SPEECH_RATE, StreamResampler
from masktalk.speech import acoustic, network
from masktalk.speech.adapted_phones import SpeakerAdaptedPhones
from masktalk.speech.compiled import CompiledStage
from masktalk.speech.gestures import GESTURES, channels_of
from masktalk.speech.loudness import LoudnessNormalizer, NormalizedFeatures
from masktalk.speech.shapes import ShapeStage, load_phone_shapes, mixed
from masktalk.speech.spectrum import HALF, STEP_RATE, Spectrum, mel_filters
from masktalk.speech.stages import Lockstep
from masktalk.speech.vad_network import Detector
from masktalk.speech.voice_activity import Gate, VadFusion
from masktalk.types import CHANNELS, Articulation, Audio, FloatArray

#: Added to mel power before the logarithm: far below the noise of 16-bit sound.
_TINY = np.float32(1e-10)
_UNHEARD, _NOTHING = np.zeros((0, 2), np.float32), np.zeros((0, 1), np.float32)


@dataclass(frozen=True)
class ArticulatorOptions:
    """Options of the articulator.

    Attributes:
        strength: Scales every movement; 1 is as measured on real mouths.
        together: Steps of 10 ms heard at a time, at least: more of them cost less and come
            later, by 10 ms each. With 5, every third block of 20 ms is worked on.
    """

    strength: float = 1.0
    together: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 3:
            raise OptionError(f"`strength` {self.strength:g}", "must lie in 0..3")
        if self.together < 1:
            raise OptionError(f"`together` {self.together}", "must be at least 1")


class FeaturePipeline:
    """Sound in; what both models hear in it out, lined up: the part before any mouth.

    Rows: ``shape`` (aperture, width, closed lips) from the phones' mean shapes, ``gestures``
    and ``phones`` (scores of phone classes) from the network, ``voice`` and ``gate``.

    Args:
        trained: The network; None for the shipped one.
        together: See ``ArticulatorOptions``.
    """

    def __init__(self, trained: network.Network | None = None, together: int = 5) -> None:
        model = acoustic.load_acoustic_model()
        self._network = trained or network.shipped_network()
        self._intake, self._spectrum = StreamResampler(), Spectrum(together)
        self._together = together
        self._hearing, self._leveller = SpeakerAdaptedPhones(), LoudnessNormalizer()
        self._shapes = ShapeStage(load_phone_shapes(model.phones))
        self._heads = network.NetworkStage(trained) if trained else CompiledStage(self._network)
        self._detector, self._agreement, self._gate = Detector(), VadFusion(), Gate()
        self._presence = Lockstep({"present": 1, "loud": 1, "voice": 1})
        widths = {"shape": 3, "gestures": len(GESTURES), "voice": 1, "gate": 1}
        self._lines = Lockstep({**widths, "phones": len(self._network.classes)})

    @property
    def lookahead(self) -> Fraction:
        """Seconds of sound after a step that must be heard before it is certain."""
        delays = self._network.delays
        speech = self._detector.delay + self._agreement.delay
        voice = max(self._leveller.delay + delays["voice"], speech)
        steps = max(
            self._hearing.delay + self._shapes.delay,
            self._leveller.delay + delays["gestures"],
            voice + self._gate.delay,
        )
        steps += self._together - 1
        return Fraction(steps, STEP_RATE) + Fraction(HALF, SPEECH_RATE)

    def push(self, audio: Audio) -> dict[str, FloatArray]:
        """Rows that have become certain."""
        self._take(self._intake.push(audio.samples, audio.sample_rate))
        return self._lines.take()

    def flush(self) -> dict[str, FloatArray]:
        """Return the remaining steps."""
        self._take(self._intake.flush())
        self._open(_UNHEARD, self._detector.flush())
        self._hear(self._spectrum.flush())
        if not self._spectrum.steps:
            return self._lines.take()
        self._sort(self._hearing.flush())
        self._lines.add("shape", self._shapes.flush())
        fine = self._leveller.flush()
        hold = max(self._network.delays.values())
        held = (
            np.concatenate([part, np.repeat(part[-1:], hold, axis=0)])
            for part in (fine.rows, fine.present, fine.loud)
        )
        self._infer(NormalizedFeatures(*held))
        self._speak(self._agreement.flush())
        self._lines.add("gate", self._gate.flush())
        return self._lines.take()

    def _take(self, samples: FloatArray) -> None:
        self._open(_UNHEARD, self._detector.push(samples))
        self._hear(self._spectrum.push(samples))

    def _hear(self, power: FloatArray) -> None:
        if not len(power):
            return
        self._sort(self._hearing.push(power))
        fine = power @ mel_filters(network.BANDS, network.LOW, network.HIGH)
        self._infer(self._leveller.push(np.log(fine + _TINY)))

    def _sort(self, posteriors: FloatArray) -> None:
        self._lines.add("shape", self._shapes.push(posteriors))

    def _infer(self, fine: NormalizedFeatures) -> None:
        heard = self._heads.push(fine.rows)
        self._lines.add("gestures", heard["gestures"])
        self._lines.add("phones", heard["phones"])
        self._presence.add("present", fine.present)
        self._presence.add("loud", fine.loud)
        self._presence.add("voice", 1 / (1 + np.exp(-heard["voice"])))
        now = self._presence.take()
        self._open(np.hstack([now["present"] * now["voice"], now["loud"]]), _NOTHING)

    def _open(self, heard: FloatArray, speech: FloatArray) -> None:
        if len(heard) or len(speech):
            self._speak(self._agreement.push(heard, speech))

    def _speak(self, voice: FloatArray) -> None:
        self._lines.add("voice", voice)
        self._lines.add("gate", self._gate.push(voice))


class SpeechArticulator:
    """The articulator of ``masktalk.engines.base``: any rate in, 100 steps a second out."""

    def __init__(self, options: ArticulatorOptions, trained: network.Network | None = None) -> None:
        self._options = options
        self._listener = FeaturePipeline(trained, options.together)
        self._steps = 0

    @property
    def lookahead(self) -> Fraction:
        """Return the seconds of audio after a step that must be heard before it is certain."""
        return self._listener.lookahead

    def push(self, audio: Audio) -> Articulation:
        """Take audio; return the steps that have become certain."""
        return self._move(self._listener.push(audio))

    def flush(self) -> Articulation:
        """Return the remaining steps."""
        return self._move(self._listener.flush())

    def _move(self, heard: dict[str, FloatArray]) -> Articulation:
        begin, self._steps = self._steps, self._steps + len(heard["gate"])
        values = np.zeros((0, len(CHANNELS)), np.float32)
        if len(heard["gate"]):
            gestures = mixed(heard["shape"], heard["gestures"])
            scaled = channels_of(gestures) * heard["gate"] * self._options.strength
            values = np.clip(scaled, 0, 1).astype(np.float32)
        return Articulation(values, STEP_RATE, Fraction(begin, STEP_RATE), heard["voice"][:, 0])


def make_articulator(options: ArticulatorOptions | None = None) -> SpeechArticulator:
    """Return a fresh articulator for one stream of speech."""
    return SpeechArticulator(options or ArticulatorOptions())


def articulate(
    speech: Audio | str | os.PathLike[str], options: ArticulatorOptions | None = None
) -> Articulation:
    """Articulate recorded speech, given as samples or as a file.

    Raises:
        MediaError: The file cannot be read or has no sound.
    """
    articulator = make_articulator(options)
    if isinstance(speech, Audio):
        return Articulation.concat([articulator.push(speech), articulator.flush()])
    from masktalk.media import stream_audio

    parts = [articulator.push(block) for block in stream_audio(speech, SPEECH_RATE)]
    return Articulation.concat([*parts, articulator.flush()])
