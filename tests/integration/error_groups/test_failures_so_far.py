"""The failed tasks that an upgrade finds are grouped as workers group those that follow."""

from importlib.resources import files

from lapinq_core.error_groups import groups
from lapinq_core.error_groups.groups import GroupFilter
from lapinq_core.error_groups.recording import record
from tests.integration.tasks.actions.test_bulk import fail
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.rows.factories import Conn
from tests.support.rows.failures import failures

SCRIPT = files("lapinq_migrations.versions").joinpath("dashboard/failures_so_far.sql")
ERRORS = (
    "KeyError: 'a'",
    "row 01a139ff-cc90-7ed3-8d2c-21991e3bef5e of 1,024",
    'bad cafe 12ab "x" 5%',
    "ñ: ü" * 100,
)


async def test_they_are_in_the_groups_that_count_on(conn: Conn) -> None:
    for error in ERRORS:
        await fail(conn, 2, f"{error}\nmore", queue_name="mail", task_name="send")
    await one_of_each(conn, "each")
    (old,) = await fail(conn, 1, "old", queue_name="mail")
    await conn.execute(
        "UPDATE lapinq_attempts SET finished_at = finished_at - interval '31 days' WHERE task_id = %s", (old,)
    )
    async with conn.transaction():
        await conn.execute(SCRIPT.read_bytes())
    news = [await record(conn, [failures(error, queue="mail", task="send")]) for error in ERRORS]
    assert news == [[]] * len(ERRORS)
    found, _ = await groups.list_groups(conn, GroupFilter(queue="mail"))
    assert [(group.failed, group.state) for group in found] == [(3, "open")] * len(ERRORS)
    each, _ = await groups.list_groups(conn, GroupFilter(queue="each"))
    assert [group.failed for group in each] == [1]
