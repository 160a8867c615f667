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


def test_a_view_is_its_owners_until_an_admin_shares_it(api: httpx.Client, signed_in: httpx.Client) -> None:
    lisa, bert = add_user(signed_in), add_user(signed_in)
    with browser(api, lisa["username"], PASSWORD) as client:
        save(client, "lisa's", "?queue=mail&status=failed&cursor=x&far=1")
        [view] = client.get(VIEWS).json()
        assert (view["query"], view["page"], view["owner"]) == (
            "queue=mail&status=failed",
            "tasks",
            lisa["username"],
        )
        assert (view["is_own"], view["is_shared"]) == (True, False)
        again = client.post(VIEWS, json={"name": "lisa's", "query": ""})
        assert (again.status_code, again.json()["error"]) == (409, "you have a view with this name already")
        refused = client.patch(f"{VIEWS}/{view['id']}", json={"is_shared": True})
        assert refused.status_code == 403
        assert client.delete(f"{VIEWS}/{save(client, 'short')}").status_code == 200
    shared = save(signed_in, "for all", 'queues=a,"b c"&-x=%22')
    assert "lisa's" not in names(signed_in)
    assert signed_in.patch(f"{VIEWS}/{view['id']}", json={"is_shared": True}).status_code == 404
    assert signed_in.delete(f"{VIEWS}/{view['id']}").status_code == 404
    assert signed_in.patch(f"{VIEWS}/{shared}", json={"is_shared": True}).json() == {
        "id": shared,
        "is_shared": True,
    }
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


def test_a_wrong_value_is_refused_by_its_name(signed_in: httpx.Client) -> None:
    rows: list[Row] = [
        ({"name": "", "query": ""}, "name"),
        ({"name": "a\nb", "query": ""}, "name"),
        ({"name": "a", "query": "x" * 2001}, "query"),
        ({"name": "a", "query": "a=%00"}, "query"),
        ({"name": "a", "query": "&".join(f"a{n}=1" for n in range(31))}, "query"),
        ({"name": "a", "query": "", "page": "errors"}, "page"),
        ({"name": "a"}, "query"),
    ]
    check_refused(signed_in, "POST", VIEWS, rows)


def test_a_user_has_so_many_views_and_no_more(
    api: httpx.Client, signed_in: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MAX_VIEWS", 1)
    user = add_user(signed_in)
    with browser(api, user["username"], PASSWORD) as client:
        save(client, "one")
        assert client.post(VIEWS, json={"name": "two", "query": ""}).status_code == 409
        assert [view["name"] for view in client.get(VIEWS).json() if view["is_own"]] == ["one"]
