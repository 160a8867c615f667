"""The outbox: which rules get a notice of which news, and what happens when it is full."""

import pytest

from lapinq_core.alerts import outbox
from lapinq_core.db.rows import all_rows
from lapinq_core.domain.alerts.news import NewError, News, RegressedError
from tests.support.rows.alerts import add_rule, notices
from tests.support.rows.factories import Conn


def error(queue: str = "mail", group: int = 1) -> NewError:
    return NewError(
        queue_name=queue, task_name="send", group_id=group, kind="KeyError: *", error="KeyError: 'a'"
    )


async def test_news_goes_to_the_enabled_rules_that_ask_for_its_event_and_queue(conn: Conn) -> None:
    await add_rule(conn, name="all")
    await add_rule(conn, name="off", is_enabled=False)
    await add_rule(conn, name="regressed", events=["error.regressed"])
    await add_rule(conn, name="mail", queues=["mail"])
    back = RegressedError(queue_name="other", task_name="send", group_id=2, kind="k", error="e")
    news: list[News] = [error(), back]
    assert await outbox.store_news(conn, news) == 4
    stored = [(rule, event) for rule, event, _ in await notices(conn)]
    assert stored == [
        ("all", "error.new"),
        ("all", "error.regressed"),
        ("regressed", "error.regressed"),
        ("mail", "error.new"),
    ]


async def test_a_full_outbox_counts_what_it_leaves_out(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_PENDING", 3)
    await add_rule(conn)
    assert await outbox.store_news(conn, [error(group=number) for number in (1, 2)]) == 2
    assert await outbox.store_news(conn, [error(group=number) for number in (3, 4, 5)]) == 1
    assert [details["group_id"] for _, _, details in await notices(conn)] == [1, 2, 3]
    assert await all_rows(conn, "SELECT left_out FROM lapinq_notify_rules") == [(2,)]
