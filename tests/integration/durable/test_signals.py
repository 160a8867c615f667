"""Signals that are sent from SQL, and by requests: what they do, and why they are refused."""

import uuid

import psycopg
import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.durable import links, signals
from lapinq_core.durable.links import Closed, NotOpen, QuestionChanged
from lapinq_core.durable.signals import NoSuchTask, SignalRefused
from lapinq_core.intake.idempotency import Key
from tests.support.rows.decisions import asking
from tests.support.rows.factories import SOMEBODY, Conn, claim, complete, enqueue

SIGNAL = "SELECT lapinq_signal(%s, 'go', '{\"by\": \"eva\"}')"
FULL = """
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, result, started_at, attempt)
    SELECT %s, 'x', nextval('lapinq_signal_seq'), 'sent', 'null', lapinq_now(), 0 FROM generate_series(1, %s)
"""


async def sent(conn: Conn) -> list[tuple[str, str]]:
    rows = await all_rows(
        conn, "SELECT name, result FROM lapinq_steps WHERE kind = 'sent' ORDER BY occurrence"
    )
    return [(name, value) for name, value in rows]


async def test_the_function_sends_or_says_why_not(conn: Conn, worker: str) -> None:
    waiting, ended = await enqueue(conn, 2)
    await complete(conn, [one for one in await claim(conn, worker, 2) if one.id == ended])
    await conn.execute(SIGNAL, (waiting,))
    await conn.execute("SELECT lapinq_signal(%s, 'go')", (waiting,))
    assert await sent(conn) == [("go", '{"by": "eva"}'), ("go", "null")]
    for task_id, state in ((str(uuid.uuid4()), "P0002"), (ended, "55000")):
        with pytest.raises(psycopg.Error, match=task_id) as refused:
            await conn.execute(SIGNAL, (task_id,))
        assert refused.value.sqlstate == state
    await conn.execute(FULL, (waiting, signals.MAX_WAITING - 2))
    with pytest.raises(psycopg.Error, match="10000 signals") as refused:
        await conn.execute(SIGNAL, (waiting,))
    assert refused.value.sqlstate == "54000"


async def test_a_key_sends_once_and_a_refusal_uses_none_up(conn: Conn, worker: str) -> None:
    waiting, ended = await enqueue(conn, 2)
    await complete(conn, [one for one in await claim(conn, worker, 2) if one.id == ended])
    key = Key("k", b"digest")
    for task_id, error in ((str(uuid.uuid4()), NoSuchTask), (ended, SignalRefused)):
        with pytest.raises(error):
            await signals.send(conn, task_id, "go", "1", key=key, by=SOMEBODY)
    assert (await signals.send(conn, waiting, "go", "1", key=key, by=SOMEBODY))[0] is None
    earlier, _ = await signals.send(conn, waiting, "go", "1", key=key, by=SOMEBODY)
    assert earlier is not None
    assert (earlier.is_same, earlier.task_ids) == (True, [waiting])
    assert await sent(conn) == [("go", "1")]
    noted = await all_rows(conn, "SELECT action, target, details FROM lapinq_audit")
    assert noted == [("task.signal", waiting, {"signal": "go"})]


async def test_a_signal_to_an_open_decision_has_to_fit_its_form_and_closes_it(conn: Conn) -> None:
    schema = {"properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}
    task, token = await asking(conn, schema=schema, title="Pay 42?")
    asked = (await links.open_decisions(conn, [task]))[0]
    for value, field in (("true", "value"), ("{}", "approved"), ('{"approved": 1}', "approved")):
        with pytest.raises(InvalidValue) as refused:
            await signals.send(conn, task, "approve", value, by=SOMEBODY)
        assert refused.value.loc == field
    with pytest.raises(QuestionChanged):
        await signals.send(
            conn, task, "approve", '{"approved": true}', by=SOMEBODY, shown="of another question"
        )
    assert await sent(conn) == []
    told = {"value": "…"}
    await signals.send(
        conn, task, "approve", '{"approved": true}', by=SOMEBODY, shown=asked.digest, audited=told
    )
    with pytest.raises(NotOpen) as closed:
        await links.find(conn, token)
    assert (closed.value.why, closed.value.by) == (Closed.DECIDED, SOMEBODY.actor)
    assert await links.open_decisions(conn, [task]) == []
    await signals.send(conn, task, "approve", "2", by=SOMEBODY)  # without a decision
    assert await sent(conn) == [("approve", '{"approved": true}'), ("approve", "2")]
    noted = await all_rows(conn, "SELECT action, details FROM lapinq_audit ORDER BY id")
    assert noted == [
        ("task.decide", {"signal": "approve", "value": "…"}),
        ("task.signal", {"signal": "approve"}),
    ]
