"""Schedulers are killed and stopped at each step of a tick: each tick has one task, whoever dies."""

import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest

from lapinq_core.domain.cron.expression import read_cron
from tests.support.database.invariants import check_invariants
from tests.support.eventually import eventually
from tests.support.first_by_default import first_by_default
from tests.support.programs.crashing import Step
from tests.support.programs.processes import Program
from tests.support.rows.schedules import Clock, add_schedules, definition, planned

SECOND = timedelta(seconds=1)
STEPS = [step for step in Step if step.name.startswith("TICK_")]
NAMES = [f"s{n}" for n in range(20)]


class DyingScheduler(Program):
    """`lapinq scheduler`, which dies at a step."""

    def __init__(self, step: Step, database: str) -> None:
        super().__init__(step, "scheduler", "--database-url", database)

    def command(self, *arguments: str) -> list[str]:
        """What is executed."""
        return [sys.executable, "-m", "tests.support.programs.crashing", *arguments]


def is_dead(program: Program) -> Callable[[], bool]:
    def look() -> bool:
        assert program.process is not None
        return program.process.poll() is not None

    return look


def tick_counts(database: str) -> dict[str, int]:
    """How many ticks of each schedule were dealt with."""
    with psycopg.connect(database) as conn:
        cursor = conn.execute(
            "SELECT s.name, count(*) FROM lapinq_ticks t JOIN lapinq_schedules s ON s.id = t.schedule_id"
            " GROUP BY s.name"
        )
        return dict(cursor.fetchall())


@pytest.mark.parametrize("step", first_by_default(STEPS))
def test_each_tick_has_one_task_when_one_of_three_schedulers_dies(database: str, step: Step) -> None:
    add_schedules(database, *(definition(name, every="1s") for name in NAMES))
    with ExitStack() as running:
        dying = running.enter_context(DyingScheduler(step, database))
        for _ in range(2):
            running.enter_context(Program("scheduler", "--database-url", database))
        eventually(is_dead(dying), 60)
        assert dying.wait() == -signal.SIGKILL
        enough = 3 + max(tick_counts(database).values(), default=0)
        eventually(lambda: min(tick_counts(database).get(name, 0) for name in NAMES) >= enough, 30)
    for name in NAMES:
        instants = planned(database, name)
        assert {later - earlier for earlier, later in pairwise(instants)} == {SECOND}, name
        assert len(instants) == tick_counts(database)[name]
    check_invariants(database, [])


ZONE = "Europe/Madrid"
CRONS = {
    "daily": "30 2 * * *",
    "by-hours": "0 */3 * * *",
    "last-day": "0 12 L * *",
    "at-work": "30 8-17/3 * * mon-fri",
}
YEAR = timedelta(days=365)
REAL_SECONDS = 12.0
LIVES = 1.0
"""Seconds after which a daemon is ended, by turns with SIGKILL and SIGTERM."""


def scheduler(database: str) -> Program:
    return Program("scheduler", "--database-url", database, "--scheduler-interval", "0.05")


# What is made up for is bounded, and so is how long the daemons may take: a month passes in a second.
@pytest.mark.alone
@pytest.mark.slow
def test_a_year_has_one_task_a_tick_while_three_daemons_are_killed_and_stopped(database: str) -> None:
    """The clock of the database runs two and a half million times as fast; whatever is late is made up for, up to a
    thousand ticks, and so a stop of all daemons of some seconds."""
    with ExitStack() as running:
        daemons = [running.enter_context(scheduler(database)) for _ in range(3)]
        all_work(daemons)
        clock = Clock(database, datetime(2026, 1, 1, tzinfo=UTC), YEAR.total_seconds() / REAL_SECONDS)
        began = clock.now()
        add_schedules(
            database,
            *(
                definition(name, cron=cron, timezone=ZONE, misfire="all", misfire_limit=1000)
                for name, cron in CRONS.items()
            ),
        )
        turn = 0
        while clock.now() < began + YEAR:
            due = time.monotonic() + LIVES
            eventually(lambda due=due: time.monotonic() > due or clock.now() >= began + YEAR, 60)
            # However slowly they start, two are at work.
            all_work(daemons)
            daemons[turn % 3].signal(signal.SIGTERM if turn % 2 else signal.SIGKILL)
            daemons[turn % 3] = running.enter_context(scheduler(database))
            turn += 1
        assert turn >= REAL_SECONDS / LIVES / 2
        ends = began + YEAR
        eventually(lambda: dealt_with_until(database, ends), 30)
    for name, cron in CRONS.items():
        times = read_cron(cron, ZONE, seed=name)
        instants = planned(database, name)
        assert instants[0] <= began + timedelta(days=31)
        assert instants[-1] >= began + YEAR - timedelta(days=31)
        wrong = [(str(at), str(next_at)) for at, next_at in pairwise(instants) if times.after(at) != next_at]
        assert not wrong, f"{name}: what does not follow: {wrong[:5]}"
    check_invariants(database, [])


def all_work(daemons: list[Program]) -> None:
    for daemon in daemons:
        daemon.said("scheduler started")


def dealt_with_until(database: str, moment: datetime) -> bool:
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT min(next_fire_at) > %s FROM lapinq_schedules", (moment,)).fetchone()
    assert row is not None
    return row[0]
