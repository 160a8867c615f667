"""The page of notification rules."""

import httpx
import pytest

from lapinq_core.alerts import messages
from lapinq_core.domain.webhooks.webhook import Undelivered
from tests.support.database.running import on_connections
from tests.support.rows.factories import Conn

pytestmark = pytest.mark.http

RULES = "/api/v1/notify/rules"
REFUSAL = "the certificate of localhost is not trusted: self-signed certificate"


def test_it_says_why_a_message_was_not_accepted_until_one_is(
    signed_in: httpx.Client, api_database: str
) -> None:
    values = {"name": "On call", "kind": "mail", "addresses": ["lisa@example.org"], "events": ["backlog"]}
    rule = signed_in.post(RULES, json=values).json()["id"]

    def try_with(failure: Undelivered | None) -> str:
        async def send(conn: Conn) -> None:
            due = await messages.take(conn, lease=30)
            assert due is not None
            if failure:
                await messages.failed(conn, due, failure, 0)
            else:
                await messages.sent(conn, due, None)

        signed_in.post(f"{RULES}/{rule}/test")
        on_connections(api_database, send)
        return signed_in.get("/admin/notifications").text

    assert try_with(Undelivered(REFUSAL)).count(REFUSAL) == 2, "of the rule and of the notice"
    assert REFUSAL not in try_with(None)
