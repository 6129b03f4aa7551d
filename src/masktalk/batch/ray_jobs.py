"""Jobs as Ray tasks (extra ``batch``): the same as in processes, on the nodes of a cluster.

Media stay in files that every node sees; nothing large passes through the scheduler. Ray tries
the tasks of a node that died again on another.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from masktalk.batch.pool import Chooser, Job
from masktalk.batch.worker import Done, Failed, Renderer
from masktalk.errors import MissingExtraError, OptionError
from masktalk.types import no_progress

#: Times that Ray tries a task again whose node or process died.
_MAX_RETRIES = 3


def run_jobs_on_ray(
    choose: Chooser, address: str, gpus: float = 0.0
) -> Iterator[tuple[Job, Done | Failed]]:
    """Do jobs on a cluster; yield each with its outcome, in the order in which they end.

    Args:
        choose: See ``Chooser``.
        address: Of the cluster; ``local`` starts one on this machine.
        gpus: Share of a GPU that each task needs.

    Raises:
        MissingExtraError: Ray is not installed.
        OptionError: There is no such cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(
            "`ray`", "Ray is not installed", "pip install 'masktalk[batch]'"
        ) from error
    if not ray.is_initialized():
        try:
            ray.init(None if address == "local" else address, log_to_driver=False)
        except (ConnectionError, ValueError) as error:
            raise OptionError(f"`ray` {address}", f"cannot be reached ({error})") from error
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=_MAX_RETRIES)(run_ray_job)
    slots = max(1, int(ray.cluster_resources().get("CPU", 1)))
    running: dict[Any, Job] = {}
    last: Job | None = None
    while True:
        while len(running) < slots and (job := choose(last)) is not None:
            running[task.remote(job)] = job
        if not running:
            return
        (ready, *_), _ = ray.wait(list(running), num_returns=1)
        last = running.pop(ready)
        try:
            yield last, ray.get(ready)
        except ray.exceptions.RayError as error:
            yield last, Failed(" ".join(str(error).split())[:300])


def run_ray_job(job: Job) -> Done | Failed:
    """Do a job in a Ray worker, which keeps its last avatar open."""
    import cv2

    cv2.setNumThreads(1)
    return _renderer().run(job, no_progress)


@cache
def _renderer() -> Renderer:
    return Renderer()
