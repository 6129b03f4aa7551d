"""Speed of rendering against decoding and encoding alone, in one run on one machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib.metadata import version
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from masktalk.demo.faces import draw_cartoon
from masktalk.media import Writer, WriterOptions, read_audio
from masktalk.media.encoders import configure, pick_encoder
from masktalk.numerics import to_pcm16
from masktalk.preparation import prepare
from masktalk.rendering import RenderOptions, render
from masktalk.types import Frame, Progress, UInt8Array, no_progress

RATE = Fraction(25)
SIZE = (1280, 720)


@dataclass(frozen=True)
class Ratio:
    """One figure: what was measured, against what, and the bar it should keep.

    Attributes:
        name: What it says.
        measured: Seconds, or bytes, of the thing itself.
        baseline: The same unit, of what it is compared with.
        bar: What ``measured / baseline`` (or the sentence in ``name``) should not exceed.
    """

    name: str
    measured: float
    baseline: float
    bar: float

    @property
    def ratio(self) -> float:
        """Return measured over baseline."""
        return self.measured / self.baseline


@dataclass(frozen=True)
class BenchResult:
    """All figures of one run, and the machine they were taken on."""

    machine: dict[str, str]
    ratios: tuple[Ratio, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ratios included."""
        rows = [{**asdict(row), "ratio": round(row.ratio, 3)} for row in self.ratios]
        return {"machine": self.machine, "ratios": rows}

    def markdown(self) -> str:
        """Return the result as a Markdown page."""
        lines = ["# Speed", "", "Written by `masktalk bench`; ratios within one run.", ""]
        lines += [f"- {name}: {value}" for name, value in self.machine.items()]
        lines += ["", "| what | measured | baseline | ratio | bar |", "|---|---|---|---|---|"]
        lines += [
            f"| {row.name} | {row.measured:.2f} | {row.baseline:.2f} | {row.ratio:.2f} "
            f"| {row.bar:.2f} |"
            for row in self.ratios
        ]
        return "\n".join(lines) + "\n"


def measure(seconds: int, memory_seconds: int = 0, progress: Progress = no_progress) -> BenchResult:
    """Run every measurement.

    Args:
        seconds: Length of the speech.
        memory_seconds: Also compare the peak memory of so long a speech with 10 s of it;
            0 leaves that out.
        progress: Told how far it is.
    """
    with tempfile.TemporaryDirectory(prefix="masktalk-bench-") as name:
        folder = Path(name)
        speech = _write_speech(folder / "speech.wav", seconds)
        video = _write_video(folder / "talking.mp4", seconds)
        picture = folder / "cartoon.png"
        cv2.imwrite(str(picture), cv2.cvtColor(_large_cartoon(), cv2.COLOR_RGB2BGR))
        plain = _best(lambda: _transcode(video, folder / "plain.mp4", seconds))
        rows = [_prepared(folder, video, speech, plain, progress)]
        rows.append(_cold_start(folder, picture, speech, plain))
        if memory_seconds:
            rows.append(_memory(folder, picture, memory_seconds))
    return BenchResult(_machine(), tuple(rows))


def _prepared(folder: Path, video: Path, speech: Path, plain: float, progress: Progress) -> Ratio:
    with prepare(video, folder / "avatar", progress=progress) as avatar:
        options = RenderOptions(overwrite=True)
        render(avatar, speech, folder / "out.mp4", options)  # the engine prepares itself once
        spent = _best(lambda: render(avatar, speech, folder / "out.mp4", options, progress))
    return Ratio("render a prepared 720p video / decode and encode it, s", spent, plain, 1.5)


def _cold_start(folder: Path, picture: Path, speech: Path, plain: float) -> Ratio:
    begun = time.perf_counter()
    _command(["render", str(picture), str(speech), "-o", str(folder / "cold.mp4")], folder)
    spent = time.perf_counter() - begun
    name = "picture to video from nothing, 5 s taken off / decode and encode, s"
    return Ratio(name, max(spent - 5, 0), plain, 3.0)


def _memory(folder: Path, picture: Path, seconds: int) -> Ratio:
    peaks = []
    for length in (10, seconds):
        speech = _write_speech(folder / f"{length}.wav", length)
        output = folder / f"{length}.mp4"
        peaks.append(_command(["render", str(picture), str(speech), "-o", str(output)], folder))
    return Ratio(f"peak memory of {seconds} s / of 10 s of speech, MiB", peaks[1], peaks[0], 1.2)


def _command(arguments: list[str], folder: Path) -> float:
    """Run masktalk in a process of its own; returns its peak memory in MiB."""
    code = (
        "import resource, sys; from masktalk.cli import main; sys.argv[0] = 'masktalk'\n"
        "try: main()\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    environment = {**os.environ, "MASKTALK_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    unit = 1 if sys.platform == "darwin" else 1024
    return float(done.stderr.split()[-1]) * unit / 2**20


def _best(work: Callable[[], object], times: int = 2) -> float:
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return min(spent)


def _transcode(source: Path, output: Path, seconds: int) -> None:
    """Decode and encode as many frames, with the encoder and settings of a render."""
    settings = WriterOptions(*SIZE, RATE)
    encoder = pick_encoder(output.suffix, alpha=False)
    with av.open(str(source)) as reader, av.open(str(output), "w") as sink:
        reader.streams.video[0].thread_type = "AUTO"
        stream: Any = sink.add_stream(encoder.name, rate=RATE)
        context = stream.codec_context
        context.width, context.height = SIZE
        context.pix_fmt = encoder.pixel_format
        configure(context, encoder, settings.quality, float(SIZE[0] * SIZE[1] * RATE))
        for index, frame in enumerate(islice(reader.decode(video=0), int(seconds * RATE))):
            frame.pts, frame.time_base = index, 1 / RATE
            frame.pict_type = 0  # the source's frame types are not the encoder's business
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))


def _write_speech(path: Path, seconds: int) -> Path:
    with as_file(files("masktalk.demo") / "material" / "speech.flac") as speech:
        audio = read_audio(speech)
    samples = np.resize(audio.samples, seconds * audio.sample_rate)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.sample_rate)
        file.writeframes(to_pcm16(samples).tobytes())
    return path


def _large_cartoon() -> UInt8Array:
    face = cv2.resize(draw_cartoon(), (540, 720), interpolation=cv2.INTER_CUBIC)
    canvas = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    canvas[:] = face[:, :1]
    canvas[:, 370:910] = face
    return canvas


def _write_video(path: Path, seconds: int) -> Path:
    options = WriterOptions(*SIZE, RATE)
    with Writer(path, options) as writer:
        for frame in _swaying(seconds):
            writer.write(frame)
    return path


def _swaying(seconds: int) -> Iterator[Frame]:
    """Yield the cartoon before a grainy wall, swaying as heads do."""
    face = _large_cartoon()
    grain = np.random.default_rng(1).integers(0, 12, face.shape, dtype=np.uint8)
    still = np.minimum(face, 243) + grain
    for index in range(int(seconds * RATE)):
        shift = 12 * np.sin(index / 12)
        move = np.array([[1, 0, shift], [0, 1, shift / 3]], np.float32)
        moved = cv2.warpAffine(still, move, SIZE, borderMode=cv2.BORDER_REPLICATE)
        yield Frame(np.asarray(moved, np.uint8), index / RATE)


def _machine() -> dict[str, str]:
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "masktalk": version("masktalk"),
        "av": version("av"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
