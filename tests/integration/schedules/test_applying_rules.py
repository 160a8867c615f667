"""Rules that modules declare are stored, changed back, kept when they are gone, and left where they are another's."""

import asyncio
from typing import Any

import pytest

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.domain.limits.declared import DeclaredBreaker, DeclaredLimit, DeclaredPolicy, Rule
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.limits import breakers, named_limits, policies
from lapinq_core.schedules import schedules
from lapinq_core.schedules.applying import KeptElsewhere, StillTaken, apply
from lapinq_core.schedules.comparing import Gone, Others, Step, Wanted, WantedRule
from lapinq_core.tasks import queues
from tests.support.rows.factories import SOMEBODY, Conn, Connections, enqueue
from tests.support.rows.schedules import definition

MODULE, OTHER = "module:app.tasks", "module:app.other"
LIMIT = DeclaredLimit(name="mailer", rate=Rate(60, 60, 60))
POLICY = DeclaredPolicy(
    name="imports",
    max_running=20,
    rate_per_key=Rate(5, 1.5, 10),
    order=StartOrder.FAIR,
    weights={"gold": 3},
    breaker=BreakerRule(failures_in_row=5),
)
BREAKER = DeclaredBreaker(name="send", failure_share=0.5)
ALL = (LIMIT, POLICY, BREAKER)
NAMES = ["limit mailer", "policy imports", "breaker send"]


async def applied(
    conn: Conn, *wanted: Rule | Wanted, source: str = MODULE, gone: Gone = Gone.PAUSED, **how: Any
) -> list[Step]:
    given = [one if isinstance(one, Wanted) else WantedRule(rule=one, source=source) for one in wanted]
    return await apply(conn, given, [source], by=SOMEBODY, gone=gone, **how)


async def done(conn: Conn, *wanted: Rule | Wanted, **how: Any) -> dict[str, str]:
    return {step.label: step.action.value for step in await applied(conn, *wanted, **how)}


async def sources(conn: Conn) -> list[Any]:
    rows = await all_rows(
        conn,
        "SELECT name, source FROM lapinq_limits"
        " UNION ALL SELECT name, source FROM lapinq_circuit_breakers WHERE kind = 'task'"
        " UNION ALL SELECT name, policy_source FROM lapinq_queues ORDER BY 1",
    )
    return list(rows)


async def test_rules_are_stored_once_changed_back_and_kept_when_they_are_gone(conn: Conn) -> None:
    dry = await applied(conn, *ALL, is_dry=True)
    assert await sources(conn) == []
    assert await applied(conn, *ALL) == dry
    assert [(step.label, step.action) for step in dry] == [(name, "created") for name in NAMES]
    assert await sources(conn) == [("imports", MODULE), ("mailer", MODULE), ("send", MODULE)]
    changes = "SELECT count(*) FROM lapinq_audit"
    assert await first_value(conn, changes) == 3
    assert await done(conn, *ALL) == dict.fromkeys(NAMES, "unchanged")
    assert await first_value(conn, changes) == 3

    # What a person sets by hand stays theirs until the next time.
    await named_limits.set_limit(conn, "mailer", 3, Rate(60, 60, 60), by=SOMEBODY)
    await policies.change(conn, "imports", {"max_running": 5, "breaker": None}, by=SOMEBODY)
    await breakers.put_task_breaker(conn, "send", BreakerRule(failures_in_row=1), by=SOMEBODY)
    assert await sources(conn) == [("imports", MODULE), ("mailer", MODULE), ("send", MODULE)]
    assert [step.changes for step in await applied(conn, *ALL)] == [
        {"max_running": [3, None]},
        {"max_running": [5, 20], "breaker": [None, BreakerRule(failures_in_row=5)]},
        {"failures_in_row": [1, None], "failure_share": [None, 0.5]},
    ]
    await named_limits.delete_limit(conn, "mailer", by=SOMEBODY)
    assert await done(conn, *ALL) == {**dict.fromkeys(NAMES, "unchanged"), "limit mailer": "created"}

    # A pause is an operator's, whatever the policy.
    await queues.pause(conn, "imports", None, by=SOMEBODY)
    assert await done(conn, POLICY) == {
        "policy imports": "unchanged",
        "limit mailer": "gone",
        "breaker send": "gone",
    }
    limit, breaker = (
        await named_limits.get_limit(conn, "mailer"),
        await breakers.get_breaker(conn, "task", "send"),
    )
    assert limit is not None
    assert breaker is not None
    await enqueue(conn, limits={"mailer": 1})
    for is_dry in (True, False):
        with pytest.raises(StillTaken, match="waiting tasks still take from limit mailer"):
            await applied(conn, gone=Gone.DELETED, is_dry=is_dry)
    forced = await done(conn, gone=Gone.DELETED, others=Others.TAKEN)
    assert forced == dict.fromkeys(NAMES, "deleted")
    queue = await queues.get_queue(conn, "imports")
    assert queue is not None
    assert (queue.policy, queue.paused_by) == (policies.QueuePolicy(), "lisa")
    assert await sources(conn) == [("imports", None)]
    assert await done(conn) == {}


