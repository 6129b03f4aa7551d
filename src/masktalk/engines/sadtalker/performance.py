"""The performance of a speech: curves of expression, eyelids and head motion at 25 Hz."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from masktalk.behaviour import Behaviour, BehaviourOptions
from masktalk.engines.sadtalker.audio import EXPRESSION, POSE, ExpressionNetwork
from masktalk.engines.sadtalker.curves import (
    STEP_RATE,
    blink_starts,
    blink_starts_at_rate,
    camera_angles,
    closures,
    join_windows,
    mel_rows,
    smooth_motion,
)
from masktalk.engines.sadtalker.mapping import WINDOW_REACH, MappingNetwork
from masktalk.engines.sadtalker.pose import WINDOW_FRAMES, PoseNetwork
from masktalk.head_renderer import HeadPose, transform_keypoints
from masktalk.speech import make_articulator
from masktalk.speech.mel import MEL, log_mel
from masktalk.speech.silence import SilenceGate
from masktalk.types import CHANNELS, Articulation, Audio, FloatArray

#: Mel windows that are encoded at a time.
_BATCH = 64


@dataclass(frozen=True)
class MotionOptions:
    """Choices about the motion.

    Attributes:
        seed: Of everything that is drawn.
        style: Row of the pose network's table.
        blinks_per_minute: On the average; None as often as the networks' authors have it.
        expression_scale: Factor of the expression.
        head_scale: Factor of the head's motion.
        animate_silence: Let the network move the mouth in silence too.
        natural: Take head movement and blinks from masktalk's own behaviour, not the networks.
        joined: Let head motion go on smoothly from one window to the next.
        yaw: Degrees that the head passes through in place of the network's; empty for those.
        pitch: The same.
        roll: The same.
    """

    seed: int = 0
    style: int = 0
    blinks_per_minute: float | None = None
    expression_scale: float = 1.0
    head_scale: float = 1.0
    animate_silence: bool = False
    natural: bool = False
    joined: bool = True
    yaw: Sequence[float] = ()
    pitch: Sequence[float] = ()
    roll: Sequence[float] = ()


@dataclass(frozen=True, eq=False)
class Reference:
    """Coefficients read from reference videos, at 25 Hz.

    Attributes:
        expression: (N, 64) in place of the picture's own; repeated from the start.
        pose: (N, 6) whose change is added to the head's motion; repeated from the start.
    """

    expression: FloatArray | None = None
    pose: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Performance:
    """Everything about a speech that does not depend on the frame it is shown on.

    Attributes:
        heard: (T, width) embeddings of the audio for the expression network.
        closure: (T,) closure of the eyelids in 0..1.
        voiced: (T,) 0 in silence to 1 in speech.
        motion: (T, 6) change of the head's pose, smoothed.
        reference: See there.
        angles: (T,) degrees by axis that take the place of the mapping network's.
    """

    heard: Tensor
    closure: FloatArray
    voiced: FloatArray
    motion: FloatArray
    reference: Reference = field(default_factory=Reference)
    angles: dict[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.closure)


@dataclass(frozen=True, eq=False)
class Performer:
    """Turns audio into a performance.

    Attributes:
        expression: The expression network; its encoder hears the audio.
        pose: The pose network.
        options: See there.
    """

    expression: ExpressionNetwork
    pose: PoseNetwork
    options: MotionOptions

    @torch.inference_mode()
    def perform(
        self, samples: FloatArray, home: FloatArray, reference: Reference | None = None
    ) -> Performance:
        """Return the performance of a speech.

        Args:
            samples: (640 T,) 16 kHz samples in -1..1, T steps at 25 Hz.
            home: (70 or more,) coefficients of the face at rest.
            reference: See there.
        """
        reference = reference or Reference()
        mel = log_mel(samples, "constant").T
        steps = len(samples) * STEP_RATE // 16000
        rows = mel_rows(steps, len(mel))
        windows = [
            torch.from_numpy(np.ascontiguousarray(mel[rows[at : at + _BATCH]].transpose(0, 2, 1)))
            for at in range(0, steps, _BATCH)
        ]
        heard = self._encoded(self.expression.audio_encoder, windows)
        voiced = np.ones(steps, np.float32)
        if not self.options.animate_silence:
            voiced = _voiced(samples, steps)
        if self.options.natural:
            motion, closure = natural_movement(samples, steps, self.options.seed)
        else:
            motion = self.head_motion(self._encoded(self.pose.embed, windows), home)
            motion, closure = smooth_motion(motion), self._closure(steps)
        if reference.expression is not None:
            closure = np.zeros(steps, np.float32)
        if reference.pose is not None:
            motion = motion + _repeated(reference.pose, steps) - reference.pose[0]
        lists = {"yaw": self.options.yaw, "pitch": self.options.pitch, "roll": self.options.roll}
        angles = {axis: camera_angles(given, steps) for axis, given in lists.items() if given}
        return Performance(heard, closure, voiced, motion, reference, angles)

    def head_motion(self, embeddings: Tensor, home: FloatArray) -> FloatArray:
        """Return (T, 6) motion before smoothing; the first row is rest.

        Args:
            embeddings: (T, width) from the pose network.
            home: (70 or more,) coefficients of the face at rest.
        """
        device = embeddings.device
        rest = torch.from_numpy(home[EXPRESSION : EXPRESSION + 6]).to(device)
        drawn = torch.Generator().manual_seed(self.options.seed)
        moving = embeddings[1:]
        windows = []
        for begin in range(0, len(moving), WINDOW_FRAMES):
            latent = torch.randn(1, self.pose.latent, generator=drawn)[0].to(device)
            heard = moving[begin : begin + WINDOW_FRAMES]
            count = len(heard)
            if count < WINDOW_FRAMES:
                heard = moving[-WINDOW_FRAMES:]
                missing = WINDOW_FRAMES - len(heard)
                heard = torch.cat([heard[:1].expand(missing, -1), heard])
            motion = self.pose(rest, latent, self.options.style, heard)
            windows.append(motion[WINDOW_FRAMES - count :].cpu().numpy())
        if not windows:
            return np.zeros((len(embeddings), 6), np.float32)
        if self.options.joined:
            return join_windows(windows)
        return np.concatenate([np.zeros((1, 6), np.float32), *windows])

    def _closure(self, steps: int) -> FloatArray:
        chance, rate = random.Random(self.options.seed), self.options.blinks_per_minute
        if rate is None:
            return closures(steps, blink_starts(steps, chance))
        return closures(steps, blink_starts_at_rate(steps, rate, chance))

    def _encoded(self, encode: Callable[[Tensor], Tensor], windows: Sequence[Tensor]) -> Tensor:
        device = self.expression.mapping1.weight.device
        return torch.cat([encode(window.to(device)) for window in windows])


def natural_movement(samples: FloatArray, steps: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return the (T, 6) head motion and (T,) lid closure of masktalk's own behaviour.

    The 3DMM's axes point to the image's right, up and to the viewer; only angles are moved.

    Args:
        samples: (640 T,) 16 kHz samples in -1..1.
        steps: T, at 25 Hz.
        seed: Of what is drawn by chance.
    """
    articulator = make_articulator()
    heard = [articulator.push(Audio(samples, MEL.sample_rate)), articulator.flush()]
    spoken = Articulation.concat(heard)
    behaviour = Behaviour(BehaviourOptions(gaze=None, seed=seed))
    motion = np.zeros((steps, POSE), np.float32)
    closure = np.zeros(steps, np.float32)
    jaw = CHANNELS.index("jawOpen")
    for step in range(steps):
        time = Fraction(step, STEP_RATE)
        voice = spoken.voice[min(int(time * spoken.frame_rate), len(spoken) - 1)]
        move = behaviour.step(float(time), float(spoken.at(time)[jaw]), float(voice))
        motion[step, :3] = move.pose.pitch, move.pose.yaw, -move.pose.roll
        closure[step] = max(move.weight("eyeBlinkLeft"), move.weight("eyeBlinkRight"))
    return motion, closure


