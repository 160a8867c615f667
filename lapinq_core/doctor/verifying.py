"""Compares every row of lanes, keys, named limits, unique keys, circuit breakers, workflows and steps with their tasks,
for `lapinq doctor --verify`.

All of it in one snapshot: claims and ends go on meanwhile. News that a claim has yet to read is no difference, for the
next claim looks at those lanes.
"""

from collections.abc import Sequence

import psycopg
from psycopg import sql as psql

from lapinq_core.db.rows import all_rows
from lapinq_core.db.snapshot import snapshot
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, error, ok, warning
from lapinq_core.doctor.wording import count, names

sql = sql_of(__name__)

VERIFY_SECONDS = 60.0
"""For all statements together."""
COMPARED = (
    "lanes_of_tasks",
    "lanes",
    "running",
    "keys",
    "unique_keys",
    "breakers_noted",
    "workflows",
    "steps",
)
"""The names of its checks."""
VERBS = (
    "verify_tasks",
    "verify_lanes",
    "verify_running",
    "verify_keys",
    "verify_unique_keys",
    "verify_breakers",
    "verify_workflows",
    "verify_steps",
)
"""The statements, in the same order: each returns what differs."""

_WRONG = {
    "unseen": "hold tasks, and their queue does not know that it has lanes: no claim finds them",
    "missing": "hold tasks and have no row: no claim finds them",
    "names": "name other limits than their tasks",
    "closed": "are closed, although their first task may start",
    "late": "are placed behind their first task",
}
_WRONG_KEYS = {
    "key": "remember a task of another key as the one that started last",
    "limit": "are gone, and there are units to give back to them",
}
_WRONG_UNIQUE_KEYS = {
    "free": "are held by a task, and their row names another or is gone: a second task can be stored",
    "until": "are held for another time than their task says",
    "other": "name a task of another queue or unique key",
}
_WRONG_BREAKERS = {
    "unwatched": "note attempts without a circuit breaker",
    "twice": "are noted twice by a circuit breaker",
    "late": "ended more than a minute ago and are not counted by a circuit breaker",
    "probe": "have a circuit breaker whose probe is not noted",
    "queue": "do not know whether they have a circuit breaker",
    "parked": "have parked tasks and no circuit breaker",
}
_WRONG_WORKFLOWS = {
    "outcome": "ended, are open again or were deleted, and their workflow does not know",
    "waits": "are blocked and wait for a wrong number of parents",
    "blocked": "are blocked and wait for no parent, or the reverse",
    "counts": "are workflows that count their tasks wrongly",
    "ended": "are workflows that have ended with tasks left, or the reverse",
}
_WRONG_STEPS = {"asleep": "are suspended, and have what they wait for"}
_REPORT = "Report it as a bug, with this output. Maintenance updates blocked lanes within minutes."
_SOON = (
    "Nothing if a circuit breaker was removed just now: maintenance lets the tasks go within seconds. Otherwise start a"
    " worker or a scheduler, which does maintenance."
)
_NO_BUG = (
    "Nothing if a limit was lowered just now: running tasks are not affected. Otherwise report it as a bug."
)


async def verify(conn: psycopg.AsyncConnection) -> dict[str, list[Finding]]:
    """The findings of each check in `COMPARED`. `conn` is in no transaction."""
    async with snapshot(conn):
        await conn.execute(psql.SQL("SET LOCAL statement_timeout = {}").format(f"{VERIFY_SECONDS:g}s"))
        await conn.execute("SET LOCAL jit = off")
        tasks, lanes, running, keys, unique_keys, breakers, workflows, steps = [
            await _rows(conn, verb) for verb in VERBS
        ]
    return {
        "lanes_of_tasks": _tasks(tasks) or ok("the lane of every task follows from its key and limits"),
        "lanes": _grouped("lane", lanes, _WRONG) or ok("every lane agrees with the tasks that wait and run"),
        "running": _running(running) or ok("no more tasks run than a queue, key or named limit allows"),
        "keys": _grouped("name", keys, _WRONG_KEYS) or ok("keys and named limits agree with their tasks"),
        "unique_keys": _grouped("unique key", unique_keys, _WRONG_UNIQUE_KEYS)
        or ok("every unique key names the task that holds it"),
        "breakers_noted": _breakers(breakers) or ok("circuit breakers agree with the tasks they watch"),
        "workflows": _grouped("id", workflows, _WRONG_WORKFLOWS) or ok("workflows agree with their tasks"),
        "steps": _steps(steps) or ok("steps agree with their tasks"),
    }


async def _rows(conn: psycopg.AsyncConnection, verb: str) -> Sequence[tuple[str, ...]]:
    return await all_rows(conn, sql(verb))


def _tasks(rows: Sequence[tuple[str, ...]]) -> list[Finding]:
    if not rows:
        return []
    ids = names([f"{task} ({place}, {queue})" for place, queue, task in rows])
    return [
        error(f"{count(len(rows), 'task')} with another lane than their key and limits give: {ids}", _REPORT)
    ]


def _running(rows: Sequence[tuple[str, ...]]) -> list[Finding]:
    return [
        warning(f"{running} tasks of the {kind} {name} run, and {allowed} may", _NO_BUG)
        for kind, name, running, allowed in rows
    ]


def _breakers(rows: Sequence[tuple[str, ...]]) -> list[Finding]:
    """Those that are late, or have just lost their breaker, are no bug yet: maintenance sees to them."""
    found: list[Finding] = []
    for kind, words in _WRONG_BREAKERS.items():
        if those := [name for found_kind, name in rows if found_kind == kind]:
            message = f"{count(len(those), 'task' if kind in {'twice', 'late'} else 'name')} {words}: {names(those)}"
            passes = kind in {"late", "parked"}
            found.append(warning(message, _SOON) if passes else error(message, _REPORT))
    return found


def _steps(rows: Sequence[tuple[str, ...]]) -> list[Finding]:
    """Those whose task is gone are no bug yet: maintenance deletes them."""
    found = _grouped("task", rows, _WRONG_STEPS)
    if lone := [name for kind, name in rows if kind == "lone"]:
        found.append(
            warning(
                f"{count(len(lone), 'deleted task')} still have steps: {names(lone)}",
                "Nothing, if they were deleted within the last hours. Otherwise start a worker or a scheduler, which"
                " does maintenance.",
            )
        )
    return found


def _grouped(noun: str, rows: Sequence[tuple[str, ...]], wrong: dict[str, str]) -> list[Finding]:
    """A finding for each kind of difference, which stands first in its row."""
    found: list[Finding] = []
    for kind, words in wrong.items():
        those = [": ".join(map(_shown, of)) for found_kind, *of in rows if found_kind == kind]
        if those:
            found.append(error(f"{count(len(those), noun)} {words}: {names(those)}", _REPORT))
    return found


def _shown(name: str) -> str:
    """A lane as its key and limits."""
    key, _, limits = name.partition("\x1f")
    return f"{key} ({limits})" if limits else key
