"""Pausing, resuming and running a schedule over HTTP, its history, and whose values stay hidden."""

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from lapinq_core.schedules.schedules import SCHEDULES_CHANNEL
from lapinq_core.schedules.ticks import Tick
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.ready_channels import waking
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.refusals import check_queries_refused, check_refused
from tests.support.http.schedules_over_http import create, pages, path

Client = httpx.Client


def test_a_paused_schedule_has_no_next_tick_until_it_is_resumed(
    api: Client, schedule: dict[str, Any], db: psycopg.Connection
) -> None:
    name = schedule["name"]
    pause = path(name, "/pause")
    wrong: list[Any] = ["x" * 1001, "\0", 1]
    check_refused(api, "POST", pause, [({"reason": reason}, "reason") for reason in wrong])
    assert api.get(path(name)).json() == schedule
    paused = api.post(pause, json={"reason": "the printer is out of paper"}).json()
    assert (paused["state"], paused["next_fire_at"], paused["version"]) == ("paused", None, 2)
    assert (paused["paused_by"], paused["pause_reason"]) == ("anonymous", "the printer is out of paper")
    assert paused["paused_at"].endswith("+00:00")
    assert api.get(path(name)).json() == paused
    assert api.post(pause).json() == paused  # to pause it again changes nothing
    db.execute(f"LISTEN {SCHEDULES_CHANNEL}")
    try:
        resumed = api.post(path(name, "/resume")).json()
        assert next(iter(db.notifies(timeout=5))), "schedulers hear of the next tick"
    finally:
        db.execute(f"UNLISTEN {SCHEDULES_CHANNEL}")
    assert resumed == {**schedule, "version": 3}


def test_a_run_makes_a_task_and_wakes_the_workers_though_the_schedule_is_paused(
    api: Client, db: psycopg.Connection, name: str
) -> None:
    create(api, name, queue_name=name, args=[1], priority=4, metadata={"team": "ops"}, overlap="queue_one")
    before = api.post(path(name, "/pause")).json()
    with waking(db, name):
        answer = api.post(path(name, "/run"), json={})
    ran = answer.json()
    assert (answer.status_code, list(ran)) == (201, ["fire_at", "outcome", "task_id"])
    assert (ran["outcome"], ran["fire_at"][-6:]) == ("enqueued", "+00:00")
    task = api.get(f"/api/v1/tasks/{ran['task_id']}").json()
    assert (task["status"], task["queue_name"], task["args"], task["priority"]) == ("pending", name, [1], 4)
    assert task["metadata"] == {"team": "ops", "schedule": name, "planned_at": ran["fire_at"]}
    after = api.get(path(name)).json()
    assert after == {**before, "last": after["last"]}
    [tick] = api.get(path(name, "/ticks")).json()
    assert list(tick) == list(Tick.__struct_fields__)
    assert tick == after["last"]
    shown = msgspec.convert(tick, Tick)
    assert (shown.task_id, shown.fired_by, shown.status) == (ran["task_id"], "anonymous", "pending")
    assert shown.fired_at - shown.fire_at == timedelta(seconds=shown.late_by)
    [listed] = api.get("/api/v1/schedules", params={"queue": name}).json()
    assert listed["last"] == tick

    api.post(path(name, "/resume"))
    held = api.post(path(name, "/run")).json()
    assert (held["outcome"], held["task_id"]) == ("held", None)
    refused = api.post(path(name, "/run"))
    told = f"the previous run, task {ran['task_id']}, has not ended"
    assert (refused.status_code, refused.json()["error"]) == (409, told)


def test_a_run_may_have_other_arguments_but_then_it_does_not_wait(api: Client, name: str) -> None:
    create(api, name, queue_name=name, args=[1], kwargs={"to": "ada"}, overlap="queue_one")
    run = path(name, "/run")
    check_refused(
        api,
        "POST",
        run,
        [({"args": {}}, "args"), ({"kwargs": {"a": "\0"}}, "kwargs.a"), ({"queue": "a"}, "queue")],
    )
    ran = api.post(run, json={"args": [2, "x"]}).json()
    task = api.get(f"/api/v1/tasks/{ran['task_id']}").json()
    assert (task["args"], task["kwargs"]) == ([2, "x"], {"to": "ada"})
    assert api.get(path(name)).json()["args"] == [1]
    assert api.post(run, json={"kwargs": {}}).status_code == 409
    assert len(api.get(path(name, "/ticks")).json()) == 1
    assert api.post(run).json()["outcome"] == "held"


def test_what_is_never_planned_again_can_be_run(api: Client, db: psycopg.Connection, name: str) -> None:
    create(api, name, ends_at="2090-01-01")
    db.execute("UPDATE lapinq_schedules SET next_fire_at = NULL, ends_at = now() WHERE name = %s", (name,))
    assert api.post(path(name, "/run")).status_code == 201
    assert api.get(path(name)).json()["state"] == "ended"


