"""Migrating: from several places at once, against locks, and what is there afterwards."""

import json
import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.rows import scalar_row

import lapinq_migrations
from lapinq.commands.migrate import migrate as migrate_command
from lapinq_core.db import migrate as migrating
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.db.migrate import MigrationBusy, SchemaError, current_revision, head_revision, migrate
from lapinq_core.db.startup import prepare_schema
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.ids import id_at
from tests.support.eventually import eventually
from tests.support.programs.previous_release import unpack

WEEK = timedelta(days=7)


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True)


def test_four_at_once_all_succeed_and_one_does_the_work(empty: str) -> None:
    together = threading.Barrier(4)

    def start(_: int) -> tuple[str | None, str]:
        together.wait()
        return migrate(empty)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(start, range(4)))
    head = head_revision()
    assert sorted(answers, key=str) == [(head, head)] * 3 + [(None, head)]
    with connect(empty) as connection:
        assert current_revision(connection) == head


def test_it_waits_for_another_that_migrates_unless_told_to_give_up(empty: str) -> None:
    with holding_the_migration_lock(empty) as holder, ThreadPoolExecutor(1) as thread:
        with pytest.raises(MigrationBusy, match="Another process"):
            migrate(empty, lock_wait=0.1)
        assert current_revision(holder) is None
        waiting = thread.submit(migrate, empty, lock_wait=30)
        eventually(lambda: backends(holder, "SELECT pg_try_advisory_lock%") > 0)
        holder.close()
        assert waiting.result(timeout=30) == (None, head_revision())


def test_what_fails_leaves_no_table_behind_and_does_not_queue_behind_a_long_transaction_for_long(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What stands in its way here is a table of the same name: one that somebody has created but not committed, and then
    # another before which the tables of tasks come.
    assert migrating.LOCK_TIMEOUT == "5s"
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT", "200ms")
    with psycopg.connect(empty) as other:
        other.execute("CREATE TABLE lapinq_ready (id uuid)")
        with pytest.raises(LapinqError, match=r"^[^\n]*lock timeout"):
            migrate(empty)
        other.rollback()
    with connect(empty) as connection:
        connection.execute("CREATE TABLE lapinq_workers (id uuid)")
        with pytest.raises(Exception, match="lapinq_workers"):
            migrate(empty)
        assert current_revision(connection) is None
        assert names(connection, "lapinq_") == ["lapinq_workers"]


def test_no_revision_holds_a_table_that_tasks_need_while_it_waits_for_another() -> None:
    # A statement that settles an attempt locks several of them, in an order of its own.
    versions = Path(lapinq_migrations.__file__).parent / "versions"
    for file in sorted(versions.glob("00*.py")):
        if file.name != "0008_baseline.py":
            pattern = r"ALTER TABLE (lapinq_(?:tasks|ready|delayed|running|attempts|counts))\b"
            assert len(set(re.findall(pattern, file.read_text()))) <= 1, file.name


def test_a_database_that_is_away_is_said_to_be() -> None:
    with pytest.raises(DatabaseUnavailable):
        migrate("postgresql://127.0.0.1:1/nothing")


def test_a_schema_from_before_the_baseline_is_refused_with_what_to_do(migrated: str, tmp_path: Path) -> None:
    with connect(migrated) as connection:
        connection.execute("UPDATE lapinq_schema_version SET version_num = '0003'")
        with pytest.raises(SchemaError, match=r"schema is at 0003.* start with an empty database") as told:
            migrate(migrated)
        assert current_revision(connection) == "0003"
    (commit,) = re.findall(r"at commit (\w+)", str(told.value))
    assert list(unpack(tmp_path, commit).rglob("versions/0003_*.py"))


def test_a_later_schema_is_left_as_it_is_and_programs_start_on_it(migrated: str) -> None:
    # As after a release was rolled back: the schema must serve both.
    with connect(migrated) as connection:
        connection.execute("UPDATE lapinq_schema_version SET version_num = '9999'")
        assert migrate(migrated) == ("9999", "9999")
        prepare_schema(migrated, migrates=False)
        assert current_revision(connection) == "9999"


def test_the_schema_may_have_any_name_and_weeks_begin_in_utc_where_the_server_changes_to_summer_time(
    empty: str,
) -> None:
    monday = (now := datetime.now(UTC)) - timedelta(days=now.weekday())
    sunday = (monday + timedelta(days=6)).timetuple().tm_yday - 1
    zone = f"STD-1DST-2,{sunday}/2,{(sunday + 180) % 365}/3"
    with connect(empty) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute('CREATE SCHEMA "Task queue"')
        connection.execute(sql.SQL('ALTER DATABASE {} SET search_path = "Task queue"').format(name))
        connection.execute(sql.SQL("ALTER DATABASE {} SET timezone = {}").format(name, sql.Literal(zone)))
    migrate(empty)
    with connect(empty) as connection:
        for parent in ("tasks", "attempts"):
            assert names(connection, f"lapinq_{parent}_") == partitions(parent, monday, 3)
        assert one(connection, "SELECT lapinq_ensure_partitions(3)") == (2,)
        assert names(connection, "lapinq_tasks_") == partitions("tasks", monday, 4)
        # Functions with the rights of the owner find their schema.
        connection.execute("SET search_path = public")
        assert one(connection, """SELECT "Task queue".lapinq_startable('mail')""") == (0,)


def partitions(parent: str, monday: datetime, weeks: int) -> list[str]:
    made = [f"{monday + n * WEEK:%Y%m%d}" for n in range(weeks)]
    return [f"lapinq_{parent}_{week}" for week in [*made, "default"]]


def test_a_row_goes_to_the_partition_of_the_time_in_its_id(migrated: str) -> None:
    with connect(migrated) as connection:
        now = datetime.now(UTC)
        for weeks in range(3):
            assert partition_of(connection, insert(connection, now + weeks * WEEK)) != "lapinq_tasks_default"
        assert partition_of(connection, insert(connection, now + 5 * WEEK)) == "lapinq_tasks_default"
        assert partition_of(connection, insert(connection, now - 500 * WEEK)) == "lapinq_tasks_default"
        # The borders meet: the last id of a week and the first of the next both have a home.
        (week,) = one(connection, "SELECT date_trunc('week', now() AT TIME ZONE 'UTC')")
        border = int(week.replace(tzinfo=UTC).timestamp() * 1000) + 7 * 86_400_000
        homes: list[str] = []
        for task in (uuid.UUID(int=id_at(border).int - 1), id_at(border)):
            insert_id(connection, task)
            homes.append(partition_of(connection, task))
        assert homes == names(connection, "lapinq_tasks_")[:2]


def test_rows_of_a_week_that_had_no_partition_move_into_it(migrated: str) -> None:
    with connect(migrated) as connection:
        now = datetime.now(UTC)
        inside = [insert(connection, now + 4 * WEEK), insert(connection, now + 3 * WEEK)]
        outside = insert(connection, now + 9 * WEEK)
        for task in (*inside, outside):
            connection.execute(
                "INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)"
                " VALUES (%s, 1, true, 'completed', now())",
                [task],
            )
        assert one(connection, "SELECT lapinq_ensure_partitions(4)") == (4,)
        assert all("default" not in partition_of(connection, task) for task in inside)
        assert partition_of(connection, outside) == "lapinq_tasks_default"
        assert one(connection, "SELECT array_agg(task_id) FROM lapinq_attempts_default") == ([outside],)
        assert one(connection, "SELECT count(*) FROM lapinq_task_details WHERE status = 'completed'") == (3,)


def test_one_session_makes_partitions_while_others_pass_and_take_in_tasks(migrated: str) -> None:
    with psycopg.connect(migrated) as first, connect(migrated) as second:
        assert one(first, "SELECT lapinq_ensure_partitions(2)") == (0,)
        assert one(first, "SELECT lapinq_ensure_partitions(3)") == (2,)
        assert one(second, "SELECT lapinq_ensure_partitions(5)") == (0,)
        second.execute("SET lock_timeout = '5s'")
        assert partition_of(second, insert(second, datetime.now(UTC))) != "lapinq_tasks_default"
        first.commit()
        assert one(second, "SELECT lapinq_ensure_partitions(5)") == (4,)
        assert one(second, "SELECT lapinq_ensure_partitions(5)") == (0,)


def test_the_command_migrates_what_its_flag_names_or_else_goes_past_the_pooler(
    empty: str, postgres_url: str
) -> None:
    # Nothing of ours is in the one that it is not to touch.
    head, previous = head_revision(), None
    for direct, flags in ((postgres_url, ["--database-url", empty]), (empty, [])):
        env = {"DATABASE_URL": postgres_url, "LAPINQ_LISTEN_DATABASE_URL": direct}
        done = CliRunner().invoke(migrate_command, [*flags, "--json"], env=env)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout) == {"revision": head, "previous": previous}
        previous = head
    for url, revision in ((empty, head), (postgres_url, None)):
        with connect(url) as connection:
            assert current_revision(connection) == revision


