"""Who may use the database when."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from lapinq_api.overload.database import MAX_KEY_TURNS, Database
from lapinq_api.overload.fair_share import CALLER, Caller
from lapinq_api.wire.errors import NoTurn
from lapinq_core.batching import enqueue_batcher
from lapinq_core.batching.enqueue_batcher import EnqueueBatcher
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.domain.tasks.unique import Unique


async def test_a_flood_with_unique_keys_leaves_a_turn_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enqueue_batcher, "MAX_KEY_SECONDS", 0.0)
    database = Database("postgresql://nowhere.invalid", 10, caller_share=0.9)
    notifier = Notifier(database.pool)

    async def refusal(caller: Caller) -> Exception:
        CALLER.set(caller)
        task = NewTask(id=new_id(), task_name="send", module_path="app", unique=Unique(key=f"of {caller}"))
        with pytest.raises(DatabaseUnavailable) as refused:
            await batcher.put_all([task], 100)
        return refused.value

    async def flood() -> None:
        CALLER.set("flood")
        for _ in range(MAX_KEY_TURNS - 1):
            await turns.enter_async_context(database.key_turn(0))

    async with asyncio.TaskGroup() as group, AsyncExitStack() as turns:
        batcher = EnqueueBatcher(database, notifier, notifier, group)
        await asyncio.create_task(flood())
        refused = await asyncio.create_task(refusal("flood"))
        assert isinstance(refused, NoTurn)
        assert str(refused) == "too many requests with unique keys are running"
        refused = await asyncio.create_task(refusal("quiet"))
        assert str(refused) == "its schema is not ready yet", "it had its turn"
