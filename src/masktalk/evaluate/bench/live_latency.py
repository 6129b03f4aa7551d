"""Latency of live sessions: onset, interruption, several at once, over a long time."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from masktalk.avatar import Avatar
from masktalk.engines import make_engine
from masktalk.media import read_audio
from masktalk.preparation import prepare
from masktalk.session import ProcessSession, Session, SessionOptions, SessionSpec, Tick
from masktalk.types import Audio, FloatArray, UInt8Array

_SIZE = 512
#: A frame shows speech, or is still, beyond this mean difference of grey levels in the face.
_VISIBLE = 0.15
_BLOCK = 0.02


@dataclass(frozen=True)
class LiveFigures:
    """Figures of a run; times in seconds.

    Attributes:
        onset_streamed: Per utterance pushed in real time in blocks of 20 ms: from the first
            push to leaving of the first frame that carries it.
        onset_burst: The same, pushed as fast as a synthesiser does.
        visible_burst: From the first push to the first frame in which the mouth moved.
        interrupt: From ``interrupt()`` to the first frame after which the mouth is still.
        sessions: How many ran beside one another.
        seconds: For how long.
        dropped_share: The worst session's.
        late_audio: Ticks more than one frame late, of all sessions.
        worst_lateness: The latest of all ticks.
        worst_skew: Between a frame and the sound it left with.
        skew_early: Mean lateness in the first tenth of the time.
        skew_late: Mean lateness in the last tenth.
        memory_early: Bytes resident after the first tenth, in one session's process.
        memory_late: The same at the end.
        listener_share: Processor time of the process that listens to them, over wall time.
        machine: Where.
        load: Others' load average at the begin.
    """

    onset_streamed: list[float] = field(default_factory=list)
    onset_burst: list[float] = field(default_factory=list)
    visible_burst: list[float] = field(default_factory=list)
    interrupt: list[float] = field(default_factory=list)
    sessions: int = 0
    seconds: float = 0.0
    dropped_share: float = 0.0
    late_audio: int = 0
    worst_lateness: float = 0.0
    worst_skew: float = 0.0
    skew_early: float = 0.0
    skew_late: float = 0.0
    memory_early: int = 0
    memory_late: int = 0
    listener_share: float = 0.0
    machine: str = ""
    load: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, the lists as median, 99th percentile and count."""
        plain = asdict(self)
        for name in ("onset_streamed", "onset_burst", "visible_burst", "interrupt"):
            plain[name] = _spread(plain[name])
        return plain


def measure_live(trials: int = 30, sessions: int = 4, seconds: float = 120.0) -> LiveFigures:
    """Measure the embedded engine on the demo's portrait at 512x512.

    Args:
        trials: Utterances of each kind, and interruptions.
        sessions: How many run beside one another.
        seconds: For how long.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, _one_thread_each():
        bundle = _make_bundle(Path(folder))
        latency = asyncio.run(_latency(bundle, trials))
        crowd = asyncio.run(_crowd(bundle, sessions, seconds))
    return LiveFigures(**latency, **crowd, machine=_machine(), load=round(load, 2))


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    median, worst = np.percentile(values, [50, 99])
    return {"median": round(float(median), 4), "p99": round(float(worst), 4), "count": len(values)}


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _make_bundle(folder: Path) -> Path:
    with as_file(files("masktalk.demo") / "material" / "portrait.jpg") as path:
        picture = cv2.imread(str(path))
    if picture is None:
        raise FileNotFoundError(path)
    square = min(picture.shape[:2])
    picture = cv2.resize(picture[:square, :square], (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
    source = folder / "portrait.png"
    cv2.imwrite(str(source), picture)
    prepare(source, folder / "avatar").close()
    return folder / "avatar"


def _speech() -> Audio:
    """Return the demo's speech from its first loud vowel on."""
    with as_file(files("masktalk.demo") / "material" / "speech.flac") as path:
        audio = read_audio(path, 24_000)
    loud = int(np.argmax(np.abs(audio.samples) > 0.2))
    return Audio(audio.samples[loud:], audio.sample_rate)


async def _latency(bundle: Path, trials: int) -> dict[str, Any]:
    with Avatar(bundle) as avatar:
        options = SessionOptions(idle=False)
        engine = make_engine("warp", {"energy": 0})  # only the mouth shall move
        async with Session(avatar, engine, options) as session:
            trial = _Trial(session, avatar)
            async for tick in session:
                trial.see(tick)
                if tick.index == 25:
                    script = asyncio.create_task(_script(trial, trials))
                if tick.index > 25 and script.done():
                    script.result()
                    break
    return {
        "onset_streamed": trial.onsets["streamed"],
        "onset_burst": trial.onsets["burst"],
        "visible_burst": trial.visible,
        "interrupt": trial.stills,
    }


