"""What the service counts, for Prometheus."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder

from api.errors import METHODS
from api.workers import Workers

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The figures of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "quotes_http_requests",
            "Requests, by route and by the status of the answer.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "quotes_http_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._quotations = Counter(
            "quotes_quotations",
            "Quotations found, by stance; “not_speech” for those that have none.",
            ["stance"],
            registry=self._registry,
        )
        self._models = Info("quotes_model", "The models in use.", ["model"], registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def found(self, stances: Mapping[str, int]) -> None:
        """Count quotations: how many of each stance."""
        for stance, count in stances.items():
            self._quotations.labels(stance).inc(count)

    def watch(self, workers: Workers) -> None:
        """Give the state that the workers are in when somebody asks."""
        self._workers = workers
        depth = Gauge("quotes_queue_depth", "Requests that wait for a worker.", registry=self._registry)
        depth.set_function(lambda: workers.waiting)
        alive = Gauge("quotes_workers", "Worker processes that are ready or at work.", registry=self._registry)
        alive.set_function(lambda: workers.alive)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The figures now, in the format that a scraper accepts, and its media type."""
        for name, version in self._workers.models.items():
            self._models.labels(name).info({"version": version})
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type
