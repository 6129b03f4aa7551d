"""Batches: many clips from a manifest, a process a core, resumed after any death."""

from masktalk.batch.clips import Clip
from masktalk.batch.options import BatchOptions, Shard
from masktalk.batch.report import BatchReport, Outcome
from masktalk.batch.run import run_batch

__all__ = ["BatchOptions", "BatchReport", "Clip", "Outcome", "Shard", "run_batch"]
