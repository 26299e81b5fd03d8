"""What is counted as it happens: requests, stages, batches, tags, problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.metrics_core import Metric as Family

from app.metrics import catalogue
from app.metrics.catalogue import Metric
from app.tagger import Answer, Problem

STAGES = ("decode", "queue", "encode", "search", "calibrate", "recall", "render")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
RESULTS = ("tagged", "untagged", "blank", "failed")


class Registry(CollectorRegistry):
    """A registry of one application, which leaves out when each series began.

    The client library tells that of every counter and histogram in a series more.
    """

    def collect(self) -> Iterator[Family]:
        """The families of all collectors."""
        for family in super().collect():
            kept = [one for one in family.samples if not one.name.endswith("_created")]
            family.samples = kept
            yield family


class Counts:
    """Told what happens, from any thread; `code_of` names the problem that an error becomes."""

    def __init__(self, code_of: Callable[[Exception], str]):
        self.registry = Registry()
        ProcessCollector(registry=self.registry)
        self._code_of = code_of
        self._requests = self._counter(catalogue.REQUESTS)
        self._request_seconds = self._histogram(catalogue.REQUEST_SECONDS)
        self._stages = self._histogram(catalogue.STAGE_SECONDS)
        self._problems = self._counter(catalogue.PROBLEMS)
        self._images = self._counter(catalogue.IMAGES_TAGGED)
        self._fired = self._counter(catalogue.TAGS_FIRED)
        self._batches = self._histogram(catalogue.BATCH_IMAGES)
        self._busy = self._counter(catalogue.ENCODER_BUSY)
        for stage in STAGES:  # there from the start, so that the first increase is not missed
            self._stages.labels(stage)
        for result in RESULTS:
            self._images.labels(result)

    def request(self, method: str, route: str, status: int, seconds: float, code: str) -> None:
        """A request that was answered, with the problem it was answered with, if any.

        What no route serves is one series, whatever the address and the method were.
        """
        method = method if method in METHODS else "other"
        self._requests.labels(method, route or "other", str(status)).inc()
        self._request_seconds.labels(route or "other").observe(seconds)
        if code:
            self._problems.labels(code, "request").inc()

    def answer(self, answer: Answer) -> None:
        """The images of a request, or of a part of a job, with their tags."""
        for stage, spent_ms in answer.stages_ms.items():
            self.stage(stage, spent_ms)
        for result in answer.results:
            if isinstance(result, Problem):
                self._problems.labels(self._code_of(result.error), "image").inc()
                self._images.labels("failed").inc()
                continue
            what = "blank" if result.blank else "tagged" if result.tags else "untagged"
            self._images.labels(what).inc()
            for hit in result.tags:
                self._fired.labels(hit.tag.category).inc()

    def stage(self, stage: str, spent_ms: float) -> None:
        """What one stage took, in milliseconds."""
        self._stages.labels(stage).observe(spent_ms / 1000)

    def batch(self, images: int, seconds: float) -> None:
        """A batch that an encoder worked on."""
        self._batches.observe(images)
        self._busy.inc(seconds)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(
            metric.name,
            metric.help,
            metric.labels,
            buckets=metric.buckets,
            registry=self.registry,
        )
