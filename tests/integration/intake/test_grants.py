"""What a role needs that enqueues from SQL: docs/reference/sql.md says it, and nothing more is needed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString, cast

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from lapinq import TaskQueue
from tests.support.programs.processes import REPOSITORY

queue = TaskQueue("http://192.0.2.1")


@queue.task
def add(number: int) -> int:
    return number + 1


PAGE = Path(REPOSITORY, "docs", "reference", "sql.md")
CHANGELOG = Path(REPOSITORY, "CHANGELOG.md")
TASK = {"task_name": "aadd", "module_path": "app", "args": [1, 2]}
UNIQUE: dict[str, object] = {"unique": {"key": "u"}, "key": "a"}
WORKFLOW = "a workflow, from Python"
SIGNAL = "a signal, alone"
USES: list[tuple[str, list[dict[str, object]]]] = [
    ("any", [{}, {"scheduled_at": "2090-01-31T12:00:00Z"}, {"ttl_seconds": 0}]),
    ("a key or limits", [{"key": "a"}, {"limits": {"gpu": 1}}]),
    ("`unique`", [UNIQUE] * 2),
    ("`unique`, in a transaction that is `REPEATABLE READ` or `SERIALIZABLE`", [UNIQUE] * 2),
    ("`debounce`, or `unique` that replaces", [{"debounce": {"key": "d", "delay": 60}}] * 2),
    (SIGNAL, []),
    (WORKFLOW, []),
]
BEFORE = """
INSERT ON lapinq_tasks, lapinq_ready, lapinq_delayed, lapinq_counts, lapinq_transient, lapinq_lane_news
SELECT ON lapinq_limits, lapinq_ready, lapinq_delayed, lapinq_running, lapinq_tasks
INSERT, SELECT, UPDATE ON lapinq_unique_keys
UPDATE ON lapinq_tasks
UPDATE, DELETE ON lapinq_ready, lapinq_delayed
"""
"""What the page named in 35f53b12, for all uses together."""
ADDED = "`UPDATE` on `lapinq_ready`, `lapinq_delayed` and `lapinq_running`"


def documented() -> dict[str, list[tuple[str, str]]]:
    """Privileges and tables, by the use in the first column of the page's table."""
    rows = re.findall(r"^\| ([^|]+) \| ((?:also )?`[A-Z, ]+` on [^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    return {
        use.strip(): [
            (privileges, table)
            for privileges, tables in re.findall(r"`([A-Z, ]+)` on ((?:`\w+`(?:, | and )?)+)", text)
            for table in re.findall(r"\w+", tables.replace(" and ", " "))
        ]
        for use, text in rows
    }


@pytest.fixture
def db(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("INSERT INTO lapinq_limits (name, max_running, created_at) VALUES ('gpu', 9, now())")
        yield conn


@pytest.fixture
def role(db: psycopg.Connection) -> Iterator[sql.Identifier]:
    """A new role without privileges."""
    role = sql.Identifier(f"{db.info.dbname}_shop")
    db.execute(sql.SQL("CREATE ROLE {}").format(role))
    yield role
    db.execute(sql.SQL("RESET ROLE; DROP OWNED BY {0}; DROP ROLE {0}").format(role))


def test_a_role_needs_what_the_page_says_and_no_more(db: psycopg.Connection, role: sql.Identifier) -> None:
    given = documented()
    assert list(given) == [use for use, _ in USES]
    for use, tasks in USES:
        for n, (privileges, table) in enumerate(given[use]):
            if n == len(given[use]) - 1:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    enqueue(db, use, role, tasks)
            which = sql.SQL(cast("LiteralString", privileges))
            db.execute(sql.SQL("GRANT {} ON {} TO {}").format(which, sql.Identifier(table), role))
        enqueue(db, use, role, tasks)


def test_former_privileges_suffice_except_for_what_the_changelog_names(
    db: psycopg.Connection, role: sql.Identifier
) -> None:
    db.execute("INSERT INTO lapinq_queues (name, max_running) VALUES ('default', 2)")
    for unique in (UNIQUE, {"debounce": {"key": "d", "delay": 60}}):
        db.execute("SELECT lapinq_enqueue(%s)", [Jsonb({**TASK, **unique}, dumps=json.dumps)])
    for line in BEFORE.strip().splitlines():
        db.execute(sql.SQL("GRANT {} TO {}").format(sql.SQL(line), role))
    for use, tasks in USES:
        if "SERIALIZABLE" not in use and use not in (WORKFLOW, SIGNAL):
            enqueue(db, use, role, tasks)
    strict = next(use for use, _ in USES if "SERIALIZABLE" in use)
    enqueue(db, strict, role, [{}, {"unique": {"key": "free"}}])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        enqueue(db, strict, role, [UNIQUE])
    assert ADDED in " ".join(CHANGELOG.read_text().split())
    db.execute(sql.SQL("GRANT UPDATE ON lapinq_ready, lapinq_delayed, lapinq_running TO {}").format(role))
    enqueue(db, strict, role, [UNIQUE])


def suspended(db: psycopg.Connection) -> str:
    """The id of a task that waits for the signal `go`."""
    later = {**TASK, "scheduled_at": "2090-01-31T12:00:00Z", "key": "a"}
    [[task_id]] = db.execute("SELECT lapinq_enqueue(%s)", [Jsonb(later)]).fetchall()
    db.execute(
        "INSERT INTO lapinq_steps (task_id, name, occurrence, kind, names, started_at, attempt, claim_seq)"
        " VALUES (%s, 'go', 0, 'signal', '{go}', lapinq_now(), 1, 1)",
        (task_id,),
    )
    return task_id


def enqueue(db: psycopg.Connection, use: str, role: sql.Identifier, tasks: list[dict[str, object]]) -> None:
    # Rolled back: at the commit the checks of the tests' database would need privileges of their own.
    with db.transaction(force_rollback=True):
        if "SERIALIZABLE" in use:
            db.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        task_id = suspended(db) if use == SIGNAL else None
        db.execute(sql.SQL("SET LOCAL ROLE {}").format(role))
        if use == SIGNAL:
            db.execute("SELECT lapinq_signal(%s, 'go')", (task_id,))
            db.execute("SET CONSTRAINTS lapinq_signal_sent IMMEDIATE")
        if use == WORKFLOW:
            with queue.using(db).workflow("report") as flow:
                flow.add(add, flow.add(add, 1))
        for values in tasks:
            db.execute("SELECT lapinq_enqueue(%s)", [Jsonb({**TASK, **values}, dumps=json.dumps)])