class _Trial:
    """Watches one session while it is spoken to."""

    def __init__(self, session: Session, avatar: Avatar) -> None:
        self.session = session
        face = avatar.faces[0]
        assert face is not None
        x0, y0, x1, y1 = (max(int(side), 0) for side in face.box)
        self._face = (slice(y0, y1), slice(x0, x1))
        self._rest: FloatArray | None = None
        self._last: FloatArray | None = None
        self._moving_until = 0.0
        self.kind = "streamed"
        self.pushed: float | None = None
        self._onset: tuple[Fraction, float] | None = None
        self.onsets: dict[str, list[float]] = {"streamed": [], "burst": []}
        self.visible: list[float] = []
        self.stills: list[float] = []

    def see(self, tick: Tick) -> None:
        """Record one frame as it leaves."""
        now = time.monotonic()
        if tick.onset is not None:
            self._onset = (tick.time, tick.onset)
        if tick.frame is None:
            return
        grey = self._grey(tick.frame.pixels)
        if self._rest is None:
            self._rest = grey
        if self._onset is not None and tick.frame.time >= self._onset[0]:
            self.onsets[self.kind].append(now - self._onset[1])
            self._onset = None
        moved = float(np.abs(grey - self._rest).mean())
        if self.pushed is not None and self.kind == "burst" and moved > _VISIBLE:
            self.visible.append(now - self.pushed)
            self.pushed = None
        if self._last is not None and np.abs(grey - self._last).mean() > _VISIBLE:
            self._moving_until = now
        self._last = grey

    def _grey(self, pixels: UInt8Array) -> FloatArray:
        crop = np.ascontiguousarray(pixels[self._face][..., :3])
        return np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.float32)

    async def until_quiet(self) -> None:
        """Wait until nothing is said and the mouth has rested a while."""
        while self.session.speaking or time.monotonic() - self._moving_until < 0.3:
            await asyncio.sleep(0.01)

    async def interrupt(self) -> None:
        """Cut the speech off and note how long the mouth goes on moving."""
        begun = time.monotonic()
        self.session.interrupt()
        await asyncio.sleep(0.5)
        self.stills.append(max(self._moving_until - begun, 0.0))


async def _script(trial: _Trial, trials: int) -> None:
    speech, chance = _speech(), np.random.default_rng(1)
    session, step = trial.session, int(speech.sample_rate * _BLOCK)
    for number in range(trials):
        for kind in ("streamed", "burst"):
            await trial.until_quiet()
            await asyncio.sleep(float(chance.uniform(0.1, 0.3)))
            trial.kind, trial.pushed = kind, time.monotonic()
            if kind == "burst":
                session.push_audio(speech.samples, speech.sample_rate)
                await asyncio.sleep(0.6 + 0.037 * (number % 7))
            else:
                await _stream(
                    session, speech.samples[: speech.sample_rate], speech.sample_rate, step
                )
            await trial.interrupt()


async def _stream(session: Session, samples: FloatArray, rate: int, step: int) -> None:
    due = time.monotonic()
    for start in range(0, len(samples), step):
        session.push_audio(samples[start : start + step], rate)
        due += _BLOCK
        await asyncio.sleep(max(due - time.monotonic(), 0))


async def _crowd(bundle: Path, count: int, seconds: float) -> dict[str, Any]:
    sessions = [ProcessSession(SessionSpec(bundle)) for _ in range(count)]
    for session in sessions:
        await session.start()
    begun, spent = time.monotonic(), time.process_time()
    seen = await asyncio.gather(*(_attend(session, seconds) for session in sessions))
    spent, wall = time.process_time() - spent, time.monotonic() - begun
    for session in sessions:
        await session.close()
    return {
        "sessions": count,
        "seconds": seconds,
        "dropped_share": max(session.stats.dropped_share for session in sessions),
        "late_audio": sum(session.stats.late_audio for session in sessions),
        "worst_lateness": round(max(session.stats.worst_lateness for session in sessions), 4),
        "worst_skew": max(one.worst_skew for one in seen),
        "skew_early": round(float(np.mean([one.mean(early=True) for one in seen])), 5),
        "skew_late": round(float(np.mean([one.mean(early=False) for one in seen])), 5),
        "memory_early": seen[0].memory_early,
        "memory_late": seen[0].memory_late,
        "listener_share": round(spent / wall, 3),
    }


@dataclass
class _Attendance:
    """Notes of one listener.

    Attributes:
        lateness: Seconds, one a tick.
        worst_skew: Seconds between a frame and the sound it left with.
        memory_early: Bytes resident in its process after a tenth of the time.
        memory_late: The same at the end.
    """

    lateness: list[float] = field(default_factory=list)
    worst_skew: float = 0.0
    memory_early: int = 0
    memory_late: int = 0

    def mean(self, early: bool) -> float:
        """Return the mean lateness in seconds over the first or the last tenth."""
        tenth = max(len(self.lateness) // 10, 1)
        return float(np.mean(self.lateness[:tenth] if early else self.lateness[-tenth:]))


async def _attend(session: ProcessSession, seconds: float) -> _Attendance:
    speech, noted = _speech(), _Attendance()
    total = int(seconds * session.rate)
    async for tick in session:
        if session.queued < 2:
            session.push_audio(speech.samples, speech.sample_rate)
        if tick.frame is not None:
            skew = abs(float(tick.frame.time - tick.time))
            noted.worst_skew = max(noted.worst_skew, skew)
        noted.lateness.append(tick.lateness)
        if tick.index == total // 10:
            noted.memory_early = _memory(session.process_id)
        if tick.index >= total:
            noted.memory_late = _memory(session.process_id)
            break
    return noted


def _memory(process_id: int) -> int:
    """Return the resident bytes of a process (Linux), else this process's peak."""
    status = Path(f"/proc/{process_id}/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
