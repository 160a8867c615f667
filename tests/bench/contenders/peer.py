"""Another queue: what is known of it, and how it is installed, set up, started and asked.

Each has an environment in `.bench` with pinned versions, made when first needed. A queue on Redis gets one that writes
an append-only file, as https://redis.io/docs/latest/operate/oss_and_stack/management/persistence suggests.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import httpx
import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.bench.contenders.contender import PROGRAMS, About, Contender, Store, number
from tests.bench.run.figures import ON_DEFAULTS
from tests.bench.run.processes import ROOT, BenchError, Processes, free_port
from tests.bench.run.server import has_jit, libpq_variables
from tests.support.database import postgres

INSTALL_SECONDS = 300.0
START_SECONDS = 60.0
NODE = "26.10.0"
"""The npm package `node` brings it, so that it needn't be on the machine."""
PACKAGE = "tests.bench.contenders.programs"
_CRASH = {
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

    key: str
    """What `--with` calls it."""
    name: str
    packages: str
    """All of npm, as NAME@VERSION, or all of PyPI, as NAME==VERSION."""
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
    schema: Sequence[str] = ("PROGRAM migrate",)
    """The commands that make its tables."""
    stored: str | Ask
    """How many tasks there are: a query or, for Redis, a function of its URL."""
    unfinished: str | Ask = ""
    """How many have not ended well; those that are stored, unless it says otherwise."""
    waiting: str = ""
    """A statement that lets %(count)s tasks wait which a worker leaves alone."""
    share: float
    measures: Sequence[str] = PROGRAMS


@contextmanager
def contenders(peer: Peer, place: Place) -> Generator[list[Contender]]:
    """That peer, set up. Raises `BenchError` where it can't be installed.

    On PostgreSQL it runs without JIT compilation, which costs the short statements of a queue more than it saves. Where
    the server can compile, it is measured on PostgreSQL's defaults, too.
    """
    install(peer, place.processes)
    if peer.is_on_redis:
        yield [_made(peer, place, lambda: _redis(place))]
        return
    with postgres.private_database(place.server_url) as template:
        for command in peer.schema:
            place.processes.run(_words(command, peer), _variables(peer, template), limit=START_SECONDS)
        name = str(conninfo_to_dict(template)["dbname"])
        tuned = msgspec.structs.replace(peer, settings=f"{peer.settings}; `jit = off`")
        found = [_made(tuned, place, lambda: _without_jit(place.server_url, name))]
        if has_jit(place.server_url):
            untuned = msgspec.structs.replace(peer, name=peer.name + ON_DEFAULTS)
            found.append(_made(untuned, place, lambda: postgres.private_database(place.server_url, name)))
        yield found


@contextmanager
def _without_jit(server_url: str, template: str) -> Generator[str]:
    """A database whose sessions compile nothing, whichever the driver."""
    with postgres.private_database(server_url, template) as database:
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(sql.SQL("ALTER DATABASE {} SET jit = off").format(sql.Identifier(conn.info.dbname)))
        yield database


def install(peer: Peer, processes: Processes) -> None:
    """Makes its environment, unless it is there."""
    packages, directory = peer.packages.split(), ROOT / ".bench" / peer.key
    stamp = directory / "made.json"
    wanted = [f"node@{NODE}" if _is_on_node(peer) else sys.version, *packages]
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return
    shutil.rmtree(directory, ignore_errors=True)
    if _is_on_node(peer):
        if (npm := shutil.which("npm")) is None:
            raise BenchError(f"{peer.key} needs npm, which comes with Node.js")
        directory.mkdir(parents=True)
        (directory / "package.json").write_text('{"private": true}\n')
        (directory / "bin").symlink_to("node_modules/.bin")
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(directory), *wanted]
    else:
        processes.run([sys.executable, "-m", "venv", str(directory)], {}, limit=INSTALL_SECONDS)
        command = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages]
    processes.run(command, {}, limit=INSTALL_SECONDS)
    stamp.write_text(json.dumps(wanted) + "\n")


