"""The page of the audit log."""

import re

import httpx
import pytest

from lapinq_core.error_groups import groups
from lapinq_core.error_groups.groups import GroupFilter
from lapinq_core.error_groups.recording import record
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.rows.factories import Conn
from tests.support.rows.failures import failures

pytestmark = pytest.mark.http


def rows(client: httpx.Client, **params: str) -> list[str]:
    page = client.get("/admin/audit", params=params)
    assert page.status_code == 200
    return re.findall(r'<tr role="row" id="entry-.*?</tr>', page.text, re.DOTALL)


def test_an_entry_tells_who_did_what_on_what_from_where(signed_in: httpx.Client, queue: str) -> None:
    signed_in.post(f"/api/v1/queues/{queue}/pause", json={"reason": "out of stamps"})
    (html,) = rows(signed_in, action="queue.pause", target=queue)
    assert 'href="?actor=lapinq"' in html
    assert 'href="?action=queue.pause"' in html
    assert ">127.0.0.1</td>" in html
    assert re.search(r'<time datetime="[^"]+" data-as="clock">', html)
    assert "&#34;reason&#34;: &#34;out of stamps&#34;" in html
    assert f'href="../queue?name={queue.replace(" ", "%20")}"' in html


def test_a_target_with_an_id_is_called_by_its_name(
    signed_in: httpx.Client, api_database: str, queue: str
) -> None:
    async def fail(conn: Conn) -> int:
        await record(conn, [failures("ValueError: no 1", queue=queue)])
        ((group,), _) = await groups.list_groups(conn, GroupFilter(queue=queue))
        return group.id

    number = on_connections(api_database, fail)
    signed_in.post(f"/api/v1/errors/{number}/resolve")
    (html,) = rows(signed_in, target=str(number), action="error.resolve")
    assert f'href="?target={number}" title="Only changes to ValueError: no *">ValueError: no *</a>' in html
    assert f'href="../errors/{number}"' in html


def test_it_is_narrowed_down_by_actor_and_time(signed_in: httpx.Client, queue: str) -> None:
    with_key = signed_in.post("/api/v1/keys", json={"name": f"key of {queue}", "scopes": ["manage"]}).json()
    with browser(signed_in, None) as program:
        program.post(f"/api/v1/queues/{queue}/pause", headers={"X-API-Key": with_key["key"]})
    (html,) = rows(signed_in, actor=f"key of {queue}")
    assert '<span class="none">key</span>' in html
    assert len(rows(signed_in, since="2001-01-31T12:00")) > 1
    assert rows(signed_in, until="2001-01-31T12:00") == []
    page = signed_in.get("/admin/audit", params={"until": "2001-01-31T13:00:05+01:00"}).text
    assert 'name="until" value="2001-01-31T12:00:05"' in page
    assert "No entry matches." in page


def test_it_is_for_admins(signed_in: httpx.Client) -> None:
    person = add_user(signed_in)
    with browser(signed_in, person["username"], PASSWORD) as client:
        answer = client.get("/admin/audit")
        assert answer.status_code == 403
        assert "You may not see this page" in answer.text
        assert "admin/audit" not in client.get("/queues").text