def _voiced(samples: FloatArray, steps: int) -> FloatArray:
    gate = SilenceGate()
    gate.push(samples)
    return np.array([gate.weight(Fraction(i, STEP_RATE)) for i in range(steps)], np.float32)


def _repeated(curve: FloatArray, steps: int) -> FloatArray:
    return curve[np.arange(steps) % len(curve)]


@dataclass(frozen=True, eq=False)
class Puppet:
    """A face that can be posed: its coefficients and keypoints.

    Attributes:
        coefficients: (73,) expression, pose and place of the face.
        canonical: (1, K, 3) keypoints of the unposed, neutral head in -1..1.
    """

    coefficients: FloatArray
    canonical: Tensor


@dataclass(frozen=True, eq=False)
class Animator:
    """Turns steps of a performance into keypoints of a face.

    Attributes:
        expression: The expression network.
        mapping: The mapping network.
        options: See there.
    """

    expression: ExpressionNetwork
    mapping: MappingNetwork
    options: MotionOptions

    @torch.inference_mode()
    def rest(self, face: Puppet) -> Tensor:
        """Return the (1, K, 3) keypoints of a face as it is in its picture."""
        row = torch.from_numpy(face.coefficients[: self.mapping.coefficients])
        window = row[:, None].expand(-1, 2 * WINDOW_REACH + 1)[None]
        return transform_keypoints(face.canonical, self._mapped(window))

    @torch.inference_mode()
    def keypoints(
        self, face: Puppet, performance: Performance, times: Sequence[Fraction]
    ) -> Tensor:
        """Return the (N, K, 3) keypoints of a face at N times in seconds.

        Between steps they are interpolated; after the last step they hold.
        """
        last = Fraction(len(performance) - 1)
        positions = [min(time * STEP_RATE, last) for time in times]
        steps = sorted({step for at in positions for step in (int(at), -int(-at // 1))})
        made = dict(zip(steps, self.at_steps(face, performance, steps), strict=True))
        between = []
        for at in positions:
            low, weight = int(at), float(at - int(at))
            before = made[low]
            between.append(torch.lerp(before, made[low + 1], weight) if weight else before)
        return torch.stack(between)

    @torch.inference_mode()
    def at_steps(self, face: Puppet, performance: Performance, steps: Sequence[int]) -> Tensor:
        """Return the (N, K, 3) keypoints of a face at N steps of a performance."""
        reach = np.arange(-WINDOW_REACH, WINDOW_REACH + 1)
        rows = np.clip(np.asarray(steps)[:, None] + reach, 0, len(performance) - 1)
        first = int(rows.min())
        seen = self.coefficients(face, performance, slice(first, int(rows.max()) + 1))
        windows = torch.from_numpy(seen[rows - first]).transpose(1, 2)
        given = {
            axis: torch.from_numpy(curve[list(steps)]) for axis, curve in performance.angles.items()
        }
        return transform_keypoints(face.canonical, self._mapped(windows, given))

    @torch.inference_mode()
    def coefficients(self, face: Puppet, performance: Performance, steps: slice) -> FloatArray:
        """Return the (N, 70 or 73) coefficients of a face at a slice of steps."""
        own = face.coefficients
        heard = performance.heard[steps]
        closure = torch.from_numpy(performance.closure[steps, None]).to(heard.device)
        borrowed = performance.reference.expression
        reference = np.broadcast_to(own[:EXPRESSION], (len(heard), EXPRESSION))
        if borrowed is not None:
            reference = _repeated(borrowed, len(performance))[steps]
        at_rest = torch.tensor(reference).to(heard.device)
        spoken = self.expression.predict(heard, at_rest, closure)
        silent = at_rest + closure * self.expression.mapping1.weight[:, -1]
        voiced = torch.from_numpy(performance.voiced[steps, None]).to(heard.device)
        expression = torch.where(voiced == 1, spoken, torch.lerp(silent, spoken, voiced))
        scale = np.float32(self.options.expression_scale)
        pose = own[EXPRESSION:70] + np.float32(self.options.head_scale) * performance.motion[steps]
        place = np.broadcast_to(
            own[70 : self.mapping.coefficients], (len(pose), self.mapping.coefficients - 70)
        )
        return np.concatenate([expression.cpu().numpy() * scale, pose, place], axis=1)

    def _mapped(self, windows: Tensor, angles: dict[str, Tensor] | None = None) -> HeadPose:
        device = self.mapping.fc_t.weight.device
        pose = self.mapping(windows.to(device))
        given = {axis: value.to(device) for axis, value in (angles or {}).items()}
        return HeadPose(
            yaw=given.get("yaw", pose.yaw),
            pitch=given.get("pitch", pose.pitch),
            roll=given.get("roll", pose.roll),
            translation=pose.translation,
            expression=pose.expression,
        )
