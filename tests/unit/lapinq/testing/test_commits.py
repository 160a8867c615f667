"""Tasks enqueued in the caller's transaction: what a test sees of them before and after its end."""

import asyncio
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from lapinq import TaskQueue
from lapinq.testing import EnqueuedTasks, InlineTasks

queue = TaskQueue("http://192.0.2.1")
engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
rows_seen: list[int] = []


@queue.task
def count(_order: int) -> int:
    with Session(engine) as session:
        rows = session.scalar(sa.text("SELECT count(*) FROM orders")) or 0
    rows_seen.append(rows)
    return rows


@pytest.fixture
def session() -> Iterator[Session]:
    rows_seen.clear()
    with engine.begin() as conn:
        conn.execute(sa.text("DROP TABLE IF EXISTS orders"))
        conn.execute(sa.text("CREATE TABLE orders (id integer)"))
    with Session(engine) as session:
        yield session


def insert(session: Session, order: int) -> None:
    session.execute(sa.text("INSERT INTO orders VALUES (:id)"), {"id": order})


def test_a_task_runs_when_the_session_has_committed(session: Session, lapinq_inline: InlineTasks) -> None:
    insert(session, 1)
    ref = count.using(session).queue(1)
    queue.using(session).batch_enqueue([count.entry(2), count.entry(3)])
    assert (ref.status(), rows_seen) == ("pending", [])
    with session.begin_nested():
        insert(session, 2)
    assert rows_seen == []
    session.commit()
    assert (ref.result(), rows_seen) == (2, [2, 2, 2])
    count.using(session).queue(4)
    session.commit()
    assert rows_seen == [2, 2, 2, 2]


def test_a_rollback_takes_back_what_was_enqueued_in_it(
    session: Session, lapinq_captured: EnqueuedTasks
) -> None:
    once = count.options(idempotency_key="k")
    once.using(session).queue(1)
    session.rollback()
    insert(session, 1)
    once.using(session).queue(1)
    with session.begin_nested():
        count.using(session).queue(2)
        with session.begin_nested() as inner:
            count.using(session).queue(3)
            inner.rollback()
    with session.begin_nested() as outer:
        with session.begin_nested():
            count.using(session).queue(4)
        outer.rollback()
    session.commit()
    count.using(session).queue(5)
    session.close()  # without a commit
    assert [task.args for task in lapinq_captured] == [[1], [2]]


def test_a_rollback_of_a_connection_takes_back_what_was_enqueued_in_it(
    session: Session, lapinq_captured: EnqueuedTasks
) -> None:
    with engine.connect() as conn:
        count.using(conn).queue(1)
        conn.rollback()
        with conn.begin_nested() as outer:
            count.using(conn).queue(2)
            with conn.begin_nested():
                count.using(conn).queue(3)
            outer.rollback()
        count.using(conn).queue(4)
        with conn.begin_nested():
            count.using(conn).queue(5)
        conn.commit()
        count.using(conn).queue(6)  # without a commit
    with engine.connect() as conn:
        count.using(conn).queue(7)
        conn.commit()
    assert [task.args for task in lapinq_captured] == [[4], [5], [7]]


def test_a_scoped_session_and_a_connection_count_like_a_session(
    lapinq_inline: InlineTasks, session: Session
) -> None:
    scoped = scoped_session(sessionmaker(engine))
    count.using(scoped).queue(1)
    assert rows_seen == []
    scoped.commit()
    assert rows_seen == [0]
    scoped.remove()
    with engine.connect() as conn:
        ref = count.using(conn).queue(1)
        assert ref.status() == "pending"
        conn.commit()
        assert ref.status() == "completed"
    with pytest.raises(TypeError, match="use queue"):
        asyncio.run(count.using(session).aqueue(1))
    with pytest.raises(TypeError, match="await it"):
        count.using(AsyncSession()).queue(1)
