"""Batches: checked before they begin, resumed after any death, one failure stops no other."""

import csv
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from fractions import Fraction

import pytest
from PIL import Image

from masktalk.batch import BatchOptions, Shard, run_batch
from masktalk.batch.clips import make_clips
from masktalk.batch.ledger import STATE_FOLDER
from masktalk.batch.manifest import read_rows, take_shard
from masktalk.demo.faces import draw_cartoon, draw_ninja
from masktalk.errors import InputError, InputErrors, OptionError, OutputError
from masktalk.media import open_source
from masktalk.rendering import RenderOptions, render
from tests.conftest import write_speech


@pytest.fixture(scope="session")
def pieces(tmp_path_factory):
    """A folder with two small avatars and two recordings."""
    folder = tmp_path_factory.mktemp("pieces")
    for name, pixels in (("ninja", draw_ninja()), ("cartoon", draw_cartoon())):
        Image.fromarray(pixels).resize((192, 192)).save(folder / f"{name}.png")
    write_speech(folder / "short.wav", 0.2)
    write_speech(folder / "long.wav", 0.4)
    return folder


def write_manifest(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows_of(pieces, count):
    return [
        {
            "avatar": str(pieces / ("ninja.png" if number % 2 else "cartoon.png")),
            "speech": str(pieces / ("long.wav" if number % 3 else "short.wav")),
            "output": f"{number:03d}.mp4",
            "provenance": "metadata",  # a signature is another each time
        }
        for number in range(count)
    ]


def digests(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.mp4")
    }


def test_a_batch_renders_what_single_renders_do_and_keeps_it_the_second_time(pieces, tmp_path):
    manifest = write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 3))
    report = run_batch(manifest, BatchOptions(processes=2))
    assert report.counts == {"done": 3}
    made = digests(report.folder)
    for row in rows_of(pieces, 3):
        single = tmp_path / row["output"]
        render(row["avatar"], row["speech"], single, RenderOptions(provenance="metadata"))
        assert made[row["output"]] == hashlib.sha256(single.read_bytes()).hexdigest()
    times = {path: path.stat().st_mtime_ns for path in report.folder.glob("*.mp4")}
    again = run_batch(manifest)
    assert again.counts == {"kept": 3}
    assert times == {path: path.stat().st_mtime_ns for path in report.folder.glob("*.mp4")}


