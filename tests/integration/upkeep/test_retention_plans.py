"""What a pass of the deletion of what is kept no longer touches: its batch, by keys, in tables however full."""

from collections.abc import Iterator

import pytest

from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks.bulk import FIRST, STEP_SETTINGS
from tests.integration.tasks.actions.test_bulk_plans import BATCH, COUNT, fill
from tests.support.database import postgres
from tests.support.database.plans import nodes, plan, scanned_whole, touched
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn


@pytest.fixture(scope="module")
def filled(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL of a database after `fill`."""
    with postgres.private_database(postgres_url, template_database) as url:
        on_connections(url, fill)
        yield url


@pytest.fixture
def database(filled: str) -> str:
    """What `conn` is connected to."""
    return filled


@pytest.mark.parametrize("keep", [0, 60], ids=["all deleted", "all kept"])
@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
async def test_a_pass_touches_its_window_alone(database: str, conn: Conn, status: Status, keep: int) -> None:
    async with conn.transaction(force_rollback=True):
        await conn.execute(STEP_SETTINGS)
        params = {"status": status.value, "keep": keep, "after": FIRST, "limit": BATCH}
        found = await plan(conn, "delete_ended", params)
    assert scanned_whole(found) == []
    # Each is looked for, found again with its task, and deleted with an attempt before it.
    assert BATCH <= touched(found) <= 7 * BATCH


async def test_ends_of_another_kind_are_passed_over_in_the_index(database: str, conn: Conn) -> None:
    await conn.execute("VACUUM lapinq_attempts_default")
    async with conn.transaction(force_rollback=True):
        await conn.execute(STEP_SETTINGS)
        params = {"status": "completed", "keep": 60, "after": FIRST, "limit": COUNT}
        found = await plan(conn, "delete_ended", params)
    ended = COUNT * 2 // 5
    (scan,) = [
        node
        for node in nodes(found)
        if node["Node Type"] == "Index Only Scan" and node["Actual Rows"] * node["Actual Loops"] == ended
    ]
    assert scan["Heap Fetches"] == 0