def holding_the_migration_lock(url: str) -> psycopg.Connection:
    connection = connect(url)
    connection.execute("SELECT pg_advisory_lock(%s)", [0x6C6170696E71])
    return connection


def backends(connection: psycopg.Connection, pattern: str) -> int:
    """How many sessions ran a query like `pattern` last."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND datname = current_database()"
    return one(connection, query, pattern)[0]


def one(connection: psycopg.Connection, query: str, *parameters: object) -> tuple[Any, ...]:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row


def names(connection: psycopg.Connection, prefix: str) -> list[str]:
    """The tables and views whose names begin with `prefix`, in order."""
    cursor = connection.cursor(row_factory=scalar_row)
    return cursor.execute(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND starts_with(relname::text, %s)"
        ' ORDER BY relname COLLATE "C"',
        [prefix],
    ).fetchall()


def insert(connection: psycopg.Connection, when: datetime) -> uuid.UUID:
    """A task whose id says that it was made at `when`."""
    task = uuid.UUID(int=id_at(int(when.timestamp() * 1000)).int + uuid.uuid4().int % 2**64)
    insert_id(connection, task)
    return task


def insert_id(connection: psycopg.Connection, task: uuid.UUID) -> None:
    connection.execute(
        "INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority,"
        " retry_delay, retry_backoff, created_at) VALUES (%s, 'q', 't', 'm', '[]', '{}', 3, 0, 10, true, now())",
        [task],
    )


def partition_of(connection: psycopg.Connection, task: uuid.UUID) -> str:
    return one(connection, "SELECT tableoid::regclass::text FROM lapinq_tasks WHERE id = %s", task)[0]
