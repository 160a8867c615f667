"""A database whose sessions have a strict isolation by default: every session of ours chooses its own."""

from contextlib import ExitStack
from pathlib import Path
from typing import LiteralString

import httpx
import psycopg
import pytest

from lapinq_core.domain.tasks.state import Status
from tests.integration.upkeep.test_retention import LONG_AGO, ended
from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.outage import fragile_server
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.load import Load
from tests.support.programs.log_lines import own_tracebacks
from tests.support.programs.processes import QUICK_LEASE, ApiProcess, Program, WorkerProcess
from tests.support.rows.factories import Conn
from tests.support.rows.schedules import add_schedules, definition, planned
from tests.support.rows.weeks import make_week

pytestmark = pytest.mark.slow

WEEKS = range(LONG_AGO, LONG_AGO - 3, -1)
EACH = 5


async def add_old_weeks(conn: Conn) -> list[str]:
    """The ids of tasks that failed longer ago than they are kept."""
    for ago in WEEKS:
        await make_week(conn, ago)
    return [await ended(conn, Status.FAILED, 40, weeks_ago=ago) for ago in WEEKS for _ in range(EACH)]


@pytest.mark.parametrize(
    "setting",
    [
        "ALTER ROLE CURRENT_USER SET default_transaction_isolation = 'serializable'",
        pytest.param(
            "ALTER DATABASE postgres SET default_transaction_isolation = 'repeatable read'",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_no_session_of_ours_fails_for_it_and_nothing_is_lost(tmp_path: Path, setting: LiteralString) -> None:
    with fragile_server() as server, ExitStack() as running:
        old = on_connections(server.url, add_old_weeks)
        add_schedules(server.url, definition("often", every="1s"))
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(setting)
        api = ApiProcess(server.url)
        programs = [
            api,
            *(WorkerProcess(server.url, "--concurrency", "5", env=QUICK_LEASE) for _ in range(3)),
            Program("scheduler", "--database-url", server.url, "--keep", "30d"),
        ]
        for program in programs:
            running.enter_context(program)
        load = Load(api.url, tmp_path, clients=3)
        requeued: list[str] = []
        with load.running():
            with httpx.Client(base_url=f"{api.url}/api/v1", trust_env=False, timeout=10) as client:
                requeued += [task for task in old if client.post(f"/tasks/{task}/requeue").status_code == 200]
            eventually(lambda: len(load.accepted) > 500, 60)
            eventually(lambda: len(planned(server.url, "often")) > 2, 30)
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute("SET default_transaction_isolation = 'read committed'")  # nothing of ours repeats it
            conn.execute("UPDATE lapinq_schedules SET paused_at = now(), next_fire_at = NULL")
        eventually(lambda: not statuses(server.url).keys() & {"pending", "running"}, 60, 0.2)
        check_invariants(server.url, [*load.accepted, *requeued])
        for said in (server.log, *(program.output for program in programs)):
            assert "serializ" not in said, said
            assert own_tracebacks(said) == []