def test_the_history_goes_on_page_by_page(api: Client, db: psycopg.Connection, name: str) -> None:
    create(api, name)
    db.execute(
        "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome)"
        " SELECT id, '2026-03-02 12:00:00.000001+00'::timestamptz + n * interval '1 s', now(), 'missed'"
        "   FROM lapinq_schedules, generate_series(1, 7) AS n WHERE name = %s",
        (name,),
    )
    ticks = path(name, "/ticks")
    assert [len(page) for page in pages(api, ticks, limit=7)] == [7]
    found = list(pages(api, ticks, limit=3))
    assert [len(page) for page in found] == [3, 3, 1]
    whole = [tick["fire_at"] for page in found for tick in page]
    assert whole == sorted(set(whole), reverse=True)
    # Any place in time can be gone on from.
    for cursor, count in (("AAAAAAAAAAA", 0), ("f_________8", 7), ("__________8", 0), ("gAAAAAAAAAA", 0)):
        assert len(api.get(ticks, params={"cursor": cursor}).json()) == count, cursor
    wrong = (("cursor", "x"), ("limit", "0"), ("limit", "1001"), ("before", "2090-01-01"))
    check_queries_refused(api, "GET", ticks, [({name: value}, name) for name, value in wrong])


# Who may. More is in `test_permissions`.


@pytest.fixture
def closed(serve: Serve) -> Client:
    client = serve(api_key="master", session_secret="s", redact=("password", "args"))
    client.headers["X-API-Key"] = "master"
    return client


def test_a_schedule_is_moved_by_who_may_enqueue_on_both_queues(closed: Client, name: str) -> None:
    here, there = f"{name} here", f"{name} there"
    create(closed, name, queue_name=here)
    one = add_user(closed, "user", **{here: ["enqueue"]})
    both = add_user(closed, "user", **{here: ["enqueue"], there: ["enqueue"]})
    move = {"version": 1, "queue_name": there}
    refusal = f"{one['username']} may not enqueue on the queue {there}"
    with (
        browser(closed, one["username"], PASSWORD) as client,
        browser(closed, both["username"], PASSWORD) as other,
    ):
        refused = client.patch(path(name), json=move)
        assert (refused.status_code, refused.json()["error"]) == (403, refusal)
        assert client.patch(path(name), json={"version": 1, "queue_name": here}).status_code == 200
        moved = other.patch(path(name), json=move)
        assert (moved.status_code, moved.json()["updated_by"]) == (200, both["username"])
        back = client.patch(path(name), json={"version": 2, "queue_name": here})
        for call in (back, client.post(path(name, "/run")), client.delete(path(name))):
            assert (call.status_code, call.json()["error"]) == (403, refusal)
        paused = client.post(path(name, "/pause"))
        assert paused.json()["error"].endswith(f"may not pause on the queue {there}")


def test_who_may_enqueue_on_no_queue_is_refused_before_anything_is_read(closed: Client) -> None:
    made = closed.post("/api/v1/keys", json={"name": "reader of schedules", "scopes": ["read"]})
    key = {"X-API-Key": made.json()["key"]}
    refusal = "reader of schedules may not do this: it needs a key with the scope schedule"
    for method, action in (("POST", ""), ("PATCH", "/no such thing"), ("DELETE", "/no such thing")):
        answer = closed.request(method, f"/api/v1/schedules{action}", content=b"{", headers=key)
        assert (answer.status_code, answer.json()["error"]) == (403, refusal)


def test_a_mask_is_not_written_back(closed: Client, name: str) -> None:
    create(closed, name, queue_name=name, args=[1], kwargs={"password": "hunter2", "to": "ada"})
    user = add_user(closed, "user", **{name: ["enqueue"]})
    with browser(closed, user["username"], PASSWORD) as person:
        shown = person.get(path(name)).json()
        assert (shown["args"], shown["kwargs"]) == (["[hidden]"], {"password": "[hidden]", "to": "ada"})
        for field in ("args", "kwargs"):
            refused = person.patch(path(name), json={"version": 1, field: shown[field]})
            told = "must not hold [hidden], the mask of a value that you may not see: leave the field out"
            assert (refused.status_code, refused.json()["error"]) == (400, f"{field} {told}")
        changed = person.patch(path(name), json={"version": 1, "priority": 3}).json()
        moved = {key: changed[key] for key in ("version", "updated_at", "updated_by")}
        assert changed == {**shown, **moved, "priority": 3}
    whole = closed.get(path(name)).json()
    assert (whole["args"], whole["kwargs"]) == ([1], {"password": "hunter2", "to": "ada"})
    assert closed.patch(path(name), json={"version": 2, "args": ["[hidden]"]}).json()["args"] == ["[hidden]"]


def test_a_schedule_is_not_moved_to_where_its_hidden_values_would_be_seen(closed: Client, name: str) -> None:
    hidden, also_hidden, seen = f"{name} hidden", f"{name} also hidden", f"{name} seen"
    create(closed, name, queue_name=hidden, kwargs={"password": "hunter2"})
    enqueue = ["enqueue"]
    user = add_user(closed, "user", **{hidden: enqueue, also_hidden: enqueue, seen: ["enqueue", "payload"]})
    with browser(closed, user["username"], PASSWORD) as person:
        refused = person.patch(path(name), json={"version": 1, "queue_name": seen, "priority": 3})
        assert (refused.status_code, refused.json()["error"]) == (
            403,
            f"{user['username']} may not move it from the queue {hidden}, where its values are hidden from them,"
            f" to {seen}, where they are not",
        )
        assert person.get(path(name)).json()["kwargs"] == {"password": "[hidden]"}
        moved = person.patch(path(name), json={"version": 1, "queue_name": also_hidden}).json()
        assert (moved["queue_name"], moved["kwargs"]) == (also_hidden, {"password": "[hidden]"})
        assert "hunter2" not in person.get(path(name)).text
    assert closed.patch(path(name), json={"version": 2, "queue_name": seen}).json()["queue_name"] == seen
