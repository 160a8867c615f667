"""Several processes share one server, and the last one out stops it."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from lapinq_core.db.embedded import EmbeddedDatabase, EmbeddedError
from tests.support.eventually import eventually
from tests.support.programs.embedded import AS_ROOT, Holder, is_alive, server_pid


def test_four_processes_that_start_at_once_share_one_server_which_the_last_one_stops(data_dir: Path) -> None:
    with ExitStack() as stack:
        holders = [stack.enter_context(Holder(data_dir)) for _ in range(4)]
        urls = {holder.url() for holder in holders}
        assert len(urls) == 1
        status = EmbeddedDatabase(data_dir).status()
        assert {user.pid for user in status.users} == {holder.process.pid for holder in holders}
        pid = server_pid(data_dir)
        for holder in holders:
            assert is_alive(pid)
            assert server_pid(data_dir) == pid
            holder.leave()
    assert not is_alive(pid)
    assert EmbeddedDatabase(data_dir).status().state == "stopped"


def test_an_owner_that_is_killed_with_its_terminal_leaves_the_server_to_the_next_who_stops_it(
    used_dir: Path,
) -> None:
    with Holder(used_dir) as owner:
        owner.url()
        pid = server_pid(used_dir)
        # No key in the terminal of its owner reaches the server.
        assert os.getsid(pid) != os.getsid(owner.process.pid)
        assert os.getpgid(pid) != os.getpgid(owner.process.pid)
        os.killpg(os.getpgid(owner.process.pid), signal.SIGKILL)
        owner.process.wait()
    assert is_alive(pid)
    assert not EmbeddedDatabase(used_dir).status().users
    with Holder(used_dir) as heir:
        heir.url()
        assert server_pid(used_dir) == pid
        heir.leave()
    assert not is_alive(pid)


def test_two_leases_of_one_process_count_as_two(used_dir: Path) -> None:
    database = EmbeddedDatabase(used_dir)
    one, two = database.acquire(), database.acquire()
    pid = server_pid(used_dir)
    one.release()
    one.release()
    assert is_alive(pid)
    with psycopg.connect(two.ensure()) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("lapinq",)
    two.release()
    assert not is_alive(pid)
    with pytest.raises(EmbeddedError, match="released"):
        two.ensure()


_FORK = """
import os, sys
from pathlib import Path
from lapinq_core.db.embedded import EmbeddedDatabase
lease = EmbeddedDatabase(Path(sys.argv[1])).acquire()
child = os.fork()
if child == 0:
    lease.release()
    os._exit(0)
os.waitpid(child, 0)
assert EmbeddedDatabase(Path(sys.argv[1])).url() == lease.url
child = os.fork()
if child == 0:
    sys.stdin.readline()
    os._exit(0)
lease.release()
assert EmbeddedDatabase(Path(sys.argv[1])).url() is None
"""


@pytest.mark.slow
def test_a_forked_child_neither_gives_up_nor_keeps_the_lease_of_its_parent(used_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORK, str(used_dir)],
        stdin=subprocess.PIPE,
        capture_output=False,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


@pytest.mark.slow
def test_a_server_that_was_started_to_stay_outlives_its_users_until_it_is_stopped(used_dir: Path) -> None:
    database = EmbeddedDatabase(used_dir)
    url = database.start()
    pid = server_pid(used_dir)
    with database.use() as same:
        assert same == url
    assert server_pid(used_dir) == pid
    assert database.status().kept
    assert database.stop()
    assert not is_alive(pid)
    with database.use():
        pid = server_pid(used_dir)
    assert not is_alive(pid), "a stop ends the wish to keep it"


@pytest.mark.slow
def test_an_interrupted_start_leaves_no_server(data_dir: Path) -> None:
    with Holder(data_dir) as holder:
        eventually((data_dir / "pgdata").exists, interval=0.001)
        os.kill(holder.process.pid, signal.SIGINT)
        assert holder.process.wait(timeout=60) != 0
    assert EmbeddedDatabase(data_dir).status().state == "stopped"
    with EmbeddedDatabase(data_dir).use() as url, psycopg.connect(url):
        pass


_USE = """
import sys
from pathlib import Path
from lapinq_core.db.embedded import EmbeddedDatabase, EmbeddedError
database = EmbeddedDatabase(Path(sys.argv[1]))
with database.use() as url:
    print(url)
try:
    database.stop()
except EmbeddedError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(not AS_ROOT, reason="takes root")
def test_another_container_uses_the_server_and_leaves_it_running(used_dir: Path) -> None:
    with Holder(used_dir) as owner:
        url = owner.url()
        owner.kill()
    pid = server_pid(used_dir)
    container = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*container, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine makes no namespaces")
    done = subprocess.run(
        [*container, sys.executable, "-c", _USE, str(used_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith(url)
    assert "another container" in done.stdout
    assert is_alive(pid)
    assert EmbeddedDatabase(used_dir).stop()
