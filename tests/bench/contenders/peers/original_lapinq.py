"""lapinq 1.3.0, the release whose HTTP interface lapinq still speaks. Only its server, one process, is measured."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from tests.bench.contenders.contender import About, Place
from tests.bench.contenders.environments import Environment, python_environment
from tests.bench.contenders.peers.postgres_peer import DURABLE, PostgresPeer, schema
from tests.bench.run.processes import free_port

REQUIREMENTS = ("lapinq==1.3.0", "uvloop==0.23.0", "httptools==0.9.0")
START_SECONDS = 30.0


class OriginalLapinq(PostgresPeer):
    """Its server makes the schema in an empty database."""

    def __init__(self, place: Place, template: str, environment: Environment) -> None:
        super().__init__(
            About(
                name="lapinq 1.3.0",
                versions=environment.versions,
                settings="one server process, no line per request",
                durability=DURABLE,
                history="every task is kept",
                brief="durable, tasks kept",
                source="https://pypi.org/project/lapinq/1.3.0/",
            ),
            place=place,
            template=template,
            program=(),
            stored="SELECT count(*) FROM lapinq_tasks",
            unfinished="",
            share=1.0,
            measures=frozenset(),
        )
        self._place = place
        self._server = [
            environment.program("lapinq"),
            "server",
            "--host",
            "127.0.0.1",
            "--log-level",
            "warning",
        ]

    @contextmanager
    def http_server(self, database: str) -> Generator[int]:
        port = free_port()
        command = [*self._server, "--port", str(port), "--database-url", database]
        # The repository's own lapinq must not come before it.
        with self._place.processes.start(command, {"PYTHONPATH": ""}) as process:
            process.wait_until(lambda: _answers(port), START_SECONDS, "no answer")
            yield port
            process.check_alive()


@contextmanager
def contenders(place: Place) -> Generator[list[OriginalLapinq]]:
    """The one."""
    environment = python_environment("lapinq-1.3.0", REQUIREMENTS, place.processes)
    with schema(place) as template:
        yield [OriginalLapinq(place, template, environment)]


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/")
    except httpx.TransportError:
        return False
    return True
