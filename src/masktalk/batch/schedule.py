"""The order of jobs: each avatar is prepared once, then its clips are rendered."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from masktalk.avatar import is_avatar
from masktalk.batch.clips import Clip
from masktalk.batch.worker import PrepareJob, RenderJob
from masktalk.preparation import PrepareOptions


class Schedule:
    """Jobs that wait, given out so that workers keep to an avatar as long as they can.

    Args:
        clips: Clips to render.
        paths: Files to render them to.
    """

    def __init__(self, clips: list[Clip], paths: list[Path]) -> None:
        groups: defaultdict[str, list[tuple[Clip, Path]]] = defaultdict(list)
        for clip, path in zip(clips, paths, strict=True):
            groups[clip.avatar_key].append((clip, path))
        self._waiting: dict[PrepareJob, list[RenderJob]] = {}
        for group in groups.values():
            avatar = _prepare_job([clip for clip, _ in group])
            self._waiting[avatar] = [RenderJob(avatar, clip, path) for clip, path in group]
        self._unprepared = sorted(self._waiting, key=self._seconds_left)
        self._ready: set[PrepareJob] = set()

    def choose(self, last: PrepareJob | RenderJob | None) -> PrepareJob | RenderJob | None:
        """Return the next job for a worker that did ``last``; None if there is none now."""
        kept = last.avatar if isinstance(last, RenderJob) else last
        if kept in self._ready and self._waiting[kept]:
            return self._waiting[kept].pop(0)
        if self._unprepared:
            return self._unprepared.pop()
        open_avatars = [avatar for avatar in self._ready if self._waiting[avatar]]
        if not open_avatars:
            return None
        return self._waiting[max(open_avatars, key=self._seconds_left)].pop(0)

    def mark_prepared(self, avatar: PrepareJob) -> None:
        """Let the clips of an avatar be rendered."""
        self._ready.add(avatar)

    def drop(self, avatar: PrepareJob) -> list[Clip]:
        """Return the clips of an avatar that cannot be prepared; they wait no more."""
        dropped, self._waiting[avatar] = self._waiting[avatar], []
        return [job.clip for job in dropped]

    def _seconds_left(self, avatar: PrepareJob) -> tuple[Fraction, str]:
        jobs = self._waiting[avatar]
        return sum((job.clip.seconds for job in jobs), Fraction(0)), str(avatar.source)


def _prepare_job(clips: list[Clip]) -> PrepareJob:
    """Return the job that prepares the avatar of clips, as much of it as the longest shows."""
    if is_avatar(clips[0].avatar):
        return PrepareJob(clips[0].avatar, PrepareOptions())
    seconds = max(clip.seconds for clip in clips)
    return PrepareJob(clips[0].avatar, replace(clips[0].preparing, seconds=seconds))
