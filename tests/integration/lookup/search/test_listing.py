"""Listing whole tasks: a filter without an index is answered page by page, each within its time."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search import listing
from lapinq_core.tasks.filters import TaskFilter, containing
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.rows.factories import Conn, enqueue


async def test_pages_of_a_slow_filter_end_in_time_and_lead_to_every_match(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rare = [(await enqueue(conn, task_name="rare"))[0]]
    await enqueue(conn, 20)
    rare += await enqueue(conn, 2, task_name="rare")
    await enqueue(conn, 20)
    chosen = TaskFilter(task_name=containing("RARE"))
    assert await pages(conn, chosen, limit=2) == [rare[:0:-1], rare[:1]]
    assert await pages(conn, chosen, limit=3) == [rare[::-1]]
    # Each page has time for one batch of two tasks.
    monkeypatch.setattr("lapinq_core.lookup.search.backward_scan.Clock.next_size", two)
    monkeypatch.setattr("lapinq_core.lookup.search.backward_scan.Clock.left", one_turn())
    brief = await pages(conn, chosen, limit=5, window=2)
    assert [one for page in brief for one in page] == rare[::-1]
    assert len(brief) > 20
    monkeypatch.undo()
    with pytest.raises(DatabaseUnavailable):
        await listing.list_tasks(conn, chosen, 5, seconds=0)


def two(*_: object) -> int:
    return 2


def one_turn() -> Callable[[object], float]:
    turn = 0

    def left(_: object) -> float:
        nonlocal turn
        turn += 1
        return 60.0 if turn % 2 else 0.0

    return left


async def pages(conn: Conn, chosen: TaskFilter, **given: Any) -> list[list[str]]:
    found: list[list[str]] = []
    before: str | None = None
    while not found or before:
        asked = msgspec.structs.replace(chosen, before=before)
        objects, before = await listing.list_tasks(conn, asked, **{"seconds": 60, **given})
        found.append([msgspec.json.decode(text)["id"] for text in objects])
    return found


async def test_a_page_of_a_slow_filter_that_would_be_too_large_is_cut(database: str, conn: Conn) -> None:
    await one_of_each(conn)
    ids = await enqueue(conn, 3, args=["x" * 2000], queue_name="large")
    chosen = TaskFilter(queue="large")
    assert await pages(conn, chosen, limit=5, max_bytes=3000) == [[one] for one in ids[::-1]]
    assert await pages(conn, TaskFilter(queue="large", status=Status.FAILED), limit=5) == [[]]
