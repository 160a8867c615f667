"""The three programs of the images: `lapinq-api`, `lapinq-worker` and `lapinq-scheduler`."""

import sys

from tests.support.programs.processes import Program


class Daemon(Program):
    """`Daemon("lapinq-api", ARGUMENTS…)`."""

    def command(self, *arguments: str) -> list[str]:
        name, *rest = arguments
        return [sys.executable, "-m", f"{name.replace('-', '_')}.cli", *rest]

    @property
    def url(self) -> str:
        """Where an API listens."""
        return self.said(r"http://[\w.:\[\]]+:\d+").group(0)

    @property
    def metrics_url(self) -> str:
        """Where a worker or scheduler shows its metrics."""
        return self.said(r"metrics at (http://\S+/metrics)")[1]
