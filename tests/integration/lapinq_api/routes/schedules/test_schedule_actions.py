"""Pausing, resuming and running a schedule over HTTP, and its history."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from lapinq_core.schedules import firing
from lapinq_core.schedules.schedules import SCHEDULES_CHANNEL
from lapinq_core.schedules.ticks import Tick
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.ready_channels import waking
from tests.support.database.running import on_connections
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.refusals import check_queries_refused, check_refused
from tests.support.http.schedules_over_http import create, pages, path
from tests.support.rows.factories import Conn, add_worker, claim, complete


def end_all(database: str, queue: str) -> None:
    """Whatever is ready in the queue runs and completes."""

    async def run(conn: Conn) -> None:
        await complete(conn, await claim(conn, await add_worker(conn), 100, queue))

    on_connections(database, run)


def make_due(database: str, db: psycopg.Connection, name: str) -> None:
    """As if a tick had come a moment ago, and a scheduler deals with it."""
    db.execute(
        "UPDATE lapinq_schedules SET next_fire_at = date_trunc('minute', now()) WHERE name = %s", (name,)
    )

    async def fire(conn: Conn) -> None:
        await firing.fire_due(conn)

    on_connections(database, fire)


# Pause and resume


def test_a_paused_schedule_has_no_next_tick_until_it_is_resumed(
    api: httpx.Client, schedule: dict[str, Any]
) -> None:
    name = schedule["name"]
    paused = api.post(path(name, "/pause"), json={"reason": "the printer is out of paper"}).json()
    assert (paused["state"], paused["next_fire_at"], paused["version"]) == ("paused", None, 2)
    assert (paused["paused_by"], paused["pause_reason"]) == ("anonymous", "the printer is out of paper")
    assert paused["paused_at"].endswith("+00:00")
    assert api.get(path(name)).json() == paused
    # to pause it again changes nothing
    assert api.post(path(name, "/pause"), json={"reason": "really"}).json() == paused
    resumed = api.post(path(name, "/resume")).json()
    assert resumed == {**schedule, "version": 3}
    assert api.post(path(name, "/resume")).json() == resumed


def test_a_reason_may_be_left_out_and_is_bounded(api: httpx.Client, schedule: dict[str, Any]) -> None:
    wrong: list[Any] = ["x" * 1001, "\0", 1]
    pause = path(schedule["name"], "/pause")
    check_refused(api, "POST", pause, [({"reason": reason}, "reason") for reason in wrong])
    assert api.get(path(schedule["name"])).json()["state"] == "active"
    assert api.post(pause).json()["pause_reason"] is None


def test_a_changed_schedule_stays_paused(api: httpx.Client, schedule: dict[str, Any]) -> None:
    api.post(path(schedule["name"], "/pause"))
    changed = api.patch(path(schedule["name"]), json={"version": 2, "cron": "@hourly"}).json()
    assert (changed["state"], changed["next_fire_at"]) == ("paused", None)


def test_schedulers_hear_of_what_changes_the_next_tick(
    api: httpx.Client, db: psycopg.Connection, schedule: dict[str, Any]
) -> None:
    api.post(path(schedule["name"], "/pause"))
    db.execute(f"LISTEN {SCHEDULES_CHANNEL}")
    try:
        api.post(path(schedule["name"], "/resume"))
        assert next(iter(db.notifies(timeout=5)))
    finally:
        db.execute(f"UNLISTEN {SCHEDULES_CHANNEL}")


# Run


def test_a_run_makes_a_task_and_wakes_the_workers(
    api: httpx.Client, db: psycopg.Connection, name: str
) -> None:
    create(api, name, queue_name=name, args=[1], priority=4, metadata={"team": "ops"})
    with waking(db, name):
        answer = api.post(path(name, "/run"))
    assert answer.status_code == 201
    ran = answer.json()
    assert list(ran) == ["fire_at", "outcome", "task_id"]
    assert ran["outcome"] == "enqueued"
    assert ran["fire_at"].endswith("+00:00")
    task = api.get(f"/api/v1/tasks/{ran['task_id']}").json()
    assert (task["status"], task["queue_name"], task["args"], task["priority"]) == ("pending", name, [1], 4)
    assert task["metadata"] == {"team": "ops", "schedule": name, "planned_at": ran["fire_at"]}


def test_what_was_planned_stays_planned_and_a_paused_one_runs_too(
    api: httpx.Client, schedule: dict[str, Any]
) -> None:
    name = schedule["name"]
    ran = api.post(path(name, "/run")).json()
    after = api.get(path(name)).json()
    assert after == {**schedule, "last": after["last"]}
    assert after["last"]["task_id"] == ran["task_id"]
    api.post(path(name, "/pause"))
    assert api.post(path(name, "/run"), json={}).status_code == 201
    assert api.get(path(name)).json()["state"] == "paused"


def test_a_run_that_may_not_overlap_waits_or_is_refused_with_the_reason(
    api: httpx.Client, api_database: str, name: str
) -> None:
    def refused() -> str:
        answer = api.post(path(name, "/run"))
        assert answer.status_code == 409
        return answer.json()["error"]

    create(api, name, queue_name=name, overlap="queue_one")
    first = api.post(path(name, "/run")).json()["task_id"]
    held = api.post(path(name, "/run")).json()
    assert (held["outcome"], held["task_id"]) == ("held", None)
    assert refused() == f"the previous run, task {first}, has not ended"
    end_all(api_database, name)
    assert refused() == "a held tick is about to start"


# History


def test_the_history_has_every_tick_newest_first(
    api: httpx.Client, db: psycopg.Connection, api_database: str, name: str
) -> None:
    create(api, name, queue_name=name, cron="* * * * *")
    make_due(api_database, db, name)
    end_all(api_database, name)
    ran = api.post(path(name, "/run")).json()
    history = api.get(path(name, "/ticks")).json()
    assert len(history) == 2
    assert all(list(tick) == list(Tick.__struct_fields__) for tick in history)
    by_hand, planned = (msgspec.convert(tick, Tick) for tick in history)
    assert (by_hand.task_id, by_hand.fired_by, by_hand.status) == (ran["task_id"], "anonymous", "pending")
    assert (planned.outcome, planned.fired_by, planned.status) == ("enqueued", None, "completed")
    assert planned.fire_at.second == 0
    assert planned.fired_at - planned.fire_at == timedelta(seconds=planned.late_by)
    assert planned.fire_at < by_hand.fire_at
    assert history[0]["fire_at"] == ran["fire_at"]
    assert api.get(path(name)).json()["last"] == history[0]
    [listed] = api.get("/api/v1/schedules", params={"queue": name}).json()
    assert listed["last"] == history[0]


def test_the_history_goes_on_page_by_page(api: httpx.Client, db: psycopg.Connection, name: str) -> None:
    create(api, name)
    db.execute(
        "INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome)"
        " SELECT id, '2026-03-02 12:00:00.000001+00'::timestamptz + n * interval '1 s', now(), 'missed'"
        "   FROM lapinq_schedules, generate_series(1, 7) AS n WHERE name = %s",
        (name,),
    )
    assert [len(page) for page in pages(api, path(name, "/ticks"), limit=3)] == [3, 3, 1]
    assert [len(page) for page in pages(api, path(name, "/ticks"), limit=7)] == [7]
    whole = [tick["fire_at"] for page in pages(api, path(name, "/ticks"), limit=2) for tick in page]
    assert whole == sorted(set(whole), reverse=True)
    assert len(whole) == 7


def test_any_place_in_time_can_be_gone_on_from_and_a_wrong_one_is_refused(
    api: httpx.Client, schedule: dict[str, Any]
) -> None:
    ticks = path(schedule["name"], "/ticks")
    for cursor in ("AAAAAAAAAAA", "f_________8", "__________8", "gAAAAAAAAAA"):
        assert api.get(ticks, params={"cursor": cursor}).json() == []
    wrong = (("cursor", "x"), ("limit", "0"), ("limit", "1001"), ("before", "2090-01-01"))
    check_queries_refused(api, "GET", ticks, [({name: value}, name) for name, value in wrong])


# Who may


@pytest.fixture
def closed(serve: Serve) -> httpx.Client:
    client = serve(api_key="master", session_secret="s")
    client.headers["X-API-Key"] = "master"
    return client


def test_a_schedule_is_moved_by_who_may_enqueue_on_both_queues(closed: httpx.Client, name: str) -> None:
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


def test_who_may_enqueue_on_no_queue_is_refused_before_anything_is_read(closed: httpx.Client) -> None:
    made = closed.post("/api/v1/keys", json={"name": "reader of schedules", "scopes": ["read"]})
    key = {"X-API-Key": made.json()["key"]}
    for method, action in (("POST", ""), ("PATCH", "/no such thing"), ("DELETE", "/no such thing")):
        answer = closed.request(method, f"/api/v1/schedules{action}", content=b"{", headers=key)
        assert (answer.status_code, answer.json()["error"]) == (
            403,
            "reader of schedules may not do this: it needs a key with the scope schedule",
        )


def test_a_mask_is_not_written_back(serve: Serve, name: str) -> None:
    client = serve(api_key="master", session_secret="s", redact=("password", "args"))
    client.headers["X-API-Key"] = "master"
    create(client, name, queue_name=name, args=[1], kwargs={"password": "hunter2", "to": "ada"})
    user = add_user(client, "user", **{name: ["enqueue"]})
    with browser(client, user["username"], PASSWORD) as person:
        shown = person.get(path(name)).json()
        assert (shown["args"], shown["kwargs"]) == (["[hidden]"], {"password": "[hidden]", "to": "ada"})
        for field in ("args", "kwargs"):
            refused = person.patch(path(name), json={"version": 1, field: shown[field]})
            assert refused.status_code == 400
            assert refused.json()["error"] == (
                f"{field} must not hold [hidden], the mask of a value that you may not see: leave the field out"
            )
        changed = person.patch(path(name), json={"version": 1, "priority": 3, "jitter": 2}).json()
        other = ("priority", "jitter", "version", "updated_at", "updated_by")
        assert changed == {**shown, **{key: changed[key] for key in other}}
        assert changed["priority"] == 3
    whole = client.get(path(name)).json()
    assert (whole["args"], whole["kwargs"]) == ([1], {"password": "hunter2", "to": "ada"})
    assert client.patch(path(name), json={"version": 2, "args": ["[hidden]"]}).json()["args"] == ["[hidden]"]


def test_a_schedule_is_not_moved_to_where_its_hidden_values_would_be_seen(serve: Serve, name: str) -> None:
    client = serve(api_key="master", session_secret="s", redact=("password",))
    client.headers["X-API-Key"] = "master"
    hidden, also_hidden, seen = f"{name} hidden", f"{name} also hidden", f"{name} seen"
    create(client, name, queue_name=hidden, kwargs={"password": "hunter2"})
    user = add_user(
        client,
        "user",
        **{hidden: ["enqueue"], also_hidden: ["enqueue"], seen: ["enqueue", "payload"]},
    )
    with browser(client, user["username"], PASSWORD) as person:
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
    assert client.patch(path(name), json={"version": 2, "queue_name": seen}).json()["queue_name"] == seen


def test_a_run_of_what_is_never_planned_again_is_possible(
    api: httpx.Client, db: psycopg.Connection, name: str
) -> None:
    create(api, name, ends_at=(datetime.now(UTC) + timedelta(days=30)).isoformat())
    db.execute("UPDATE lapinq_schedules SET next_fire_at = NULL, ends_at = now() WHERE name = %s", (name,))
    assert api.get(path(name)).json()["state"] == "ended"
    assert api.post(path(name, "/run")).status_code == 201
    assert api.get(path(name)).json()["state"] == "ended"
