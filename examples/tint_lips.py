"""An engine in thirty lines: lips that redden with the opening of the mouth.

    python examples/tint_lips.py face.jpg speech.wav tinted.mp4

Listed in ``masktalk.engines.base.ENGINES`` it would be ``--engine tint``.
"""

import sys
from fractions import Fraction

import cv2
import numpy as np

import masktalk
from masktalk.engines import Capabilities, Engine, Speech, frame_count
from masktalk.landmarks import INNER_LIP_CONTOUR, OUTER_LIP_CONTOUR
from masktalk.media import Writer, WriterOptions, read_audio
from masktalk.rendering import compose
from masktalk.types import CHANNELS, Patch


class TintEngine(Engine):
    """An engine that lays red over the lips, deeper the wider the mouth would open."""

    capabilities = Capabilities(name="tint", streams=False, lookahead=Fraction(0))

    def speak(self, avatar, speech):
        """Yield one patch a frame, or None where there is no face."""
        blocks = list(speech.blocks)
        samples = np.concatenate([block.samples for block in blocks])
        audio = masktalk.Audio(samples, blocks[0].sample_rate)
        opening = masktalk.articulate(audio)
        for step in range(frame_count(audio.duration, speech.rate)):
            time = step / speech.rate
            face = avatar.faces[avatar.index_at(speech.begin + time)]
            open_share = float(opening.at(time)[CHANNELS.index("jawOpen")])
            yield None if face is None else self._patch(face, min(1.0, 2 * open_share))

    def _patch(self, face, share):
        outer = face.mesh[list(OUTER_LIP_CONTOUR), :2]
        inner = face.mesh[list(INNER_LIP_CONTOUR), :2]
        left, top = np.floor(outer.min(axis=0)).astype(int) - 2
        width, height = np.ceil(outer.max(axis=0)).astype(int) - (left, top) + 3
        alpha = np.zeros((height, width), np.uint8)
        contours = [(ring - (left, top)).astype(np.int32) for ring in (outer, inner)]
        cv2.fillPoly(alpha, contours, round(160 * share))  # the even-odd rule spares the mouth
        red = np.full((height, width, 3), (200, 20, 40), np.uint8)
        return Patch(np.dstack([red, alpha]), int(left), int(top))


def main(face, speech, output):
    """Render a tinted video."""
    audio, rate = read_audio(speech), Fraction(25)
    with masktalk.prepare(face) as avatar:
        size = avatar.frame(0)
        with Writer(output, WriterOptions(size.width, size.height, rate)) as writer:
            for frame in compose(avatar, TintEngine(), Speech([audio], rate)):
                writer.write(frame)


if __name__ == "__main__":
    main(*sys.argv[1:])