def test_one_failure_stops_no_other_and_is_in_the_report(pieces, tmp_path):
    Image.new("RGB", (192, 192), (90, 90, 90)).save(tmp_path / "wall.png")
    rows = rows_of(pieces, 2)
    rows.insert(1, {**rows[0], "avatar": "wall.png", "output": "wall <b>.mp4"})
    report = run_batch(write_manifest(tmp_path / "clips.jsonl", rows), BatchOptions(processes=1))
    assert report.counts == {"done": 2, "failed": 1}
    with (report.folder / "report.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["status"] for row in table] == ["done", "failed", "done"]
    assert "no face detected" in table[1]["error"]
    assert table[0]["sha256"] == digests(report.folder)["000.mp4"]
    page = (report.folder / "report.html").read_text()
    assert "wall &lt;b&gt;.mp4" in page
    assert "wall <b>.mp4" not in page


def test_options_are_columns(pieces, tmp_path):
    (tmp_path / "clips.csv").write_text(
        "avatar,speech,output,fps,crf,mouth,amplitude\n"
        f"{pieces}/ninja.png,{pieces}/short.wav,ünï cödé/a.mp4,12.5,30,cloth,1.2\n",
        encoding="utf-8",
    )
    report = run_batch(tmp_path / "clips.csv", BatchOptions(output=tmp_path / "videos"))
    video = open_source(tmp_path / "videos" / "ünï cödé" / "a.mp4")
    assert video.rate == Fraction(25, 2)
    assert report.outcomes[0].frames == video.frame_count == 3
    assert dict(report.outcomes[0].clip.rendering.engine_options) == {"amplitude": "1.2"}


def test_a_folder_of_pairs_is_a_manifest(pieces, tmp_path):
    (tmp_path / "one.png").write_bytes((pieces / "ninja.png").read_bytes())
    (tmp_path / "one.wav").write_bytes((pieces / "short.wav").read_bytes())
    report = run_batch(tmp_path, BatchOptions(processes=1))
    assert list(digests(report.folder)) == ["one.mp4"]
    (tmp_path / "two.wav").write_bytes((pieces / "short.wav").read_bytes())
    with pytest.raises(InputErrors, match=r"two: avatar: is missing; give a file$"):
        run_batch(tmp_path)


def test_everything_wrong_with_a_manifest_is_found_before_work_begins(pieces, tmp_path):
    good = rows_of(pieces, 1)[0]
    Image.new("RGBA", (64, 64)).save(tmp_path / "clear.png")
    (tmp_path / "empty.wav").write_bytes(b"")
    rows = [
        good,
        {**good, "output": "1.mp4", "speech": "nowhere.wav"},
        {**good, "output": "2.mp4", "avatar": "fehlt – nicht da.png"},
        {**good},
        {**good, "output": "4.gif"},
        {**good, "output": "../5.mp4"},
        {**good, "output": "6.mp4", "crf": 99},
        {**good, "output": "7.mp4", "engine": "magic"},
        {**good, "output": "8.mp4", "amplitud": 1},
        {**good, "output": "9.mp4", "avatar": "clear.png"},
        {**good, "output": "10.mp4", "speech": "empty.wav"},
        {"output": "11.mp4", "avatar": "x.png"},
        {**good, "output": "12.mp4", "face": "middle"},
        {**good, "output": "13.mp4", "points": "none.json"},
        {**good, "output": "14.mp4", "overwrite": "yes"},
    ]
    with pytest.raises(InputErrors) as caught:
        run_batch(write_manifest(tmp_path / "clips.jsonl", rows), BatchOptions(processes=1))
    lines = str(caught.value).splitlines()
    wanted = [
        "nowhere.wav: does not exist", "fehlt – nicht da.png: does not exist",
        "output 000.mp4: is that of line 1 too", ".gif is no video format",
        "lies outside the folder", "crf 99: must lie in 0..51", "engine 'magic'",
        "amplitud: does not apply", "keeps no transparency", "empty.wav: is empty",
        "speech: is missing", "face middle: names no face", "none.json: does not exist",
        "overwrite: is no column",
    ]  # fmt: skip
    assert len(lines) == len(wanted)
    for number, (line, words) in enumerate(zip(lines, wanted, strict=True), start=2):
        assert line.startswith(f"{tmp_path}/clips.jsonl line {number}: ")
        assert words in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("clips.csv", "avatar,output\n", "has no column speech"),
        ("clips.csv", "avatar,speech\n", "has no rows"),
        ("clips.csv", "avatar,speech\na,b,c\n", "line 2 has 3 cells for 2 columns"),
        ("clips.jsonl", "{", "line 1 is not valid JSON"),
        ("clips.jsonl", "[]", "line 1 is no object"),
        ("clips.txt", "x", "is no manifest"),
        ("clips.csv", None, "does not exist"),
    ],
)
def test_manifests_that_are_none_are_refused(tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        read_rows(tmp_path / name)


def test_ten_thousand_rows_are_checked_once_a_file(pieces, tmp_path):
    rows = read_rows(write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 10_000)))
    clips = make_clips(tmp_path, rows, tmp_path, Shard())
    assert len({clip.key for clip in clips}) == 10_000
    assert len({clip.avatar_key for clip in clips}) == 2


def test_shards_are_equal_parts_that_keep_avatars_together(pieces, tmp_path):
    rows = read_rows(write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 10)))
    parts = [take_shard(rows, Shard.parse(f"{index}/3")) for index in range(3)]
    assert sorted(row.place for part in parts for row in part) == sorted(r.place for r in rows)
    assert [len(part) for part in parts] == [3, 3, 4]
    assert len({row.values["avatar"] for row in parts[0]}) == 1
    for wrong in ("3/3", "x", "1", "-1/2"):
        with pytest.raises(OptionError):
            Shard.parse(wrong)


def test_shards_share_a_folder(pieces, tmp_path):
    manifest = write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 3))
    for index in range(2):
        run_batch(manifest, BatchOptions(shard=Shard(index, 2), processes=1))
    assert len(digests(tmp_path / "out")) == 3
    assert (tmp_path / "out" / "report-1-of-2.csv").exists()


