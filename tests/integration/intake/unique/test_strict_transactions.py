"""A caller whose snapshot is older than the end of a key's holder stores its task, or is told to try again."""

from typing import LiteralString

import pytest
from psycopg.errors import SerializationFailure

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.tasks import worker_verbs
from lapinq_core.upkeep import unique_key_pruning
from tests.integration.intake.unique.enqueued import debounced, put_one, unique
from tests.support.rows.factories import Conn, Connections, add_worker, claim, complete

LEVELS: tuple[LiteralString, ...] = ("REPEATABLE READ", "SERIALIZABLE")


async def begin(conn: Conn, level: LiteralString) -> None:
    """The transaction sees what is committed now, and nothing later."""
    await conn.execute("BEGIN ISOLATION LEVEL " + level)
    await conn.execute("SELECT FROM lapinq_ready")


async def test_a_key_that_was_given_up_meanwhile_is_a_serialization_failure(connections: Connections) -> None:
    strict, other = await connections(2)
    worker = await add_worker(other)

    async def given_up(
        level: LiteralString, holder: NewTask, following: NewTask, *, is_running: bool = False
    ) -> None:
        await put_one(other, holder)
        held = await claim(other, worker) if is_running else []
        await begin(strict, level)
        held = held or await claim(other, worker)
        await complete(other, held)
        with pytest.raises(SerializationFailure):
            await put_one(strict, following)
        await strict.execute("ROLLBACK")
        await begin(strict, level)
        assert (await put_one(strict, following))[0] == "stored"
        await strict.execute("ROLLBACK")

    for level in LEVELS:
        await given_up(level, unique(), unique())
        await given_up(level, unique(), unique(), is_running=True)
        await given_up(level, unique(), unique(on_conflict="reject"), is_running=True)
        await given_up(level, unique(), unique(on_conflict="replace"), is_running=True)
        await given_up(level, unique(), unique(on_conflict="replace"))
        await given_up(level, unique("started"), unique("started"))
        await given_up(level, debounced(0.0), debounced())


async def test_a_key_that_is_held_is_met_and_its_task_may_end(connections: Connections) -> None:
    strict, other = await connections(2)
    worker = await add_worker(other)
    await other.execute("SET lock_timeout = '1s'")
    for level in LEVELS:
        _, task_id = await put_one(other, unique())
        held = await claim(other, worker)
        await begin(strict, level)
        await worker_verbs.report_progress(other, [(held[0].id, held[0].token, 50, None)])
        assert await put_one(strict, unique()) == ("existing", task_id)
        await complete(other, held)
        await strict.execute("COMMIT")


async def test_a_key_that_clean_up_has_deleted_meanwhile_is_free(connections: Connections) -> None:
    strict, other = await connections(2)
    await put_one(other, unique())
    await complete(other, await claim(other, await add_worker(other)))
    await other.execute("UPDATE lapinq_unique_keys SET taken_at = taken_at - interval '2 hours'")
    await begin(strict, "SERIALIZABLE")
    assert (await unique_key_pruning.prune(other))[0] == 1
    assert (await put_one(strict, unique()))[0] == "stored"
    await strict.execute("COMMIT")
