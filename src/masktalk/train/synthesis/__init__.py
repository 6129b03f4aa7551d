"""Synthesisers that say when each phone sounds.

Debian packages: espeak-ng, flite, festival and the festvox voices.
"""

from masktalk.train.synthesis.espeak import EspeakVoice
from masktalk.train.synthesis.festival import FestivalVoice
from masktalk.train.synthesis.flite import FliteVoice
from masktalk.train.synthesis.voice import Segment, Utterance, Voice

__all__ = ["EspeakVoice", "FestivalVoice", "FliteVoice", "Segment", "Utterance", "Voice"]