def test_files_of_others_are_not_replaced(pieces, tmp_path):
    manifest = write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 1))
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "000.mp4"
    mine.write_bytes(b"mine")
    with pytest.raises(InputErrors, match="exists already"):
        run_batch(manifest)
    assert mine.read_bytes() == b"mine"
    assert run_batch(manifest, BatchOptions(overwrite=True, processes=1)).counts == {"done": 1}
    # What a batch of this folder made is replaced when its speech is another.
    rows = [{**rows_of(pieces, 1)[0], "speech": str(pieces / "long.wav")}]
    assert run_batch(write_manifest(manifest, rows), BatchOptions(processes=1)).counts == {
        "done": 1
    }


@pytest.mark.parametrize("state", ["unrecorded", "unnamed", "damaged"])
def test_a_batch_goes_on_from_every_step_it_can_die_at(pieces, tmp_path, state):
    manifest = write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 1))
    report = run_batch(manifest, BatchOptions(processes=1))
    before, video = digests(report.folder), report.folder / "000.mp4"
    record = next((report.folder / STATE_FOLDER).glob("*.json"))
    if state == "damaged":
        video.write_bytes(video.read_bytes()[:-10])
        with pytest.raises(InputErrors, match="exists already"):
            run_batch(manifest, BatchOptions(processes=1))
        video.unlink()
    else:
        video.rename(record.with_suffix(".mp4"))
    if state == "unrecorded":
        record.unlink()
    again = run_batch(manifest, BatchOptions(processes=1))
    assert again.counts == {"done" if state == "damaged" else "kept": 1}
    assert digests(report.folder) == before
    assert again.outcomes[0].frames == report.outcomes[0].frames


def test_a_batch_killed_again_and_again_ends_with_every_clip_once(pieces, tmp_path):
    manifest = write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 8))
    command = [sys.executable, "-m", "masktalk", "batch", str(manifest), "-j", "2"]
    run = subprocess.run([*command, "-o", tmp_path / "whole"], capture_output=True, check=True)
    assert json.loads(run.stdout)["done"] == 8
    chance = random.Random(5)
    output = tmp_path / "killed"
    for kill in range(2):
        process = subprocess.Popen([*command, "-o", output], start_new_session=True)
        while len(digests(output) if output.exists() else ()) <= 2 * kill:
            assert process.poll() is None
            os.sched_yield()
        # The whole group, or the batch alone: then its processes must end by themselves.
        target = os.killpg if chance.random() < 0.5 else os.kill
        target(process.pid, signal.SIGKILL)
        process.wait()
    ended = subprocess.run([*command, "-o", output], capture_output=True, check=True)
    counts = json.loads(ended.stdout)
    assert counts["kept"] >= 3
    assert counts["kept"] + counts["done"] == 8
    assert digests(output) == digests(tmp_path / "whole")
    left = {path.suffix for path in (output / STATE_FOLDER).iterdir()}
    assert left == {".json"}


def test_a_folder_that_cannot_be_written_is_one_line(pieces, tmp_path):
    manifest = write_manifest(tmp_path / "clips.jsonl", rows_of(pieces, 1))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        run_batch(manifest, BatchOptions(output=tmp_path / "file" / "out"))


def test_the_command_ends_with_one_when_a_clip_failed_and_two_when_the_manifest_is_bad(
    pieces, tmp_path
):
    Image.new("RGB", (64, 64)).save(tmp_path / "wall.png")
    rows = [{"avatar": "wall.png", "speech": str(pieces / "short.wav")}]
    manifest = write_manifest(tmp_path / "clips.jsonl", rows)
    command = [sys.executable, "-m", "masktalk", "batch", str(manifest), "-j", "1"]
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["failed"] == 1
    write_manifest(manifest, [*rows, {"avatar": "no.png"}, {"avatar": "wall.png", "speech": "?"}])
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2
    assert [line.split(": ")[1] for line in refused.stderr.splitlines()] == [
        f"{manifest} line 2", f"{manifest} line 3",
    ]  # fmt: skip
    assert not refused.stdout
