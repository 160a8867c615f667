"""A durable task of twenty steps, sleeps and signals, whose worker dies between every two of them and in every wait.

In child processes, in threads, and on the event loop with two steps and a wait at a time. Heartbeat 0.5 s, lease 3 s,
sweep 0.5 s.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from tests.support.database.invariants import check_invariants
from tests.support.database.outage import fragile_server
from tests.support.programs.processes import QUICK_LEASE, ApiProcess, Program, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample.journey_tasks import STEPS

KINDS = [("journey", "processes"), ("journey", "threads"), ("ajourney", "threads")]
WAITS = ["sleep", "during", "late", "after"]
"""In which it suspends; one signal is there before."""
KILLS = [
    *(f"after step {number}" for number in range(STEPS)),
    *(f"in step {number}" for number in (0, 7, 12, 19)),
    *(f"in {name}" for name in WAITS),
]
SIGNALS = {"early": '"came early"', "during": '"came meanwhile"', "late": '"came after all"'}
LIMIT_SECONDS = 420.0


class Journey:
    """A task with a worker of its own, which is started again whenever it has died."""

    def __init__(self, url: str, directory: Path, function: str, pool: str, kills: list[str]) -> None:
        self.url = url
        self.directory = directory
        self._name = f"{function}-{pool}"
        self._command = (
            "worker",
            "--database-url",
            url,
            "--queue",
            self._name,
            "--pool",
            pool,
            "--concurrency",
            "1",
        )
        self._sent: set[str] = set()
        self.worker: Program | None = None
        self.starts = 0
        directory.mkdir()
        arguments = [str(directory), url, kills]
        task = new_task(
            task_name=function,
            module_path="tests.support.sample.journey_tasks",
            args=arguments,
            queue_name=self._name,
            max_retries=100,
        )
        [self.id] = enqueue_all(url, [task])

    def go_on(self, running: ExitStack) -> bool:
        """Does what is due; returns whether the task has ended. While the database is away nothing is due."""
        if self.worker is None or self.worker.process is None or self.worker.process.poll() is not None:
            self.worker = running.enter_context(Program(*self._command, env=QUICK_LEASE))
            (self.directory / "worker").write_text(str(self.worker.pid))
            self.starts += 1
        try:
            with psycopg.connect(self.url, autocommit=True) as conn:
                for name in self._due(conn):
                    conn.execute("SELECT lapinq_signal(%s, %s, %s::jsonb)", (self.id, name, SIGNALS[name]))
                    self._sent.add(name)
                row = conn.execute(
                    "SELECT status FROM lapinq_task_details WHERE id = %s", (self.id,)
                ).fetchone()
        except psycopg.OperationalError:
            return False
        assert row is not None
        return row[0] not in {"pending", "running"}

    def _due(self, conn: psycopg.Connection[Any]) -> list[str]:
        """One signal before the task starts, one while it waits, one after the wait was given up."""
        looks: dict[str, LiteralString] = {
            "early": "SELECT true",
            "during": "SELECT true FROM lapinq_delayed d JOIN lapinq_steps s ON s.task_id = d.id"
            " WHERE d.id = %s AND s.names @> '{during}' AND s.ended_at IS NULL",
            "late": "SELECT true FROM lapinq_steps WHERE task_id = %s AND outcome = 'timed_out'",
        }
        return [
            name
            for name, look in looks.items()
            if name not in self._sent and conn.execute(look, (self.id,) if "%s" in look else ()).fetchone()
        ]

    def seen(self) -> Any:
        with psycopg.connect(self.url) as conn:
            row = conn.execute(
                "SELECT status, result, error FROM lapinq_task_details WHERE id = %s", (self.id,)
            ).fetchone()
        assert row is not None
        assert row[0] == "completed", row
        return json.loads(row[1])

    def check(self, outages: int = 0) -> None:
        """Each step ran, and none that was stored; each signal was taken once. A step runs again if it was in flight
        when its worker died, or lost its lease in an outage."""
        runs = Counter(line for line in (self.directory / "journal").read_text().splitlines())
        assert not [line for line in runs if line.endswith(", stored")], runs
        assert {line.split(",")[0] for line in runs} == {f"step {number}" for number in range(STEPS)}
        killed = {path.name.removeprefix("killed ") for path in self.directory.glob("killed *")}
        for number in range(STEPS):
            least = 1 + (f"in step {number}" in killed)
            at_once = self._name.startswith("a") and f"in step {number ^ 1}" in killed
            assert least <= runs[f"step {number}, not stored"] <= least + at_once + outages, (number, runs)
        assert sorted(self.seen()) == sorted(
            [f"step {number}" for number in range(STEPS)]
            + ["came early", "came meanwhile", "came after all", "timed out"]
        )
        with psycopg.connect(self.url) as conn:
            left = conn.execute("SELECT count(*) FROM lapinq_steps WHERE kind = 'sent'").fetchone()
            used = conn.execute(
                "SELECT count(*) FROM lapinq_attempts WHERE task_id = %s AND outcome IN ('failed', 'completed')",
                (self.id,),
            ).fetchone()
        assert left == (0,)
        assert used is not None
        assert used[0] <= len(killed) + 2, "a suspension has used up a start"


def rescuer(url: str) -> Program:
    """A worker that finds the lost ones at once, as it has lived for longer than its lease."""
    return WorkerProcess(url, "--queue", "nothing", env=QUICK_LEASE)


def run(journeys: list[Journey], running: ExitStack, disturb: Callable[[int], None] = lambda _: None) -> None:
    """Until all have ended."""
    until = time.monotonic() + LIMIT_SECONDS
    ended: set[str] = set()
    while len(ended) < len(journeys):
        assert time.monotonic() < until, [one.worker and one.worker.output[-2000:] for one in journeys]
        ended |= {one.id for one in journeys if one.id not in ended and one.go_on(running)}
        disturb(sum(one.starts for one in journeys))
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("function", "pool"), [KINDS[0], *(pytest.param(*kind, marks=pytest.mark.slow) for kind in KINDS[1:])]
)
def test_a_durable_task_goes_on_where_its_worker_was_killed(
    database: str, tmp_path: Path, function: str, pool: str
) -> None:
    """In a wait, and with a step that has run and is not stored."""
    journey = Journey(database, tmp_path / "it", function, pool, ["in during", "in step 13"])
    with ExitStack() as running:
        running.enter_context(rescuer(database))
        run([journey], running)
        journey.check()
    check_invariants(database, [journey.id])


@pytest.mark.slow
def test_whatever_is_killed_each_step_runs_once_and_no_signal_is_lost(tmp_path: Path) -> None:
    """Its worker everywhere; and the scheduler, the server and the database, once each."""
    with fragile_server() as server, ExitStack() as running:
        running.enter_context(rescuer(server.url))
        others = [Program("scheduler", "--database-url", server.url), ApiProcess(server.url)]
        for program in others:
            running.enter_context(program)
        journeys = [
            Journey(server.url, tmp_path / f"{function} {pool}", function, pool, KILLS)
            for function, pool in KINDS
        ]
        kills: list[Callable[[], Any]] = [*(one.kill for one in others), server.crash]
        starts_again = [*(one.start for one in others), server.start]

        def disturb(starts: int) -> None:
            if kills and starts > 15 * (4 - len(kills)):
                kills.pop(0)()
                starts_again.pop(0)()

        run(journeys, running, disturb)
        for journey in journeys:
            journey.check(outages=1)
        assert not kills
        for journey in journeys:
            killed = {path.name for path in journey.directory.glob("killed *")}
            assert {f"killed in {name}" for name in WAITS} - killed <= {
                "killed in after"
            }  # the signal may be quicker
            assert len(killed) >= len(WAITS) + STEPS // 2
        check_invariants(server.url, [journey.id for journey in journeys])
