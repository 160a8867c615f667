"""The metrics and probes of one of several server processes, on a port of its own.

On the port that they share, every scrape would meet another process.
"""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import msgspec

from lapinq_api.state import State
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.monitoring.metrics_server import serving_metrics
from lapinq_core.monitoring.probes import Probes
from lapinq_core.runtime.settings import Settings

STUCK_SECONDS = 60.0


class OwnMetrics:
    """Those of the process with that number."""

    def __init__(self, settings: Settings, number: int) -> None:
        port = settings.metrics_port
        self._settings = msgspec.structs.replace(settings, metrics_port=port + number if port else port)
        self._probes = Probes(STUCK_SECONDS)
        self._state: State | None = None

    @contextmanager
    def serving(self, state: State) -> Generator[None]:
        """Serves them while the context lasts, if the settings name a port. Raises `CannotServeMetrics`."""
        self._state = state
        with serving_metrics(self._settings, state.metrics, self._probes):
            yield

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """Watches the running event loop while the context lasts: for the probe of liveness."""
        with self._probes.beating():
            self._probes.started(self._why_not_ready)
            yield

    def _why_not_ready(self) -> str | None:
        assert self._state is not None, "it is served"
        if self._state.stopping.is_set():
            return "the server is stopping"
        try:
            self._state.database.check()
        except DatabaseUnavailable as error:
            return str(error)
        return None
