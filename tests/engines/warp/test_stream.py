"""From sound to patches: how many, when, and what is kept on disk."""

from fractions import Fraction

import numpy as np
import pytest

from masktalk.behaviour import HeadPose, Movement
from masktalk.engines import Speech, frame_count, make_engine
from masktalk.engines.articulation import ArticulationBuffer, mouth_frames
from masktalk.engines.warp.prepared_data import load_or_make
from masktalk.errors import InputError, OptionError
from masktalk.types import CHANNELS, Articulation, Audio
from tests.engines.warp.drawn import DrawnAvatar, laid_over, mesh_of, picture_of, still

STEPS = 50


class Ramp:
    """jawOpen is the time in seconds; a step is certain a tenth of a second later."""

    lookahead = Fraction(1, 10)

    def __init__(self):
        self.heard = Fraction(0)
        self.given = 0

    def push(self, audio):
        self.heard += audio.duration
        return self._until(int((self.heard - self.lookahead) * STEPS))

    def flush(self):
        return self._until(int(self.heard * STEPS))

    def _until(self, end):
        begin, self.given = self.given, max(end, self.given)
        values = np.zeros((self.given - begin, len(CHANNELS)), np.float32)
        values[:, CHANNELS.index("jawOpen")] = np.arange(begin, self.given) / STEPS
        return Articulation(values, STEPS, Fraction(begin, STEPS))


def silence(seconds, size=400, rate=8000):
    samples = np.zeros(round(seconds * rate), np.float32)
    for start in range(0, len(samples), size):
        yield Audio(samples[start : start + size], rate, Fraction(start, rate))


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(12)])
@pytest.mark.parametrize("size", [97, 4000])
def test_a_moment_a_frame_at_its_own_time(rate, size):
    seconds = Fraction(5, 4)
    found = list(mouth_frames(Speech(silence(seconds, size), rate), Ramp()))
    assert len(found) == frame_count(seconds, rate)
    for step, moment in enumerate(found):
        assert moment.time == step / rate
        said = moment.values[CHANNELS.index("jawOpen")]
        assert said == pytest.approx(min(float(moment.time), 1.25 - 1 / STEPS), abs=1e-3)


def test_moments_come_while_the_speech_does():
    heard = []

    def live():
        for block in silence(2):
            heard.append(block.end)
            yield block

    for moment in mouth_frames(Speech(live(), Fraction(25)), Ramp()):
        assert heard[-1] - moment.time <= Fraction(1, 4)


def test_no_sound_makes_no_frames():
    assert list(mouth_frames(Speech([], Fraction(25)), Ramp())) == []


def test_what_lies_behind_is_forgotten():
    buffer, articulator = ArticulationBuffer(), Ramp()
    for step, block in enumerate(silence(30, 320)):
        buffer.append(articulator.push(block))
        if step >= 5:
            assert buffer.covers((step - 5) / Fraction(25))
            buffer.forget_before((step - 5) / Fraction(25))
    assert len(buffer._kept) < 4 * STEPS


def test_prepared_data_is_kept_and_reread(tmp_path):
    avatar = still(folder=tmp_path)
    made = load_or_make(avatar)
    kept = tmp_path / "engines" / "warp" / "warp.npz"
    before = kept.read_bytes()
    again = load_or_make(avatar)
    assert kept.read_bytes() == before
    assert (again.plates.upper == made.plates.upper).all()
    assert again.rig.rest.jaw == made.rig.rest.jaw
    with np.load(kept, allow_pickle=False) as arrays:
        assert arrays.files


def test_damaged_data_is_made_again(tmp_path):
    avatar = still(folder=tmp_path)
    load_or_make(avatar)
    kept = tmp_path / "engines" / "warp" / "warp.npz"
    kept.write_bytes(kept.read_bytes()[:100])
    load_or_make(avatar)
    with np.load(kept, allow_pickle=False) as arrays:
        assert "rest_jaw" in arrays.files


def test_an_avatar_without_a_face_is_a_clear_error(tmp_path):
    avatar = DrawnAvatar([picture_of(mesh_of())], [None], folder=tmp_path)
    with pytest.raises(InputError, match="no frame of the avatar has a face"):
        load_or_make(avatar)


def test_frames_nobody_wants_are_not_made(tmp_path):
    engine = make_engine("warp")
    speech = Speech(silence(1), Fraction(25), articulator=Ramp(), wanted=lambda step: step % 5 == 0)
    patches = list(engine.speak(still(folder=tmp_path), speech))
    assert [patch is not None for patch in patches] == [step % 5 == 0 for step in range(25)]


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="`cloth_strength`"):
        make_engine("warp", {"cloth_strength": 9})


def test_behaviour_is_the_same_for_the_same_seed_only(tmp_path):
    avatar = still(folder=tmp_path)
    made = []
    for seed in (1, 1, 2):
        engine = make_engine("warp", {"seed": seed})
        patches = engine.speak(avatar, Speech(silence(2), Fraction(10), articulator=Ramp()))
        made.append(b"".join(patch.pixels.tobytes() for patch in patches))
    assert made[0] == made[1] != made[2]


def test_an_engine_told_not_to_behave_keeps_eyes_and_head_still(tmp_path):
    avatar = still(folder=tmp_path)
    quiet = Speech(silence(4), Fraction(10), articulator=Held(), behaves=False)
    patches = list(make_engine("warp").speak(avatar, quiet))
    assert all((patch.pixels == patches[0].pixels).all() for patch in patches)


class Held(Ramp):
    """A mouth that stays closed."""

    def _until(self, end):
        part = super()._until(end)
        return Articulation(np.zeros_like(part.values), STEPS, part.time)


class Turned:
    """A source that turns the head and shuts the eyes."""

    def __init__(self, *parts):
        self.parts = parts

    def at(self, time):
        return Movement({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, HeadPose(yaw=0.1))


def test_a_source_moves_its_own_parts_only(tmp_path):
    avatar = still(folder=tmp_path)
    made = {}
    for parts in ((), ("eyes",), ("head",), ("eyes", "head")):
        source = Turned(*parts) if parts else None
        speech = Speech(silence(1), Fraction(10), articulator=Held(), movement=source)
        engine = make_engine("warp", {"energy": 0.0})
        made[parts] = laid_over(avatar.pictures[0], list(engine.speak(avatar, speech))[5])
    nose = tuple(mesh_of()[1, 1::-1].astype(int))
    near = np.s_[nose[0] - 10 : nose[0] + 10, nose[1] - 10 : nose[1] + 10]
    assert (made[("eyes",)] != made[()]).any()
    assert (made[("eyes",)][near] == made[()][near]).all()
    assert (made[("head",)][near] != made[()][near]).any()
    assert (made[("eyes", "head")] != made[("head",)]).any()
