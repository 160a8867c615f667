"""Workers count failures in groups at the same time, and a resolved group regresses at its next failure."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import pytest

from lapinq_core.domain.alerts.news import NewError, RegressedError
from lapinq_core.domain.error_groups import COUNT_SPANS, MAX_SAMPLES, GroupState
from lapinq_core.error_groups import changing, groups, recording
from lapinq_core.error_groups.groups import ErrorGroup, GroupFilter
from lapinq_core.error_groups.recording import grouped, record
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.alerts import add_rule, notices
from tests.support.rows.factories import SOMEBODY, Conn, Connections
from tests.support.rows.failures import failures

TRACEBACK = """Traceback (most recent call last):
  File "/app/shop/mail.py", line 42, in send
    smtp.send(letter)
    ~~~~~~~~~^^^^^^^^
  File "/usr/lib/python3.13/smtplib.py", line 9, in send
    raise error
ValueError: no 1
"""


async def only(conn: Conn) -> ErrorGroup:
    """The group there is."""
    (group,), matching = await groups.list_groups(conn, GroupFilter())
    assert matching == 1
    return group


async def sums(conn: Conn) -> list[tuple[int, int, int]]:
    """Of each span: failed and retried."""
    cursor = await conn.execute(
        "SELECT span, sum(failed)::int, sum(retried)::int FROM lapinq_error_counts GROUP BY span ORDER BY span"
    )
    return await cursor.fetchall()


def news(changed: Sequence[NewError | RegressedError]) -> tuple[int, int]:
    """How many groups are new, and how many regressed."""
    return sum(type(each) is NewError for each in changed), sum(
        type(each) is RegressedError for each in changed
    )


async def test_failures_add_up_in_a_group_that_knows_the_last_of_them(conn: Conn) -> None:
    assert await record(conn, []) == []
    old, new = str(uuid4()), str(uuid4())
    first = failures("ValueError: no 1", retried=2, ago=60, task_id=old, traceback=TRACEBACK)
    assert news(await record(conn, [first], worker="w-1", release="1.0")) == (1, 0)
    more = failures("ValueError: no 22\nand more", failed=0, retried=1, task_id=new, traceback=TRACEBACK)
    assert not await record(conn, [more], worker="w-2", release="1.0")
    group = await only(conn)
    assert (group.queue_name, group.task_name, group.kind) == ("mail", "send", "ValueError: no *")
    assert (group.state, group.failed, group.retried) == (GroupState.OPEN, 1, 3)
    assert (group.sample_task, group.sample_error) == (new, "ValueError: no 22\nand more")
    assert group.place == "mail.py send: smtp.send(letter)"
    assert group.samples == ["ValueError: no 22", "ValueError: no 1"]
    assert group.sample_frame == "/app/shop/mail.py:42 in send\nsmtp.send(letter)"
    assert (group.workers, group.releases) == (["w-2", "w-1"], ["1.0"])
    assert 59 < (group.last_at - group.first_at).total_seconds() < 61
    assert await sums(conn) == [(span, 1, 3) for span in COUNT_SPANS]


async def test_ten_workers_and_releases_are_kept(conn: Conn) -> None:
    for number in [*range(12), 5]:
        await record(conn, [failures()], worker=f"w-{number}", release=f"{number}")
    group = await only(conn)
    assert group.workers == [f"w-{number}" for number in (5, 11, 10, 9, 8, 7, 6, 4, 3, 2)]
    assert group.releases == [name[2:] for name in group.workers]


async def test_a_group_outlives_the_tasks_it_counted_and_finds_them_by_their_error(conn: Conn) -> None:
    await record(conn, [failures("ValueError: 'a'", task_id=str(uuid4()))])
    found = await groups.of_error(conn, "mail", "send", "ValueError: 'b'\nmore")
    assert found == await only(conn)
    assert await groups.of_error(conn, "mail", "other", "ValueError: 'b'") is None


async def test_errors_of_one_place_are_a_group_that_shows_what_varies(conn: Conn) -> None:
    some = [
        failures(f"CardDeclined: card of {name} declined", traceback=TRACEBACK)
        for name in ("acme", "globex", "initech", "umbrella", "hooli", "stark")
    ]
    await record(conn, grouped(some))
    group = await only(conn)
    assert (group.kind, group.failed) == ("CardDeclined: card of * declined", 6)
    assert group.samples[0] == "CardDeclined: card of stark declined"
    assert len(group.samples) == MAX_SAMPLES


async def test_what_is_new_to_a_task_function_with_many_groups_counts_in_that_of_the_others(
    conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_GROUPS_OF_TASK", 3)
    errors = [f"E{letter}: x" for letter in "ABCDEFGH"]
    told = [await record(conn, [failures(error) for error in some]) for some in (errors[:5], errors)]
    assert [len(each) for each in told] == [4, 0]
    await record(conn, [failures("EZ: x", task="other")])
    found, _ = await groups.list_groups(conn, GroupFilter(part="send"), descending=False)
    assert sorted(group.failed for group in found) == [2, 2, 2, 7]
    (rest,) = (group for group in found if group.is_rest)
    assert (rest.failed, rest.place, len(rest.samples)) == (7, None, MAX_SAMPLES)
    assert await groups.of_error(conn, "mail", "send", "EY: never counted") == rest
    # Groups that have not failed for long leave room.
    await conn.execute("UPDATE lapinq_error_groups SET last_at = last_at - interval '8 days'")
    assert len(await record(conn, [failures("ENew: x")])) == 1


async def test_groups_of_earlier_releases_go_on_with_their_state(conn: Conn) -> None:
    """They were told apart by their messages; what somebody muted then stays muted alone."""
    acme, globex, hooli = (f"CardDeclined: card of {name} declined" for name in ("acme", "globex", "hooli"))
    for error in (acme, globex):
        await record(conn, [failures(error)])  # without a place, as they were
    by_kind = {group.kind: group.id for group in (await groups.list_groups(conn, GroupFilter()))[0]}
    await changing.mute(conn, by_kind[globex], None, "known", by=SOMEBODY)
    for error in (globex, acme, hooli):
        assert not await record(conn, [failures(error, traceback=TRACEBACK)])
    found = {group.id: group for group in (await groups.list_groups(conn, GroupFilter()))[0]}
    assert (found[by_kind[globex]].failed, found[by_kind[globex]].kind) == (2, globex)
    group = found[by_kind[acme]]
    assert (group.failed, group.kind) == (3, "CardDeclined: card of * declined")
    assert [each.kind for each in await groups.merged_into(conn, group.id)] == [acme]
    for error, expected in ((acme, group.id), (hooli, group.id), (globex, by_kind[globex])):
        seen = await groups.of_error(conn, "mail", "send", error, TRACEBACK)
        assert seen is not None
        assert seen.id == expected


async def resolve(conn: Conn, number: int) -> None:
    await changing.resolve(conn, number, by=SOMEBODY)


async def mute(conn: Conn, number: int) -> None:
    await changing.mute(conn, number, None, "known", by=SOMEBODY)


async def mute_a_moment(conn: Conn, number: int) -> None:
    await changing.mute(conn, number, 0.0, None, by=SOMEBODY)


async def reopen(conn: Conn, number: int) -> None:
    await changing.resolve(conn, number, by=SOMEBODY)
    await changing.reopen(conn, number, by=SOMEBODY)


async def test_what_the_next_failure_makes_of_a_group(conn: Conn) -> None:
    for task, (change, ago, then) in enumerate(
        (
            (resolve, 0.0, GroupState.REGRESSED),
            (resolve, 60.0, GroupState.RESOLVED),
            (mute, 0.0, GroupState.MUTED),
            (mute_a_moment, 0.0, GroupState.OPEN),
            (reopen, 0.0, GroupState.OPEN),
        )
    ):
        name = f"{task}"
        await record(conn, [failures(task=name)])
        before = await groups.of_error(conn, "mail", name, "ValueError: no 1")
        assert before is not None
        await change(conn, before.id)
        assert news(await record(conn, [failures(task=name, ago=ago)])) == (0, then is GroupState.REGRESSED)
        group = await groups.of_error(conn, "mail", name, "ValueError: no 1")
        assert group is not None
        assert (group.state, group.failed) == (then, 2), (change, ago)
        assert news(await record(conn, [failures(task=name)])) == (0, then is GroupState.RESOLVED)


async def test_workers_that_write_the_same_groups_at_once_neither_lose_nor_block_each_other(
    connections: Connections,
) -> None:
    conns = await connections(2)
    some = [failures(f"E{chr(65 + number)}: x") for number in range(20)]

    async def write(conn: Conn, order: int) -> int:
        return sum([len(await record(conn, some[::order])) for _ in range(20)])

    written = await asyncio.gather(*(write(conn, order) for conn, order in zip(conns, (1, -1), strict=True)))
    assert sum(written) == 20
    found, _ = await groups.list_groups(conns[0], GroupFilter())
    assert [group.failed for group in found] == [40] * 20
    assert await sums(conns[0]) == [(span, 800, 0) for span in COUNT_SPANS]


async def test_of_a_failure_and_a_resolve_the_one_that_waited_counts(connections: Connections) -> None:
    operator, worker, watcher = await connections(3)
    await record(worker, [failures()])
    number = (await only(worker)).id
    async with operator.transaction():
        await changing.resolve(operator, number, by=SOMEBODY)
        writing = asyncio.create_task(record(worker, [failures()]))
        await eventually_async(lambda: is_held_up(watcher, worker))
    assert news(await writing) == (0, 1)
    assert (await only(operator)).state is GroupState.REGRESSED
    async with worker.transaction():
        await record(worker, [failures()])
        resolving = asyncio.create_task(changing.resolve(operator, number, by=SOMEBODY))
        await eventually_async(lambda: is_held_up(watcher, operator))
    group = await resolving
    assert group is not None
    assert (group.state, group.failed) == (GroupState.RESOLVED, 3)


async def test_rules_are_told_of_new_and_regressed_groups(conn: Conn) -> None:
    await add_rule(conn)
    await record(conn, [failures("ValueError: no 1\nand more")])
    group = await only(conn)
    await record(conn, [failures()])
    await changing.resolve(conn, group.id, by=SOMEBODY)
    await record(conn, [failures()])
    of_group = {"queue_name": "mail", "task_name": "send", "group_id": group.id, "kind": "ValueError: no *"}
    assert [(event, details) for _, event, details in await notices(conn)] == [
        (event, {**of_group, "event": event, "error": "ValueError: no 1"})
        for event in ("error.new", "error.regressed")
    ]
