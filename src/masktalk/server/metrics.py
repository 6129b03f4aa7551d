"""Metrics of the server, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCIES = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 1.0, 2.0)


class Metrics:
    """One registry of its own, so that two servers in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sessions = Gauge("masktalk_sessions", "Live sessions.", registry=self.registry)
        self.frames = Counter(
            "masktalk_frames_total", "Frames that left live sessions.", registry=self.registry
        )
        self.dropped = Counter(
            "masktalk_frames_dropped_total", "Frames dropped live.", registry=self.registry
        )
        self.late = Counter(
            "masktalk_audio_late_total", "Ticks whose sound left late.", registry=self.registry
        )
        self.onset = Histogram(
            "masktalk_onset_seconds", "From pushing speech to the first frame with it.",
            buckets=_LATENCIES, registry=self.registry,
        )  # fmt: skip
        self.lateness = Histogram(
            "masktalk_lateness_seconds", "How long after it was due a tick left.",
            buckets=_LATENCIES, registry=self.registry,
        )  # fmt: skip
        self.requests = Histogram(
            "masktalk_request_seconds", "HTTP requests.", ("method", "status"),
            registry=self.registry,
        )  # fmt: skip
        self.jobs = Counter(
            "masktalk_jobs_total", "Jobs that ended.", ("kind", "status"), registry=self.registry
        )

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
