"""The page of notification rules."""

import re

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


def test_a_rule_is_edited_in_a_form_that_holds_it(signed_in: httpx.Client) -> None:
    values = {"name": "To change", "kind": "mail", "addresses": ["ada@example.org"], "events": ["backlog"]}
    rule = signed_in.post(RULES, json={**values, "queues": ["video"]}).json()["id"]
    page = signed_in.get("/admin/notifications", params={"edit": rule}).text
    assert f'data-to="api/v1/notify/rules/{rule}"' in page
    assert 'value="To change"' in page
    assert re.search(r"<textarea[^>]*>ada@example.org</textarea>", page)
    assert re.search(r"<textarea[^>]*>video</textarea>", page)
    for wrong, status in (("x", 400), ("99999", 404)):
        assert signed_in.get("/admin/notifications", params={"edit": wrong}).status_code == status
