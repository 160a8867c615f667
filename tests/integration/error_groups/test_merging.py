"""People merge groups of errors, and split what they merged."""

from uuid import uuid4

import pytest

from lapinq_core.db.rows import one_row
from lapinq_core.domain.error_groups import OTHER_KIND, GroupState
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.state import Status
from lapinq_core.error_groups import changing, groups, trends
from lapinq_core.error_groups.groups import ErrorGroup, GroupFilter
from lapinq_core.error_groups.recording import record
from lapinq_core.lookup.search.search import Search, search
from lapinq_core.people import audit
from lapinq_core.people.audit_filters import AuditFilter
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.rows.factories import SOMEBODY, Conn
from tests.support.rows.failures import failures


async def counted(conn: Conn, error: str, task: str = "add", queue: str = "default") -> ErrorGroup:
    """The group of an error, after it was counted."""
    await record(conn, [failures(error, queue=queue, task=task)])
    group = await groups.of_error(conn, queue, task, error)
    assert group is not None
    return group


async def test_a_merged_group_counts_in_the_other_until_it_is_split(database: str, conn: Conn) -> None:
    for error in ("A: x", "B: x", "B: x", "C: x"):
        await fail(conn, 1, error)
    a, b, c = [await counted(conn, error) for error in ("A: x", "B: x", "C: x")]
    await changing.resolve(conn, b.id, by=SOMEBODY)
    assert (await changing.merge(conn, c.id, b.id, by=SOMEBODY)) is not None
    merged = await changing.merge(conn, b.id, a.id, by=SOMEBODY)
    assert merged is not None
    assert (merged.id, merged.failed, merged.state, merged.kind) == (a.id, 3, "open", "* x")
    assert sum((await trends.trends(conn, [a.id]))[a.id][0]) == 3
    assert await groups.get(conn, b.id) is None
    assert (await counted(conn, "C: x")).id == a.id
    seen = await groups.merged_into(conn, a.id)
    assert sorted((each.kind, each.merged_by) for each in seen) == [
        ("B: x", SOMEBODY.actor),
        ("C: x", SOMEBODY.actor),
    ]

    async def failed(group: ErrorGroup) -> int:
        chosen = Search(status=Status.FAILED, error_groups=[group.id])
        return len((await search(conn, chosen, 10, seconds=10)).tasks)

    assert await failed(a) == 4
    [of_b] = [each for each in seen if each.kind == "B: x"]
    assert await changing.split(conn, c.id, of_b.fingerprint, by=SOMEBODY) is None
    own = await changing.split(conn, a.id, of_b.fingerprint, by=SOMEBODY)
    assert own is not None
    assert (own.kind, own.failed, own.state) == ("B: x", 0, "open")
    assert (await failed(a), await failed(own)) == (2, 2)
    assert (await counted(conn, "B: x")).id == own.id
    entries, _ = await audit.list_entries(conn, AuditFilter(), 3)
    assert [entry.action for entry in entries] == ["error.split", "error.merge", "error.merge"]


async def test_a_group_that_is_back_is_merged_again(conn: Conn) -> None:
    """A worker of the previous release, which knows no merges, makes a new group of a merged error; so does a write
    that waited for the merge."""
    a, b, c = [await counted(conn, error) for error in ("A: x", "B: x", "C: x")]
    assert await changing.merge(conn, a.id, b.id, by=SOMEBODY) is not None
    for into in (b, c):
        (back,) = await one_row(
            conn,
            "INSERT INTO lapinq_error_groups (fingerprint, queue_name, task_name, kind, first_at, last_at, failed)"
            " SELECT fingerprint, 'default', 'add', kind, merged_at, merged_at, 1 FROM lapinq_error_merges"
            " RETURNING id",
        )
        merged = await changing.merge(conn, back, into.id, by=SOMEBODY)
        assert merged is not None
        assert (await counted(conn, "A: x")).id == into.id
    assert await changing.merge(conn, c.id, b.id, by=SOMEBODY) is not None
    assert (await counted(conn, "A: x")).id == b.id


async def test_what_cannot_be_merged(conn: Conn) -> None:
    group, other, elsewhere = (
        await counted(conn, "A: x"),
        await counted(conn, "A: x", task="sub"),
        await counted(conn, "A: x", queue="other"),
    )
    rest = await counted(conn, OTHER_KIND)
    for one, into in (
        (group, group.id),
        (group, other.id),
        (group, elsewhere.id),
        (group, 10**9),
        (rest, group.id),
    ):
        with pytest.raises(InvalidValue, match="into"):
            await changing.merge(conn, one.id, into, by=SOMEBODY)
    assert await changing.merge(conn, 10**9, group.id, by=SOMEBODY) is None
    assert await changing.split(conn, group.id, uuid4().hex, by=SOMEBODY) is None
    assert len((await groups.list_groups(conn, GroupFilter()))[0]) == 4


async def test_the_same_error_in_other_queues(conn: Conn) -> None:
    here, there = await counted(conn, "A: x"), await counted(conn, "A: x", queue="other")
    for error, task in (("B: x", "add"), ("A: x", "sub")):
        await counted(conn, error, task=task, queue="other")
    assert [group.id for group in await groups.elsewhere(conn, here)] == [there.id]
    assert await groups.elsewhere(conn, here, {"default"}) == []
    await counted(conn, "B: x")
    assert [group.kind for group in await groups.beside(conn, here)] == ["B: x"]


async def test_types_of_errors(conn: Conn) -> None:
    for error, task, queue in (
        ("A: x", "add", "a"),
        ("A: y", "add", "a"),
        ("A: x", "sub", "b"),
        ("B: x", "add", "b"),
    ):
        await counted(conn, error, task, queue)
    rows = {
        each.type: (each.groups, each.functions, each.queues, each.failed)
        for each in await groups.list_types(conn, GroupFilter())
    }
    assert rows == {"A": (3, 2, 2, 3), "B": (1, 1, 1, 1)}
    assert [each.type for each in await groups.list_types(conn, GroupFilter(queue="a"))] == ["A"]
    found, matching = await groups.list_groups(conn, GroupFilter(type="A"))
    assert (len(found), matching) == (3, 3)
    assert (await groups.count_by_state(conn, GroupFilter(type="B")))[GroupState.OPEN] == 1
