"""Rules for notifications over HTTP."""

from typing import Any

import httpx
import psycopg

from tests.support.http.refusals import Row, check_refused

PATH = "/api/v1/notify/rules"
SECRET_URL = "https://hooks.slack.com/services/T0/B0/secret"
SLACK: dict[str, Any] = {"name": "On call", "kind": "slack", "url": SECRET_URL, "events": ["backlog"]}


def make(client: httpx.Client, **values: Any) -> dict[str, Any]:
    response = client.post(PATH, json={**SLACK, **values})
    assert response.status_code == 201, response.text
    return response.json()


def test_a_rule_is_made_listed_changed_and_deleted_without_showing_its_secret(
    signed_in: httpx.Client, db: psycopg.Connection
) -> None:
    made = make(signed_in, events=["worker.dead", "error.new", "error.new"], queues=["mail", "mail"])
    shown = (made["url"], made["events"], made["queues"])
    assert shown == ("https://hooks.slack.com/…", ["error.new", "worker.dead"], ["mail"])
    assert (made["backlog_seconds"], made["is_enabled"], made["created_by"]) == (300, True, "lapinq")
    path = f"{PATH}/{made['id']}"
    assert signed_in.get(PATH).json() == [made]
    changed = signed_in.patch(path, json={"is_enabled": False, "queues": None}).json()
    assert changed == {**made, "is_enabled": False, "queues": None, "updated_at": changed["updated_at"]}
    stored = db.execute("SELECT url FROM lapinq_notify_rules").fetchall()
    assert stored == [(SECRET_URL,)], "what the answer hides is kept"
    moved = signed_in.patch(path, json={"kind": "mail", "addresses": ["lisa@example.org"]})
    assert (moved.json()["url"], moved.json()["addresses"]) == (None, ["lisa@example.org"])
    assert signed_in.post(f"{path}/test").json() == {"id": made["id"], "sent": True}
    assert signed_in.get(path).json()["pending"] == 1
    assert signed_in.delete(path).json() == {"id": made["id"], "deleted": True}
    for response in (signed_in.get(path), signed_in.delete(path), signed_in.post(f"{path}/test")):
        assert response.status_code == 404
    audit = db.execute("SELECT action, details::text FROM lapinq_audit ORDER BY id").fetchall()
    actions = [action for action, _ in audit if action.startswith("notify.")]
    assert actions == ["notify.create", "notify.change", "notify.change", "notify.test", "notify.delete"]
    assert "secret" not in str(audit)


def test_the_audit_log_says_where_a_rule_sends_and_when_that_changes(
    signed_in: httpx.Client, db: psycopg.Connection
) -> None:
    rule_id = make(signed_in, name="audited")["id"]
    for change in (
        {"backlog_seconds": 60},
        {"url": f"{SECRET_URL}-of-somebody-else"},
        {"kind": "mail", "addresses": ["lisa@example.org"]},
        {"addresses": ["lisa@example.org", "eve@example.org"]},
    ):
        assert signed_in.patch(f"{PATH}/{rule_id}", json=change).status_code == 200
    told = db.execute(
        "SELECT details->>'url', details->'addresses', details->'sends_elsewhere' FROM lapinq_audit"
        " WHERE action IN ('notify.create', 'notify.change') AND target = %s ORDER BY id",
        (str(rule_id),),
    ).fetchall()
    slack = "https://hooks.slack.com/…"
    assert told == [
        (slack, None, None),
        (slack, None, False),
        (slack, None, True),
        (None, ["lisa@example.org"], True),
        (None, ["lisa@example.org", "eve@example.org"], True),
    ]


WRONG: list[Row] = [
    ({"kind": "pager"}, "kind"),
    ({"url": None}, "url"),
    ({"addresses": ["lisa@example.org"]}, "addresses"),
    ({"kind": "mail"}, "url"),
    ({"kind": "mail", "url": None}, "addresses"),
    ({"kind": "mail", "url": None, "addresses": ["a@b", "Lisa <lisa@example.org>"]}, "addresses[1]"),
    ({"kind": "mail", "url": None, "addresses": ["a@b\r\nBcc: c@d"]}, "addresses[0]"),
    ({"events": []}, "events"),
    ({"events": ["backlog", "error"]}, "events[1]"),
    ({"queues": ["mail", ""]}, "queues[1]"),
    ({"backlog_seconds": 9}, "backlog_seconds"),
]


def test_a_wrong_value_is_named_and_a_name_is_taken_once(signed_in: httpx.Client) -> None:
    check_refused(signed_in, "POST", PATH, WRONG, SLACK)
    make(signed_in, name="one")
    second = make(signed_in, name="two")
    assert signed_in.post(PATH, json={**SLACK, "name": "one"}).status_code == 409
    assert signed_in.patch(f"{PATH}/{second['id']}", json={"name": "one"}).status_code == 409
