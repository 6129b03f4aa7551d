"""Flite: ``flite -psdur`` prints each phone with its end."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from masktalk.errors import MasktalkError
from masktalk.train.synthesis.voice import Utterance, read_wave, segments_from_ends


@dataclass(frozen=True)
class FliteVoice:
    """One of Flite's built-in voices: kal, kal16, awb, rms, slt.

    Attributes:
        name: As ``flite -lv`` lists it.
        stretch: Duration factor; above 1 is slower.
        pitch: Mean F0 in Hz, or None for the voice's own.
    """

    name: str
    stretch: float = 1.0
    pitch: float | None = None
    language: str = "en"

    def say(self, text: str) -> Utterance:
        """Synthesise a text."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "speech.wav"
            command = ["flite", "-voice", self.name, "-psdur"]
            command += ["--setf", f"duration_stretch={self.stretch}"]
            if self.pitch is not None:
                command += ["--setf", f"int_f0_target_mean={self.pitch}"]
            command += ["-t", text, "-o", str(out)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode or not out.exists():
                raise MasktalkError("flite", f"failed: {done.stderr.strip()}", "install flite")
            pairs = [word.rpartition(":") for word in done.stdout.split() if ":" in word]
            ends = [(symbol, float(end)) for symbol, _, end in pairs]
            return Utterance(read_wave(out), segments_from_ends(ends), "arpabet")
