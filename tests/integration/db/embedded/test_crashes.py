"""Servers, owners and initdb killed at bad moments, and what they leave behind."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import psycopg
import pytest

from lapinq_core.db.embedded import EmbeddedDatabase, EmbeddedError
from tests.support.eventually import eventually
from tests.support.programs.embedded import Holder, is_alive, server_pid


def test_a_killed_server_is_started_again_with_its_data(used_dir: Path) -> None:
    with Holder(used_dir) as owner:
        with psycopg.connect(owner.url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server_pid(used_dir), signal.SIGKILL)
        with EmbeddedDatabase(used_dir).use() as url, psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        owner.leave()
    assert EmbeddedDatabase(used_dir).status().state == "stopped"


@pytest.mark.slow
def test_children_at_work_for_a_killed_server_dont_keep_a_new_one_from_starting(used_dir: Path) -> None:
    lease = EmbeddedDatabase(used_dir).acquire()
    with psycopg.connect(lease.url, autocommit=True) as connection:
        backend = connection.info.backend_pid
        busy = threading.Thread(target=_count_for_long, args=(connection,))
        busy.start()
        with psycopg.connect(lease.url, autocommit=True) as other:
            query = "SELECT state FROM pg_stat_activity WHERE pid = %s"
            eventually(lambda: other.execute(query, (backend,)).fetchone() == ("active",))
        server = server_pid(used_dir)
        os.kill(server, signal.SIGKILL)
        eventually(lambda: not is_alive(server))
        assert is_alive(backend)
        with psycopg.connect(lease.ensure()) as again:
            assert again.execute("SELECT 1").fetchone() == (1,)
        busy.join()
    lease.release()


def _count_for_long(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT count(*) FROM (SELECT generate_series(1, 1000000000)) AS numbers")


@pytest.mark.slow
def test_a_server_whose_socket_was_removed_is_replaced(used_dir: Path) -> None:
    lease = EmbeddedDatabase(used_dir).acquire()
    before = server_pid(used_dir)
    assert lease.ensure() == lease.url
    assert server_pid(used_dir) == before
    (used_dir / "socket" / ".s.PGSQL.5432").unlink()
    with psycopg.connect(lease.ensure()):
        assert server_pid(used_dir) != before
    assert not is_alive(before)
    lease.release()


@pytest.mark.slow
def test_a_stale_pid_file_with_the_pid_of_a_living_stranger_is_seen_through(used_dir: Path) -> None:
    database = EmbeddedDatabase(used_dir)
    with database.use():
        pid = server_pid(used_dir)
        pid_file = used_dir / "pgdata" / "postmaster.pid"
        words = pid_file.read_text()
        owner = pid_file.stat()
    # PostgreSQL itself would take a process of its own user for a server.
    switch = os.geteuid() != owner.st_uid
    with subprocess.Popen(["sleep", "600"], user=owner.st_uid if switch else None) as stranger:
        try:
            pid_file.write_text(words.replace(str(pid), str(stranger.pid), 1))
            assert database.url() is None
            assert not database.stop(force=True)
            with database.use() as url, psycopg.connect(url):
                assert server_pid(used_dir) != stranger.pid
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.slow
def test_what_an_interrupted_initdb_leaves_is_cleaned_up(data_dir: Path) -> None:
    unfinished = data_dir / "pgdata.new"
    with Holder(data_dir) as owner:
        eventually((unfinished / "base").exists, interval=0.001)
        owner.kill()
    assert unfinished.exists()
    assert not (data_dir / "pgdata").exists()
    with EmbeddedDatabase(data_dir).use() as url, psycopg.connect(url):
        assert not unfinished.exists()


@pytest.mark.slow
def test_a_failed_start_shows_what_the_server_said(used_dir: Path) -> None:
    database = EmbeddedDatabase(used_dir)
    with database.use():
        pass
    with (used_dir / "pgdata" / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = on\n")
    with pytest.raises(EmbeddedError, match="no_such_setting"):
        database.acquire()
    assert not database.status().users
