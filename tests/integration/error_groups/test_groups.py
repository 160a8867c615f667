"""Groups of errors as lists show them: filters, orders, counts and trends."""

import time
from collections.abc import Iterator

import pytest

from lapinq_core.domain.error_groups import GroupState
from lapinq_core.error_groups import changing, groups, trends
from lapinq_core.error_groups.groups import GroupFilter, GroupOrder
from lapinq_core.error_groups.recording import record
from lapinq_core.people import audit
from lapinq_core.people.audit_filters import AuditFilter
from tests.support.database import postgres
from tests.support.database.running import on_connections
from tests.support.rows.factories import SOMEBODY, Conn
from tests.support.rows.failures import failures


async def fill(conn: Conn) -> None:
    """Six groups; in the order they were noticed: two open ones, one of each other state, one whose muting is over."""
    await record(conn, [failures("A: x", queue="mail", task="send_mail", failed=5, ago=300)])
    await record(conn, [failures("B: x", queue="mail", task="Send_%", failed=1, retried=1, ago=100)])
    for error in ("C", "D", "E", "F"):
        await record(conn, [failures(f"{error}: x", queue="video", task="cut", failed=3, ago=200)])
    by_kind = {group.kind: group.id for group in (await groups.list_groups(conn, GroupFilter()))[0]}
    await changing.resolve(conn, by_kind["C: x"], by=SOMEBODY)
    await record(conn, [failures("C: x", queue="video", task="cut", failed=3)])
    await changing.resolve(conn, by_kind["D: x"], by=SOMEBODY)
    await changing.mute(conn, by_kind["E: x"], 3600, None, by=SOMEBODY)
    await changing.mute(conn, by_kind["F: x"], 0, None, by=SOMEBODY)


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


LISTS: list[tuple[GroupFilter, GroupOrder, str]] = [
    (GroupFilter(), GroupOrder.ID, "FEDCBA"),
    (GroupFilter(), GroupOrder.FAILED, "CAFEDB"),
    (GroupFilter(), GroupOrder.RETRIED, "BFEDCA"),
    (GroupFilter(), GroupOrder.LAST, "CBFEDA"),
    (GroupFilter(queue="mail"), GroupOrder.FIRST, "BA"),
    (GroupFilter(part="send_"), GroupOrder.ID, "BA"),
    (GroupFilter(part="_%"), GroupOrder.ID, "B"),
    (GroupFilter(states=(GroupState.OPEN,)), GroupOrder.ID, "FBA"),
    (GroupFilter(states=(GroupState.REGRESSED,)), GroupOrder.ID, "C"),
    (GroupFilter(states=(GroupState.RESOLVED,)), GroupOrder.ID, "D"),
    (GroupFilter(states=(GroupState.MUTED,)), GroupOrder.ID, "E"),
    (GroupFilter(queue="none"), GroupOrder.ID, ""),
]


async def test_lists(database: str, conn: Conn) -> None:
    for row in LISTS:
        chosen, order, kinds = row
        found, matching = await groups.list_groups(conn, chosen, order)
        assert ("".join(group.kind[0] for group in found), matching) == (kinds, len(kinds)), row
        ascending, _ = await groups.list_groups(conn, chosen, GroupOrder.ID, descending=False)
        assert [group.id for group in ascending] == sorted(group.id for group in found), row
        some, still_matching = await groups.list_groups(conn, chosen, order, 1)
        assert (some, still_matching) == (found[:1], matching), row
    found, _ = await groups.list_groups(conn, GroupFilter())
    after, matching = await groups.list_groups(conn, GroupFilter(before=found[1].id))
    assert (after, matching) == (found[2:], 4)


async def test_counts_by_state(database: str, conn: Conn) -> None:
    assert list((await groups.count_by_state(conn, GroupFilter())).values()) == [3, 1, 1, 1]
    assert list((await groups.count_by_state(conn, GroupFilter(queue="mail", part="send_m"))).values()) == [
        1,
        0,
        0,
        0,
    ]
    assert sum((await groups.count_active(conn)).values()) == 4


async def test_what_fails_most_lately_leaves_out_what_is_resolved_or_muted(database: str, conn: Conn) -> None:
    found = await trends.top(conn, 3600)
    assert [(each.group.kind, each.failed, each.retried) for each in found] == [
        ("C: x", 6, 0),
        ("A: x", 5, 0),
        ("F: x", 3, 0),
        ("B: x", 1, 1),
    ]
    assert [each.group.kind for each in await trends.top(conn, 7 * 86_400, readable={"mail"}, limit=1)] == [
        "A: x"
    ]
    assert [each.group.kind for each in await trends.top(conn, 250, task_name="cut")] == ["C: x", "F: x"]
    assert await trends.top(conn, 50, readable={"mail"}) == []


async def test_a_trend_ends_now(database: str, conn: Conn) -> None:
    found, _ = await groups.list_groups(conn, GroupFilter(queue="mail"))
    for bars in (trends.DAY, trends.FINE_DAY, trends.MONTH):
        seen = await trends.trends(conn, [group.id for group in found], bars)
        failed, retried = seen[found[0].id]
        assert (failed[-1] + failed[-2], retried[-1] + retried[-2]) == (1, 1), bars
        assert (sum(failed), len(failed), len(retried)) == (1, bars.points, bars.points), bars
        assert sum(seen[found[1].id][0]) == 5, bars


async def test_changes_are_recorded_once_with_who_made_them(conn: Conn) -> None:
    await record(conn, [failures()])
    ((group,), _) = await groups.list_groups(conn, GroupFilter())
    muted = await changing.mute(conn, group.id, 60, "known", by=SOMEBODY)
    assert muted is not None
    assert (muted.state, muted.state_by, muted.state_reason) == ("muted", SOMEBODY.actor, "known")
    assert muted.muted_until is not None
    assert 50 < muted.muted_until.timestamp() - time.time() < 70
    await changing.resolve(conn, group.id, by=SOMEBODY)
    resolved = await changing.resolve(conn, group.id, by=SOMEBODY)
    assert resolved is not None
    assert (resolved.state, resolved.state_reason, resolved.muted_until) == ("resolved", None, None)
    assert await changing.reopen(conn, group.id + 1, by=SOMEBODY) is None
    entries, _ = await audit.list_entries(conn, AuditFilter(), 9)
    of_group = {"queue": "mail", "task_name": "send", "kind": "ValueError: no *"}
    assert [(entry.action, entry.target, entry.details) for entry in entries] == [
        ("error.resolve", str(group.id), of_group),
        ("error.mute", str(group.id), {**of_group, "seconds": 60, "reason": "known"}),
    ]
