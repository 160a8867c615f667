"""Stores the steps of running attempts, and their waits, and tells what earlier attempts have stored.

All of it goes by the claim: one that is lost reads nothing and changes nothing.
"""

from collections.abc import Sequence
from typing import cast

import msgspec
import psycopg

from lapinq_core.db.arrays import float_array, text_array, uuid_array
from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.durable.messages import (
    Answer,
    Fetch,
    Kind,
    Load,
    Loaded,
    Lost,
    Outcome,
    Row,
    Store,
    Stored,
    Text,
    Wait,
)

sql = sql_of(__name__)

MAX_LOADED_BYTES = 4 * 1024 * 1024
"""Of results that are read at once; others are fetched one by one, when they are asked for."""
MAX_BATCH_BYTES = 64 * 1024 * 1024
"""Of those of all tasks that read at once, which share it."""


class Held(msgspec.Struct, frozen=True):
    """A claim: the id of its task, and its token."""

    id: str
    token: str


async def load(conn: psycopg.AsyncConnection, asked: Sequence[tuple[Held, Load]]) -> list[Answer]:
    """What is stored of each task."""
    rows: dict[int, list[Row]] = {}
    versions: dict[int, str | None] = {}
    held = [claim for claim, _ in asked]
    params = {**claims_of(held), "max_bytes": min(MAX_LOADED_BYTES, MAX_BATCH_BYTES // len(held))}
    for number, name, occurrence, kind, outcome, result, size, taken, version in await all_rows(
        conn, sql("load_steps"), params, prepare=True
    ):
        of_task = rows.setdefault(number, [])
        if name is not None:
            if not of_task:
                versions[number] = version
            of_task.append(Row(name, occurrence, kind, outcome, result, size, taken))
    return [
        Loaded(rows[number], versions.get(number)) if number in rows else Lost()
        for number in range(1, len(asked) + 1)
    ]


async def fetch(conn: psycopg.AsyncConnection, asked: Sequence[tuple[Held, Fetch]]) -> list[Answer]:
    """Results that were left out."""
    answers = list[Answer]()
    for claim, one in asked:
        params = {"id": claim.id, "name": one.name, "occurrence": one.occurrence}
        result = await first_value(conn, sql("fetch_step"), params, prepare=True)
        answers.append(Lost() if result is None else Text(result))
    return answers


async def store(conn: psycopg.AsyncConnection, asked: Sequence[tuple[Held, Store]]) -> list[Answer]:
    """Stores results of steps."""
    params = {
        **claims_of([claim for claim, _ in asked]),
        "names": text_array([one.name for _, one in asked]),
        "occurrences": [one.occurrence for _, one in asked],
        "kinds": text_array([one.kind for _, one in asked]),
        "results": text_array([one.result for _, one in asked]),
        "seconds": float_array([one.seconds for _, one in asked]),
        "versions": text_array([one.version for _, one in asked]),
    }
    held = {row[0] for row in await all_rows(conn, sql("store_steps"), params, prepare=True)}
    return [Stored() if number in held else Lost() for number in range(1, len(asked) + 1)]


async def wait(conn: psycopg.AsyncConnection, asked: Sequence[tuple[Held, Wait]]) -> list[Answer]:
    """Begins waits, or looks whether they are over."""
    params = {
        **claims_of([claim for claim, _ in asked]),
        "names": text_array([one.name for _, one in asked]),
        "occurrences": [one.occurrence for _, one in asked],
        "kinds": text_array([one.kind for _, one in asked]),
        "signals": text_array([msgspec.json.encode(one.names).decode() for _, one in asked]),
        "children": [one.child for _, one in asked],
        "seconds": float_array([one.seconds for _, one in asked]),
        "versions": text_array([one.version for _, one in asked]),
    }
    rows = await all_rows(conn, sql("wait"), params, prepare=True)
    return [_waited(one, *row[1:]) for (_, one), row in zip(asked, sorted(rows), strict=True)]


async def signal(conn: psycopg.AsyncConnection, task_id: str, name: str, value: str) -> str:
    """Sends a signal to a task; `value` is JSON text. Returns `sent`, or why not: `unknown`, `ended`, `full`."""
    return await first_value(conn, sql("signal"), {"id": task_id, "name": name, "value": value})


def _waited(one: Wait, outcome: str, result: str | None, taken: str | None) -> Answer:
    if outcome == "lost":
        return Lost()
    kind = cast("Kind", taken if outcome == "other" else one.kind)
    ended = None if outcome in {"waiting", "other"} else cast("Outcome", outcome)
    return Row(one.name, one.occurrence, kind, ended, result, len(result or ""), taken)


def claims_of(held: Sequence[Held]) -> dict[str, object]:
    """As parameters."""
    return {"ids": uuid_array([one.id for one in held]), "tokens": uuid_array([one.token for one in held])}
