"""Another queue: what is known of it, and how it is installed, set up, started and asked."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import httpx
import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.bench.contenders.contender import PROGRAMS, About, Contender, Store, number
from tests.bench.contenders.environments import Environment, environment_of
from tests.bench.contenders.redis_server import redis_server
from tests.bench.run.processes import ROOT, Processes, free_port
from tests.bench.run.server import libpq_variables
from tests.support.database import postgres

SETUP_SECONDS = 60.0
PACKAGE = "tests.bench.contenders.programs"
_REDIS = {
    "everysec": ("a crash of the machine loses up to a second", "a second at risk"),
    "always": ("each write is on disk", "durable"),
}
"""What a crash costs, by when Redis makes its writes durable; and in few words."""


Ask = Callable[[str], float]
"""A number about the Redis at a URL."""


class Place(msgspec.Struct, frozen=True):
    """Where contenders are set up."""

    server_url: str
    processes: Processes
    redis_fsync: str


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One queue. In commands, `PROGRAM` is its program in `programs`, with its interpreter."""

    name: str
    packages: str
    """With their versions, as pip or npm takes them."""
    program: str = ""
    """Its producers, and its worker if it has no command of its own; none where only a server is measured."""
    settings: str
    durability: str
    """What follows on what a crash of the machine costs."""
    history: str
    brief: str = "nothing kept"
    """Of the history, in two words."""
    source: str
    worker: str
    env: dict[str, str] = {}
    is_on_redis: bool = False
    schema: Sequence[str] = ()
    """The commands that make its tables."""
    stored: str | Ask
    """How many tasks there are, and how many that have not ended well: queries or, for Redis, functions of its URL."""
    unfinished: str | Ask
    waiting: str = ""
    """A statement that lets %(count)s tasks wait which a worker leaves alone."""
    share: float
    measures: Sequence[str] = PROGRAMS


@contextmanager
def contender(key: str, peer: Peer, place: Place) -> Generator[Contender]:
    """That peer, set up; `key` is its name in `PEERS`. Raises `BenchError` where it can't be installed."""
    environment = environment_of(key, peer.packages.split(), place.processes)
    if peer.is_on_redis:
        yield _made(peer, place, environment, lambda: redis_server(place.processes, place.redis_fsync))
        return
    with postgres.private_database(place.server_url) as template:
        for command in peer.schema:
            env = peer.env | _variables(environment, peer, template)
            place.processes.run(_words(command, peer, environment), env, limit=SETUP_SECONDS)
        name = str(conninfo_to_dict(template)["dbname"])
        yield _made(peer, place, environment, lambda: postgres.private_database(place.server_url, name))


def _made(
    peer: Peer,
    place: Place,
    environment: Environment,
    fresh_database: Callable[[], AbstractContextManager[str]],
) -> Contender:
    worker = _words(peer.worker, peer, environment)
    crash, brief = ("each commit is on disk", "durable")
    if peer.is_on_redis:
        crash, brief = _REDIS[place.redis_fsync]
    return Contender(
        about=About(
            name=peer.name,
            versions=environment.versions,
            settings=peer.settings,
            durability=f"{crash}; {peer.durability}" if peer.durability else crash,
            history=peer.history,
            brief=f"{brief}, {peer.brief}",
            source=peer.source,
        ),
        processes=place.processes,
        fresh_database=fresh_database,
        opened=lambda database: _opened(peer, database),
        environment=lambda database: peer.env | _variables(environment, peer, database),
        producer=_words("PROGRAM", peer, environment),
        workers={"coroutines": worker, "one queue": worker},
        http_server=None if peer.program else lambda url: _serving(place.processes, worker, url),
        add_waiting=lambda conn, count: _add_waiting(conn, peer.waiting, count),
        share=peer.share,
        measures=peer.measures,
    )


def _words(command: str, peer: Peer, environment: Environment) -> list[str]:
    first, *rest = command.split()
    if first != "PROGRAM":
        return [environment.program(first), *rest]
    if peer.program.endswith(".mjs"):
        path = ROOT / "tests/bench/contenders/programs" / peer.program
        return [environment.program("node"), str(path), *rest]
    return [environment.program("python"), "-m", f"{PACKAGE}.{peer.program}", *rest]


def _variables(environment: Environment, peer: Peer, database: str) -> dict[str, str]:
    if peer.is_on_redis:
        return {"REDIS_URL": database}
    packages = str(environment.directory)
    return {"LAPINQ_BENCH_PACKAGES": packages, "DATABASE_URL": database, **libpq_variables(database)}


@contextmanager
def _opened(peer: Peer, database: str) -> Generator[Store]:
    conn = None if peer.is_on_redis else psycopg.connect(database, autocommit=True)
    with conn or nullcontext():

        def ask(what: str | Ask) -> float:
            if isinstance(what, str):
                assert conn is not None
                return number(conn, what)
            return what(database)

        yield Store(lambda: ask(peer.stored), lambda _tasks, _failed: ask(peer.unfinished) == 0, conn)


def _add_waiting(conn: psycopg.Connection, statement: str, count: int) -> None:
    conn.execute(statement.encode(), {"count": count})


@contextmanager
def _serving(processes: Processes, server: Sequence[str], database: str) -> Generator[int]:
    """The port of a server of lapinq 1.3.0. The repository's own lapinq must not be found before it."""
    port = free_port()
    command = [*server, "--port", str(port), "--database-url", database]
    with processes.start(command, {"PYTHONPATH": ""}) as process:
        process.wait_until(lambda: _answers(port), SETUP_SECONDS, "no answer")
        yield port
        process.check_alive()


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/")
    except httpx.TransportError:
        return False
    return True
