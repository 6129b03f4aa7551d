"""A face and an engine small enough to see through: what is heard is drawn as a number."""

from fractions import Fraction

import numpy as np

from masktalk.engines import Capabilities, Engine, Speech
from masktalk.engines.base import frame_count
from masktalk.types import CHANNELS, MESH_LANDMARKS, Articulation, Face, Frame, Patch

LOOKAHEAD = Fraction(16, 100)


class LoudnessArticulator:
    """jawOpen is 1 where there is sound; each step needs LOOKAHEAD more to be certain."""

    lookahead = LOOKAHEAD

    def __init__(self):
        self.samples = np.zeros(0, np.float32)
        self.steps = 0

    def push(self, audio):
        self.samples = np.concatenate([self.samples, audio.samples])
        per_step = audio.sample_rate // 100
        certain = len(self.samples) // per_step - int(LOOKAHEAD * 100)
        return self._emit(max(certain, self.steps), per_step)

    def flush(self):
        raise AssertionError("a live stream has no end")

    def _emit(self, until, per_step):
        values = np.zeros((until - self.steps, len(CHANNELS)), np.float32)
        for row, step in enumerate(range(self.steps, until)):
            level = np.abs(self.samples[step * per_step : (step + 1) * per_step]).max()
            values[row, CHANNELS.index("jawOpen")] = level > 0.01
        begin, self.steps = self.steps, until
        return Articulation(values, 100, Fraction(begin, 100))


class GaugeEngine(Engine):
    """Writes jawOpen into the picture's first pixel."""

    capabilities = Capabilities(name="gauge", streams=True, lookahead=LOOKAHEAD)

    def __init__(self):
        super().__init__()
        self.begun = []
        self.made = []

    def speak(self, avatar, speech: Speech):
        self.begun.append(speech.begin)
        heard, step = Fraction(0), 0
        parts = []
        for block in speech.blocks:
            heard += block.duration
            parts.append(speech.articulator.push(block).values)
            known = np.concatenate(parts)
            while step < frame_count(heard, speech.rate):
                place = int(step / speech.rate * 100)
                if place >= len(known):
                    break
                value = known[place, CHANNELS.index("jawOpen")]
                if speech.wants(step):
                    self.made.append(step)
                    pixels = np.full((1, 1, 4), round(255 * float(value)), np.uint8)
                    pixels[..., 3] = 255
                    yield Patch(pixels, 0, 0)
                else:
                    yield None
                step += 1


class PlainAvatar:
    """A black picture, 64 x 48, or a video of as many greys as it has frames."""

    width, height, rate, has_alpha, mouth = 64, 48, Fraction(25), False, "open"
    speaking_rate = Fraction(25)
    overlay = None
    occlusions = ()

    def __init__(self, frame_count=1):
        self.frame_count = frame_count
        self.is_image = frame_count == 1
        mesh = np.zeros((MESH_LANDMARKS, 3), np.float32)
        mesh[:, 0], mesh[:, 1] = 32, 24
        mesh[33, 0], mesh[263, 0] = 22, 42
        self.faces = [Face(mesh, "points", 1.0, "open")] * frame_count

    def frame(self, index):
        return Frame(np.full((self.height, self.width, 3), index, np.uint8))

    def index_at(self, time):
        return int(time * self.rate) % self.frame_count
