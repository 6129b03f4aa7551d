"""A batch against the same clips rendered one after another, in processor seconds.

    python benchmarks/batch.py [--clips 200] [--avatars 8] [--seconds 2]

Prints one JSON line. ``overhead`` is the processor time of the batch, with everything that it
starts, over that of single renders of prepared avatars in one warm process: the bar is 1.05.
``busy`` is the share of the cores' time that the batch used while it ran; on a machine that does
nothing else it is what the wall clock adds.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import masktalk
from masktalk.demo.faces import draw_cartoon, draw_ninja
from masktalk.media import read_audio
from masktalk.rendering import RenderOptions


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--avatars", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MASKTALK_CACHE"] = str(folder / "cache")
        rows = make_clips(folder, given)
        single = render_singly(folder, rows)
        print(json.dumps({"clips": len(rows), "single_cpu_s": single, **batch(folder, single)}))


def make_clips(folder, given):
    """Write avatars and recordings that all differ; return the manifest's rows."""
    speech = read_audio(Path(masktalk.__file__).parent / "demo" / "material" / "speech.flac")
    portrait = Image.open(Path(masktalk.__file__).parent / "demo" / "material" / "portrait.jpg")
    for number in range(given.avatars):
        kinds = (draw_ninja(), draw_cartoon(), np.asarray(portrait.resize((384, 384))))
        shifted = np.roll(kinds[number % 3], number, axis=1)
        Image.fromarray(np.ascontiguousarray(shifted)).save(folder / f"{number}.png")
    rows = []
    for number in range(given.clips):
        length = given.seconds * (0.75 + 0.5 * ((number * 7) % 10) / 10)
        begin = (number * 1601) % max(len(speech.samples) - round(length * 16000), 1)
        samples = speech.samples[begin : begin + round(length * 16000)]
        write_wav(folder / f"{number}.wav", samples)
        rows.append(
            (f"{number * 5 % given.avatars}.png", f"{number}.wav", f"{number}.mp4", "metadata")
        )
    with (folder / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("avatar", "speech", "output", "provenance"), *rows])
    return rows


def write_wav(path, samples):
    """Write mono samples in [-1, 1], (N,), at 16 kHz."""
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def render_singly(folder, rows):
    """Return the processor seconds of single renders of prepared avatars."""
    avatars = {name: masktalk.prepare(folder / name) for name in {row[0] for row in rows}}
    masktalk.render(avatars[rows[0][0]], folder / rows[0][1], folder / "warm.mp4")
    begun = time.process_time()
    options = RenderOptions(provenance="metadata")  # signatures differ
    for avatar, speech, output, _ in rows:
        masktalk.render(avatars[avatar], folder / speech, folder / f"single-{output}", options)
    return round(time.process_time() - begun, 2)


def batch(folder, single):
    """Return figures of the batch of the same clips; their avatars are prepared."""
    command = [sys.executable, "-c", _SCRIPT, str(folder / "clips.csv")]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall = time.monotonic() - begun
    outcome, used = done.stdout.splitlines()[-2:]
    assert json.loads(outcome)["failed"] == 0, outcome
    cpu = float(used)
    equal = all(
        (folder / "out" / f"{n}.mp4").read_bytes() == (folder / f"single-{n}.mp4").read_bytes()
        for n in range(json.loads(outcome)["done"])
    )
    cores = len(os.sched_getaffinity(0))
    return {
        "batch_cpu_s": round(cpu, 2), "overhead": round(cpu / single, 3), "wall_s": round(wall, 1),
        "busy": round(cpu / wall / cores, 3), "equal": equal,
    }  # fmt: skip


#: Runs the batch and adds the processor seconds of all the processes of its group.
_SCRIPT = """
import json, resource, sys, multiprocessing.forkserver as server
from masktalk.batch import run_batch
report = run_batch(sys.argv[1])
server._forkserver._stop()
own, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps({name: report.counts[name] for name in ("done", "failed")}))
print(sum(use.ru_utime + use.ru_stime for use in (own, children)))
"""


if __name__ == "__main__":
    main()