def _made(peer: Peer, place: Place, fresh_database: Callable[[], AbstractContextManager[str]]) -> Contender:
    worker, is_node = _words(peer.worker, peer), _is_on_node(peer)
    crash, brief = _CRASH[place.redis_fsync] if peer.is_on_redis else ("each commit is on disk", "durable")
    language = {"Node": NODE} if is_node else {"Python": sys.version.split()[0]}
    return Contender(
        about=About(
            name=peer.name,
            versions=language | dict(one.split("@" if is_node else "==") for one in peer.packages.split()),
            settings=peer.settings,
            durability=f"{crash}; {peer.durability}" if peer.durability else crash,
            history=peer.history,
            brief=f"{brief}, {peer.brief}",
            source=peer.source,
        ),
        processes=place.processes,
        fresh_database=fresh_database,
        opened=lambda database: _opened(peer, database),
        environment=lambda database: _variables(peer, database),
        producer=_words("PROGRAM", peer),
        workers={"coroutines": worker, "one queue": worker},
        http_server=None if peer.program else lambda url: _serving(place.processes, worker, url),
        add_waiting=lambda conn, count: _add_waiting(conn, peer.waiting, count),
        share=peer.share,
        measures=peer.measures,
    )


def _is_on_node(peer: Peer) -> bool:
    return "@" in peer.packages


def _words(command: str, peer: Peer) -> list[str]:
    first, *rest = command.split()
    programs = ROOT / ".bench" / peer.key / "bin"
    if first != "PROGRAM":
        return [str(programs / first), *rest]
    if _is_on_node(peer):
        return [str(programs / "node"), str(ROOT / "tests/bench/contenders/programs" / peer.program), *rest]
    return [str(programs / "python"), "-m", f"{PACKAGE}.{peer.program}", *rest]


def _variables(peer: Peer, database: str) -> dict[str, str]:
    if peer.is_on_redis:
        return {**peer.env, "REDIS_URL": database}
    packages = {"LAPINQ_BENCH_PACKAGES": str(ROOT / ".bench" / peer.key)}
    return {**peer.env, **packages, "DATABASE_URL": database, **libpq_variables(database)}


@contextmanager
def _opened(peer: Peer, database: str) -> Generator[Store]:
    conn = None if peer.is_on_redis else psycopg.connect(database, autocommit=True)
    with conn or nullcontext():

        def count(what: str | Ask) -> float:
            if isinstance(what, str):
                assert conn is not None
                return number(conn, what)
            return what(database)

        unfinished = peer.unfinished or peer.stored
        yield Store(lambda: count(peer.stored), lambda _tasks, _failed: count(unfinished) == 0, conn)


def _add_waiting(conn: psycopg.Connection, statement: str, count: int) -> None:
    conn.execute(statement.encode(), {"count": count})


@contextmanager
def _serving(processes: Processes, server: Sequence[str], database: str) -> Generator[int]:
    """The port of a server of lapinq 1.3.0. The repository's own lapinq must not be found before it."""
    port = free_port()

    def answers() -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
        except httpx.TransportError:
            return False
        return True

    command = [*server, "--port", str(port), "--database-url", database]
    with processes.start(command, {"PYTHONPATH": ""}) as process:
        process.wait_until(answers, START_SECONDS, "no answer")
        yield port
        process.check_alive()


@contextmanager
def _redis(place: Place) -> Generator[str]:
    """The URL of an empty Redis, gone when the context ends."""
    program = shutil.which("redis-server")
    if program is None:
        raise BenchError("there is no redis-server: the Debian package redis-server has it")
    with tempfile.TemporaryDirectory(dir=place.processes.directory) as directory:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", place.redis_fsync]
        with place.processes.start(command, {}) as server:
            url = f"redis://127.0.0.1:{port}/0"
            server.wait_until(lambda: ask(url, "PING") == "PONG", START_SECONDS, "no answer")
            yield url


def ask(url: str, *command: str) -> str:
    """What Redis answers, as redis-cli prints it for programs; "" while it doesn't."""
    done = subprocess.run(["redis-cli", "-u", url, *command], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def redis_facts() -> dict[str, str]:
    """The version of the server's program."""
    if (program := shutil.which("redis-server")) is None:
        return {}
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return {"version": next(word[2:] for word in said.split() if word.startswith("v="))}
