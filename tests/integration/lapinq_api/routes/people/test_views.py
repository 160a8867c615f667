"""Saved views over HTTP: each user's own, shared by admins, in the menu of the list."""

import html
import re

import httpx
import pytest

from lapinq_core.people import saved_views
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.refusals import Row, check_refused

pytestmark = pytest.mark.http

VIEWS = "/api/v1/views"


def save(client: httpx.Client, name: str, query: str = "queue=mail") -> int:
    answer = client.post(VIEWS, json={"name": name, "query": query})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def names(client: httpx.Client) -> list[str]:
    return [view["name"] for view in client.get(VIEWS).json()]


def test_a_view_is_its_owners_until_an_admin_shares_it(
    api: httpx.Client, signed_in: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lisa, bert = add_user(signed_in), add_user(signed_in)
    with browser(api, lisa["username"], PASSWORD) as client:
        own = save(client, "lisa's", "?queue=mail&status=failed&cursor=x&far=1")
        [view] = client.get(VIEWS).json()
        assert (view["query"], view["page"]) == ("queue=mail&status=failed", "tasks")
        assert (view["owner"], view["is_own"], view["is_shared"]) == (lisa["username"], True, False)
        again = client.post(VIEWS, json={"name": "lisa's", "query": ""})
        assert (again.status_code, again.json()["error"]) == (409, "you have a view with this name already")
        assert client.patch(f"{VIEWS}/{own}", json={"is_shared": True}).status_code == 403
        assert client.delete(f"{VIEWS}/{save(client, 'short')}").status_code == 200
        with monkeypatch.context() as patch:
            patch.setattr(saved_views, "MAX_VIEWS", 1)
            assert client.post(VIEWS, json={"name": "two", "query": ""}).status_code == 409
        assert names(client) == ["lisa's"]
    shared = save(signed_in, "for all", 'queues=a,"b c"&-x=%22')
    assert "lisa's" not in names(signed_in)
    assert signed_in.patch(f"{VIEWS}/{own}", json={"is_shared": True}).status_code == 404
    assert signed_in.delete(f"{VIEWS}/{own}").status_code == 404
    answer = signed_in.patch(f"{VIEWS}/{shared}", json={"is_shared": True})
    assert answer.json() == {"id": shared, "is_shared": True}
    with browser(api, bert["username"], PASSWORD) as client:
        assert names(client) == ["for all"]
        assert client.delete(f"{VIEWS}/{shared}").status_code == 404
        page = client.get("/tasks").text
        assert re.search(r'<a href="tasks\?queues=a%2C%22b\+c%22&amp;-x=%22"><bdi>for all</bdi></a>', page)
        assert f"shared by {signed_in.get('/me').json()['username']}" in html.unescape(page)
        assert 'data-method="PATCH"' not in page
        assert f'data-to="api/v1/views/{shared}"' not in page
    assert f'data-to="api/v1/views/{shared}"' in signed_in.get("/tasks").text
    assert signed_in.delete(f"{VIEWS}/{shared}").json() == {"id": shared, "deleted": True}
    log = signed_in.get("/api/v1/audit").json()
    actions = [(entry["action"], entry["target"]) for entry in log if entry["action"].startswith("view.")]
    assert actions == [("view.delete", str(shared)), ("view.share", str(shared))], "only what others see"
    rows: list[Row] = [
        ({"name": "", "query": ""}, "name"),
        ({"name": "a", "query": "x" * 2001}, "query"),
        ({"name": "a", "query": "a=%00"}, "query"),
        ({"name": "a", "query": "&".join(f"a{n}=1" for n in range(31))}, "query"),
        ({"name": "a", "query": "", "page": "errors"}, "page"),
        ({"name": "a"}, "query"),
    ]
    check_refused(signed_in, "POST", VIEWS, rows)