async def test_what_is_made_by_hand_is_refused_left_or_taken_over_and_what_moves_is_taken(conn: Conn) -> None:
    await named_limits.set_limit(conn, "mailer", 1, None, by=SOMEBODY)
    await policies.change(conn, "imports", {"max_running": 1}, by=SOMEBODY)
    await queues.pause(conn, "mail", None, by=SOMEBODY)  # a queue without a policy
    mail = DeclaredPolicy(name="mail", max_running=5)
    with pytest.raises(KeptElsewhere, match=r"limit mailer \(by hand\), policy imports \(by hand\)"):
        await applied(conn, *ALL, mail)
    assert await breakers.get_breaker(conn, "task", "send") is None
    left = {"limit mailer": "elsewhere", "policy imports": "elsewhere", "policy mail": "created"}
    assert await done(conn, *ALL, mail, others=Others.LEFT) == {**left, "breaker send": "created"}
    limit = await named_limits.get_limit(conn, "mailer")
    assert limit is not None
    assert (limit.max_running, limit.source) == (1, None)
    steps = await applied(conn, *ALL, mail, others=Others.TAKEN)
    assert [step.changes["source"] for step in steps if step.changes] == [[None, MODULE]] * 2
    moved = await applied(conn, BREAKER, source=OTHER)
    assert [(step.action, step.changes) for step in moved] == [("changed", {"source": [MODULE, OTHER]})]
    assert "breaker send" not in await done(conn)


async def test_a_schedule_may_take_from_a_new_limit_and_a_refused_one_changes_no_rule(conn: Conn) -> None:
    def scheduled(name: str) -> Wanted:
        return Wanted(definition=definition(name, limits={"mailer": 1}), source=MODULE)

    await schedules.create(conn, definition("by hand"), by=SOMEBODY)
    with pytest.raises(KeptElsewhere):
        await applied(conn, LIMIT, scheduled("by hand"))
    assert await sources(conn) == []
    assert await done(conn, LIMIT, scheduled("nightly")) == {"limit mailer": "created", "nightly": "created"}


async def test_several_at_once_store_each_rule_once(connections: Connections) -> None:
    conns = await connections(4)
    answers = await asyncio.gather(*(applied(conn, *ALL) for conn in conns))
    for number in range(len(ALL)):
        actions = sorted(steps[number].action.value for steps in answers)
        assert actions == ["created", *["unchanged"] * 3]
    assert await first_value(conns[0], "SELECT count(*) FROM lapinq_audit") == 3
    assert await first_value(conns[0], "SELECT count(*) FROM lapinq_queues WHERE fence < 0") == 0
