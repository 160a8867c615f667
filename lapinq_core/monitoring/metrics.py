"""A process's metrics for Prometheus, collected from its parts at each scrape.

Each part keeps its own counts, and a scrape asks for them (`Source.collect`). Nothing is shared, so several
applications, or a server with a worker, can run in one process. A metric that several parts have, each with its own
labels, is shown as one.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from lapinq_core.domain.version import __version__
from lapinq_core.monitoring import catalogue
from lapinq_core.runtime.threads import any_thread


@runtime_checkable
class Source(Protocol):
    """A part that counts. `collect` must not block."""

    @any_thread
    def collect(self) -> Iterable[Metric]: ...


class Metrics:
    """The metrics of one process, or of one application in it: its parts and, if `of_process`, its use of memory, time
    and files."""

    def __init__(self, *, of_process: bool = True) -> None:
        self._sources: tuple[Source, ...] = ()
        self._process = ProcessCollector(registry=None) if of_process else None

    def show(self, source: Source) -> None:
        """Shows `source` from now on."""
        self._sources = (*self._sources, source)

    @contextmanager
    def showing(self, source: Source) -> Generator[None]:
        """Shows `source` while the context lasts."""
        self.show(source)
        try:
            yield
        finally:
            self._sources = tuple(each for each in self._sources if each is not source)

    def collect(self) -> Iterable[Metric]:
        """The metrics of all parts. So this is a source itself."""
        families: dict[str, Metric] = {}
        for source in self._sources:
            for family in source.collect():
                known = families.setdefault(family.name, family)
                if known is not family:
                    known.samples += family.samples
        return families.values()

    def text(self, accept: str = "", more: Iterable[Metric] = ()) -> tuple[bytes, str]:
        """All metrics and `more`, and the content type: OpenMetrics if the header `accept` asks for it."""
        registry = CollectorRegistry()
        registry.register(_Page(self._process, self, more))
        encode, content_type = choose_encoder(_OPENMETRICS if wants_openmetrics(accept) else "")
        return encode(registry), content_type


class _Page:
    """One scrape."""

    def __init__(self, process: ProcessCollector | None, parts: Source, more: Iterable[Metric]) -> None:
        self._process = process
        self._parts = parts
        self._more = more

    def collect(self) -> Iterator[Metric]:
        if self._process is not None:
            yield from self._process.collect()
        yield catalogue.BUILD_INFO.of({(__version__,): 1})
        yield from self._more
        yield from self._parts.collect()


_OPENMETRICS = "application/openmetrics-text"


def wants_openmetrics(accept: str) -> bool:
    """Whether the header `accept` asks for OpenMetrics."""
    try:
        _, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is none
        return False
    return content_type.startswith(_OPENMETRICS)
