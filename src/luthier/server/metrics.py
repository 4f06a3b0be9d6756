"""What happens in the server becomes numbers that Prometheus reads."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from luthier.jobs.job import JobStatus
    from luthier.jobs.progress import Progress

FAST_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SLOW_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Workshop(NamedTuple):
    """What the workers do at one moment: jobs by status, those that wait for a worker, and how training goes."""

    jobs: Mapping[JobStatus, int]
    waiting_jobs: int
    workers: int
    running: Sequence[Progress]


class Metrics:
    """One registry of its own, so that two applications in one process do not count into each other."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(namespace="luthier_api", registry=self._registry)
        self._requests = self._count("requests", "Requests that were answered.", "method", "route", "status")
        self._request_seconds = self._time("request_seconds", "From a request to the last byte of its answer.", "route")
        self._open_requests = Gauge(
            "luthier_open_requests", "Requests that are being answered.", registry=self._registry
        )
        self._chats = self._count("chats", "Chat completions by how they ended.", "model", "outcome")
        self._open_chats = Gauge("luthier_open_chats", "Chat completions that are going on.", registry=self._registry)
        self._first_token_seconds = self._time(
            "first_token_seconds", "From a chat request to the first piece of its answer.", "model"
        )
        self._chat_seconds = self._time(
            "chat_seconds", "From a chat request to the end of its answer.", "model", buckets=SLOW_SECONDS
        )
        self._prompt_tokens = self._count("prompt_tokens", "Tokens that models were given to answer.", "model")
        self._completion_tokens = self._count("completion_tokens", "Tokens that models answered.", "model")

    @contextmanager
    def track_request(self) -> Iterator[None]:
        with self._open_requests.track_inprogress():
            yield

    @contextmanager
    def track_chat(self) -> Iterator[None]:
        with self._open_chats.track_inprogress():
            yield

    def count_request(self, method: str, route: str, *, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def count_chat(
        self,
        model: str,
        *,
        outcome: str,
        seconds: float,
        first_token_seconds: float | None = None,
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
    ) -> None:
        """`outcome` is a finish reason, `cancelled`, or the code of an error; `model` one that exists."""
        self._chats.labels(model, outcome).inc()
        self._chat_seconds.labels(model).observe(seconds)
        if first_token_seconds is not None:
            self._first_token_seconds.labels(model).observe(first_token_seconds)
        self._prompt_tokens.labels(model).inc(prompt_tokens)
        self._completion_tokens.labels(model).inc(completion_tokens)

    def render(self, workshop: Workshop | None = None) -> bytes:
        """In Prometheus's text format; without the workshop where the database cannot say how it stands."""
        moment = CollectorRegistry()
        if workshop is not None:
            moment.register(_Snapshot(workshop))
        return generate_latest(self._registry) + generate_latest(moment)

    def _count(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"luthier_{name}", text, labels, registry=self._registry)

    def _time(self, name: str, text: str, *labels: str, buckets: Sequence[float] = FAST_SECONDS) -> Histogram:
        return Histogram(f"luthier_{name}", text, labels, buckets=buckets, registry=self._registry)


class _Snapshot:
    """Lives for one answer, so that a job that has ended leaves no number behind."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("luthier_jobs", "Fine-tuning jobs by their status.", labels=["status"])
        for status, count in self._workshop.jobs.items():
            jobs.add_metric([status], count)
        yield jobs
        yield GaugeMetricFamily("luthier_waiting_jobs", "Jobs without a worker.", self._workshop.waiting_jobs)
        yield GaugeMetricFamily("luthier_workers", "Workers that were heard of lately.", self._workshop.workers)
        steps = GaugeMetricFamily("luthier_job_step", "How far a running job is.", labels=["job"])
        losses = GaugeMetricFamily("luthier_job_train_loss", "Loss of a running job's last step.", labels=["job"])
        for progress in self._workshop.running:
            steps.add_metric([progress.job_id], progress.step)
            if progress.train_loss is not None:
                losses.add_metric([progress.job_id], progress.train_loss)
        yield steps
        yield losses
