"""Run a batch: check the manifest, render what is not done yet, write the report."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from masktalk.batch.clips import Clip, make_clips
from masktalk.batch.ledger import Ledger, Record
from masktalk.batch.manifest import read_rows
from masktalk.batch.options import BatchOptions
from masktalk.batch.pool import Job, run_jobs
from masktalk.batch.report import BatchReport, Outcome, Status
from masktalk.batch.schedule import Schedule
from masktalk.batch.worker import Done, Failed, PrepareJob
from masktalk.errors import InputErrors, MasktalkError
from masktalk.types import Progress, no_progress

logger = logging.getLogger(__name__)


def run_batch(
    manifest: str | os.PathLike[str],
    options: BatchOptions | None = None,
    progress: Progress = no_progress,
) -> BatchReport:
    """Render every clip of a manifest that is not done yet; write ``report.html`` and ``.csv``.

    A clip that fails is reported and stops no other. Run again, a batch goes on where it
    ended, however it ended.

    Args:
        manifest: .csv, .jsonl or a folder of pairs; relative paths start from its folder.
        options: See there; None for the defaults.
        progress: Progress callback; "rendering" counts milliseconds of video.

    Raises:
        InputError: The manifest cannot be read.
        InputErrors: Rows of it cannot be rendered, one error each; nothing was started.
        OutputError: The folder of the results cannot be written.
    """
    manifest, options = Path(manifest), options or BatchOptions()
    base = manifest if manifest.is_dir() else manifest.absolute().parent
    clips = make_clips(manifest, read_rows(manifest), base, options.shard, progress)
    ledger = Ledger(options.output or base / "out")
    records = {clip.key: record for clip in clips if (record := ledger.find(clip)) is not None}
    waiting = [clip for clip in clips if clip.key not in records]
    if not options.overwrite:
        _check_free(ledger, waiting)
    begun = time.monotonic()
    run = _Run(ledger, clips, records, progress)
    run.render(waiting, options)
    ledger.remove_stale()
    order = {clip.key: number for number, clip in enumerate(clips)}
    outcomes = sorted(run.outcomes, key=lambda outcome: order[outcome.clip.key])
    report = BatchReport(ledger.folder, tuple(outcomes), time.monotonic() - begun)
    shard = options.shard
    report.write("report" if shard.count == 1 else f"report-{shard.index}-of-{shard.count}")
    return report


def _check_free(ledger: Ledger, clips: list[Clip]) -> None:
    problems: list[MasktalkError] = []
    for clip in clips:
        try:
            ledger.check_free(clip)
        except MasktalkError as error:
            problems.append(error)
    if problems:
        raise InputErrors(problems)


class _Run:
    """The outcomes of a batch as they come, and its progress."""

    def __init__(
        self, ledger: Ledger, clips: list[Clip], records: dict[str, Record], progress: Progress
    ) -> None:
        self._ledger = ledger
        self._progress = progress
        self._total = sum(clip.seconds for clip in clips if clip.key not in records)
        self._rendered = 0.0
        self._steps: dict[str, float] = {}
        self.outcomes = [
            _outcome(clip, "kept", records[clip.key]) for clip in clips if clip.key in records
        ]

    def render(self, clips: list[Clip], options: BatchOptions) -> None:
        """Render clips in processes, or on a cluster."""
        if not clips:
            return
        schedule = Schedule(clips, [self._ledger.content_path(clip) for clip in clips])
        if options.ray is not None:
            from masktalk.batch.ray_jobs import run_jobs_on_ray

            jobs = run_jobs_on_ray(schedule.choose, options.ray, options.gpus)
        else:
            processes = options.processes or _usable_cores()
            jobs = run_jobs(schedule.choose, min(processes, len(clips)), self._step)
        for job, answer in jobs:
            if not isinstance(job, PrepareJob):
                self._end(job.clip, answer)
            elif isinstance(answer, Failed):
                for clip in schedule.drop(job):
                    self._end(clip, answer)
            else:
                schedule.mark_prepared(job)

    def _step(self, job: Job, seconds: float) -> None:
        if not isinstance(job, PrepareJob):
            self._steps[job.clip.key] = seconds
            self._show()

    def _end(self, clip: Clip, answer: Done | Failed) -> None:
        if isinstance(answer, Done):
            try:
                record = self._ledger.finish(clip, answer.frames, answer.rate, answer.seconds)
                self.outcomes.append(_outcome(clip, "done", record))
                logger.info("%s: done", clip.output)
            except MasktalkError as error:
                answer = Failed(str(error))
        if isinstance(answer, Failed):
            self.outcomes.append(Outcome(clip, "failed", error=answer.error))
            logger.warning("%s: failed: %s", clip.output, answer.error)
        self._steps.pop(clip.key, None)
        self._rendered += float(clip.seconds)
        self._show()

    def _show(self) -> None:
        done = self._rendered + sum(self._steps.values())
        self._progress("rendering", round(1000 * done), round(1000 * self._total))


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _outcome(clip: Clip, status: Status, record: Record) -> Outcome:
    return Outcome(clip, status, record.frames, record.rate, record.seconds, record.digest)
