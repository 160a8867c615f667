"""Everything is killed at once under load, and started again. Heartbeat 0.5 s, lease 3 s, sweep 0.5 s."""

import random
import signal
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.outage import fragile_server
from tests.support.eventually import eventually
from tests.support.programs.load import Load
from tests.support.programs.processes import QUICK_LEASE, ApiProcess, Program, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.starts import starts

pytestmark = pytest.mark.slow

ENDS = {
    "add": {("completed", "3")},
    "aadd": {("completed", "3")},
    "asleep": {("completed", '"slept"')},
    "afail": {("failed", None)},
    # It may start once only, so the death of its worker is the end of it; otherwise it tells a process id.
    "amark_until": {("completed", "null")},
    "amark": {("completed", "a process id"), ("failed", None)},
}


def programs(database: str) -> tuple[ApiProcess, list[Program]]:
    """One API server, two workers and a scheduler, not started."""
    api = ApiProcess(database)
    worker = (database, "--concurrency", "5")
    return api, [
        api,
        WorkerProcess(*worker, env=QUICK_LEASE),
        WorkerProcess(*worker, env=QUICK_LEASE),
        Program("scheduler", "--database-url", database),
    ]


def test_what_was_acknowledged_before_everything_was_killed_comes_to_its_end(tmp_path: Path) -> None:
    with fragile_server() as server, ExitStack() as running:
        api, all_of_them = programs(server.url)
        for program in all_of_them:
            running.enter_context(program)
        gate = tmp_path / "gate"
        held = [
            new_task(task_name="amark_until", args=[str(tmp_path), f"held{n}", str(gate)]) for n in range(4)
        ]
        enqueue_all(server.url, held)
        eventually(lambda: len(starts(tmp_path)) == 4, 30)
        load = Load(api.url, tmp_path, clients=3)
        with load.running():
            eventually(lambda: len(load.accepted) > 400, 60)
            eventually(lambda: statuses(server.url).get("completed", 0) > 200, 60)
            kills = [server.crash, *(partial(one.signal, signal.SIGKILL) for one in all_of_them)]
            random.shuffle(kills)
            for kill in kills:
                kill()
        for program in all_of_them:
            assert program.wait() == -signal.SIGKILL, program.output
        accepted = [*load.accepted, *(task.id for task in held)]

        server.start()
        api, all_of_them = programs(server.url)
        for program in all_of_them:
            running.enter_context(program)
        eventually(lambda: all(starts(tmp_path)[f"held{n}"] == 2 for n in range(4)), 60)
        gate.touch()
        eventually(lambda: not statuses(server.url).keys() & {"pending", "running"}, 60, 0.2)
        check_invariants(server.url, accepted)
        assert_ended_well(server.url, tmp_path)


def assert_ended_well(database: str, directory: Path) -> None:
    """Each task ended in a way that its function has, and none was started more often than it may be."""
    with psycopg.connect(database) as conn:
        rows = conn.execute("SELECT task_name, args, status, result FROM lapinq_task_details").fetchall()
        attempts = conn.execute("SELECT max(attempts - max_retries) FROM lapinq_task_details").fetchone()
    seen = starts(directory)
    for name, args, status, result in rows:
        told = "a process id" if name == "amark" and result else result
        assert (status, told) in ENDS[name], (name, args, status, result)
    assert attempts is not None
    assert attempts[0] <= 1
    assert {count for name, count in seen.items() if not name.startswith("held")} == {1}
