"""The page of the users and the named keys, and ending the sessions of somebody else."""

import re

import httpx
import psycopg
import pytest

from lapinq_core.domain.accounts.account import Permission, Scope
from tests.support.http.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http


def row(page: httpx.Response, row_id: str) -> str:
    assert page.status_code == 200
    found = re.search(rf'<tr role="row" id="{row_id}">.*?</tr>', page.text, re.DOTALL)
    assert found, row_id
    return found[0]


def test_every_permission_is_offered_for_a_queue_and_those_given_are_checked(
    signed_in: httpx.Client, queue: str
) -> None:
    person = add_user(signed_in, video=["cancel", "pause"])
    signed_in.post(f"/api/v1/queues/{queue}/pause")
    page = signed_in.get("/admin/users")
    html = row(page, f"user-{person['id']}")
    group = re.search(r'<fieldset data-queue="video">.*?</fieldset>', html, re.DOTALL)
    assert group
    assert re.findall(r'data-permission="(\w+)"', group[0]) == list(Permission)
    assert re.findall(r'data-permission="(\w+)" checked', group[0]) == ["cancel", "pause"]
    assert "1 queue<" in html
    assert f'<option value="{queue}">' in page.text  # those that there are, are suggested


def test_it_tells_who_is_logged_in_and_ends_that(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    person, me = add_user(signed_in), signed_in.get("/me").json()["id"]
    name, which = person["username"], person["id"]
    assert "/sessions" not in row(signed_in.get("/admin/users"), f"user-{which}")
    with browser(signed_in, name, PASSWORD) as here, browser(signed_in, name, PASSWORD) as there:
        page = signed_in.get("/admin/users")
        html = row(page, f"user-{which}")
        assert "2 sessions" in html
        assert 'last seen <time datetime="' in html
        assert f'data-method="DELETE" data-to="admin/users/{which}/sessions"' in html
        assert "session" in row(page, f"user-{me}")
        assert f"admin/users/{me}/sessions" not in page.text  # one's own are ended elsewhere
        assert signed_in.delete(f"/admin/users/{which}/sessions").json() == {"ended": 2}
        assert here.get("/me").status_code == there.get("/me").status_code == 401
        assert signed_in.delete(f"/admin/users/{which}/sessions").json() == {"ended": 0}
    (noted,) = db.execute(
        "SELECT actor, details FROM lapinq_audit WHERE action = 'session.revoke' AND target = %s", (name,)
    ).fetchall()
    assert noted[0] == "lapinq"
    assert noted[1]["id"] == which
    assert len(noted[1]["sessions"]) == 2


def test_the_keys_are_listed_without_themselves(signed_in: httpx.Client) -> None:
    body = {"name": "shop", "scopes": ["enqueue", "read"], "queues": ["mail"], "expires_in": 3600}
    made = signed_in.post("/api/v1/keys", json=body).json()
    page = signed_in.get("/admin/users")
    html = row(page, f"key-{made['id']}")
    assert "enqueue, read" in html
    assert f'datetime="{made["expires_at"]}"' in html
    assert "expired" not in html
    assert "no owner" not in html
    assert f"…{made['hint']}" in html
    assert "never" in html
    assert f'data-method="DELETE" data-to="api/v1/keys/{made["id"]}"' in html
    assert made["key"] not in page.text
    assert re.findall(r'name="scopes" value="(\w+)"', page.text) == list(Scope)
