"""Fixtures of the tests of a worker on a real database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.lapinq_worker.desk import Desk, Gate
from tests.support.event_loops import anyio_backend, nothing_is_left_unhandled, own_tasks
from tests.support.rows.factories import Conn

__all__ = ["anyio_backend", "nothing_is_left_unhandled"]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate, shut."""
    return Gate(tmp_path / "gate")


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    """Nothing may be left on the event loop at the end."""
    async with await Conn.open(database) as conn:
        yield Desk(conn, database)
    assert not own_tasks(), [task.get_name() for task in own_tasks()]
