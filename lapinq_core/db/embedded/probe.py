"""Checks whether the running server of a data directory is ready, and finds its URL."""

import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import errors as pg

from lapinq_core.db.embedded.cluster import SUPERUSER
from lapinq_core.db.embedded.errors import Client, EmbeddedError
from lapinq_core.db.embedded.postmaster import PORT, recorded

DATABASE = "lapinq"
_CONNECT_SECONDS = 5
_END_SECONDS = 1.0
_POLL_SECONDS = 0.02


class NotAnswering(EmbeddedError):
    """The server doesn't answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a ready server reports."""

    url: str
    version: str
    pid: int
    socket_dir: Path
    port: int


def ask(pgdata: Path, *, create: bool = False) -> Answer:
    """The answer of the server that runs on `pgdata`; raises `NotAnswering` with the reason.

    With `create` it creates the database if it is missing.
    """
    server = recorded(pgdata)
    if server is None:
        raise NotAnswering("it hasn't written its process id yet")
    if server.status not in {"ready", "standby"}:
        raise NotAnswering(f"it is {server.status or 'starting'}")
    if not server.socket_dir:
        raise NotAnswering("it was started without a Unix socket")
    socket_dir = Path(server.socket_dir)
    try:
        url = database_url(socket_dir, "postgres", server.port)
        with psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
            row = connection.execute(
                "SELECT current_setting('data_directory'), current_setting('server_version'),"
                " EXISTS (SELECT FROM pg_database WHERE datname = %s)",
                (DATABASE,),
            ).fetchone()
            assert row is not None
            directory, version, has_database = row
            if not _same(Path(directory), pgdata):
                raise NotAnswering(f"the server at {socket_dir} serves {directory}")
            if create and not has_database:
                _create_database(connection)
    except psycopg.Error as error:
        raise NotAnswering(str(error).strip()) from error
    return Answer(
        database_url(socket_dir, DATABASE, server.port), version, server.pid, socket_dir, server.port
    )


def clients(pgdata: Path) -> tuple[Client, ...]:
    """Who is connected to the server, for longer than a connection takes to end. Nobody if it doesn't answer."""
    give_up = time.monotonic() + _END_SECONDS
    try:
        with psycopg.connect(
            ask(pgdata).url, autocommit=True, connect_timeout=_CONNECT_SECONDS
        ) as connection:
            while found := connection.execute(
                "SELECT pid, application_name FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid"
            ).fetchall():
                if time.monotonic() > give_up:
                    return tuple(Client(pid, name) for pid, name in found)
                time.sleep(_POLL_SECONDS)
    except (NotAnswering, psycopg.Error):
        return ()
    return ()


def database_url(socket_dir: Path, database: str = DATABASE, port: int = PORT) -> str:
    return f"postgresql:///{database}?host={quote(str(socket_dir))}&port={port}&user={SUPERUSER}"


def _create_database(connection: psycopg.Connection) -> None:
    try:
        connection.execute("CREATE DATABASE lapinq")
    except pg.DuplicateDatabase:  # somebody who doesn't take our locks was faster
        return


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
