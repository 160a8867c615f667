"""Creating schedules over HTTP, and finding them."""

from typing import Any

import httpx
import msgspec
import psycopg

from lapinq_api.operations.bodies.schedule_object import ScheduleObject
from lapinq_api.operations.bodies.schedule_request import MAX_BYTES
from lapinq_core.domain.schedules.schedule import Definition
from tests.integration.lapinq_api.conftest import Serve
from tests.support.http.refusals import Row, check_queries_refused, check_refused
from tests.support.http.schedules_over_http import MINIMAL, PATH, WHOLE, create, pages, path
from tests.support.rows.named_limits import add_limit

# Creating


def test_a_schedule_shows_what_was_written_and_what_it_means(api: httpx.Client, name: str) -> None:
    shown = create(api, name, **{field: None for field in WHOLE if field not in MINIMAL})
    assert list(shown) == list(ScheduleObject.__struct_fields__)
    msgspec.convert(shown, ScheduleObject)
    defaults = msgspec.to_builtins(
        Definition(name=name, task_name="send", module_path="app.mail", cron="0 9 * * 1-5")
    )
    assert {field: shown[field] for field in defaults} == defaults
    assert shown["description"] == "At 09:00, Monday through Friday"
    assert (shown["state"], shown["version"], shown["updated_by"]) == ("active", 1, "anonymous")
    assert (shown["last"], shown["source"], shown["paused_at"]) == (None, None, None)
    assert shown["next_fire_at"].endswith("T09:00:00+00:00")
    assert shown["created_at"] == shown["updated_at"]
    assert shown["created_at"].endswith("+00:00")
    assert api.get(path(name)).json() == shown
    again = api.post(PATH, json={"name": name, **MINIMAL, "cron": "@daily"})
    assert (again.status_code, again.json()) == (409, {"error": "a schedule with this name exists already"})
    assert api.get(path(name)).json() == shown


def test_every_value_is_kept(api: httpx.Client, db: psycopg.Connection, name: str) -> None:
    add_limit(db, "openai", burst=1200)
    written = {
        **WHOLE,
        "every": "90m",
        "starts_at": "2090-01-31T12:00:00",
        "ends_at": "2091-01-31T13:00+01:00",
    }
    shown = create(api, name, **written)
    assert {field: shown[field] for field in WHOLE} == WHOLE, "intervals and times are written in one way"
    assert set(Definition.__struct_fields__) - {"name"} == set(WHOLE)
    assert shown["description"] == "Every 1 hour and 30 minutes"
    assert shown["next_fire_at"] == WHOLE["starts_at"]


# What values can be is in `tests/unit/lapinq_api/operations/test_schedule_request.py` and beside it.
WRONG: list[Row] = [
    ({"name": "a/b"}, "name", "without a slash"),
    ({"name": "new"}, "name", "not preview or new"),
    ({"task_name": None}, "task_name", "must be a string, not null"),
    ({"args": ["\0"]}, "args[0]", "NUL"),
    ({"cron": "0 0 30 2 *"}, "cron", "never fires"),
    ({"cron": None}, "cron", "must be given, or every"),
    ({"every": "1h"}, "every", "must not be given together with cron"),
    ({"cron": None, "every": "0s"}, "every", "must be between 1s"),
    ({"timezone": "../etc/passwd"}, "timezone", "is not a time zone"),
    ({"starts_at": "9999-12-31T23:59:59-14:00"}, "starts_at", "can be converted to UTC"),
    ({"ends_at": "2001-01-01"}, "ends_at", "must not be in the past"),
    ({"starts_at": "2091-01-01", "ends_at": "2090-01-01"}, "ends_at", "must not be before starts_at"),
    ({"starts_at": "2090-01-02", "ends_at": "2090-01-02T01:00Z"}, "cron", "no tick falls between"),
    ({"misfire": "never"}, "misfire", "must be one of latest, skip, all"),
    ({"overlap": "LATEST"}, "overlap", "must be one of allow, skip, queue_one, cancel_previous"),
    ({"ttl_seconds": 0}, "ttl_seconds", "must be more than 0: the tasks of a schedule are kept"),
    ({"limits": {"tpu": 1}}, "limits.tpu", "is not a limit that exists"),
    ({"limits": {"openai": "1"}}, "limits.openai", "must be an integer, not a string"),
    ({"limits": {"openai": 1201}}, "limits.openai", "must be at most 1200"),
    ({"version": 1}, "version", "is not a known field"),
]


def test_a_wrong_value_is_refused_by_name(api: httpx.Client, db: psycopg.Connection, name: str) -> None:
    add_limit(db, "openai", burst=1200)
    whole = {"name": name, **MINIMAL}
    check_refused(api, "POST", PATH, WRONG, whole)
    for field in ("name", "task_name", "module_path"):
        body = {one: value for one, value in whole.items() if one != field}
        check_refused(api, "POST", PATH, [(body, field, "is required")])
    assert api.get(path(name)).status_code == 404
    create(api, name)
    unknown: list[Row] = [({"version": 1, "limits": {"tpu": 1}}, "limits.tpu", "is not a limit that exists")]
    check_refused(api, "PATCH", path(name), unknown)


def test_modules_are_those_that_the_server_allows(serve: Serve, name: str) -> None:
    client = serve(allowed_modules=("app.*",))
    version = create(client, name)["version"]
    for values, told in (
        ({"module_path": "os"}, "module_path is not one of the modules that this server allows"),
        ({"task_name": "__loader__.get_data"}, "task_name "),
    ):
        for refused in (
            client.post(PATH, json={"name": "other", **MINIMAL, **values}),
            client.patch(path(name), json={"version": version, **values}),
        ):
            assert (refused.status_code, refused.json()["error"][: len(told)]) == (400, told)
    assert client.patch(path(name), json={"version": version, "module_path": "app.sms"}).status_code == 200


def test_what_a_schedule_carries_is_bounded(api: httpx.Client, name: str) -> None:
    create(api, name, args=["x" * (MAX_BYTES - 4)])
    text = "x" * MAX_BYTES
    for field, value in (("args", [text]), ("kwargs", {"a": text}), ("metadata", {"a": text})):
        for refused in (
            api.post(PATH, json={"name": f"{name} larger", **MINIMAL, field: value}),
            api.patch(path(name), json={"version": 1, field: value}),
        ):
            told = f"{field} must have at most 64 KiB as JSON"
            assert (refused.status_code, refused.json()["error"]) == (400, told)


# Finding


def test_a_name_may_be_anything_printable_without_a_slash(api: httpx.Client) -> None:
    for odd in ("two words", "ü🐇", "100%", "%41", "?#&=+;:@", "previews", "...", "\\", "'"):
        assert create(api, odd)["name"] == odd
        assert api.get(path(odd)).json()["name"] == odd
        assert [[one["name"] for one in page] for page in pages(api, name=odd)] == [[odd]]
        assert api.post(path(odd, "/pause")).json()["state"] == "paused"
        assert api.get(path(odd, "/ticks")).json() == []
        assert api.delete(path(odd)).json() == {"name": odd, "deleted": True}


def test_an_unknown_name_is_404_and_one_that_can_be_none_is_400(api: httpx.Client) -> None:
    for method, action in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/run"),
        ("GET", "/ticks"),
    ):  # fmt: skip
        body = {"version": 1} if method == "PATCH" else None
        unknown = api.request(method, path("no such thing", action), json=body)
        assert (unknown.status_code, unknown.json()) == (404, {"error": "there is no schedule of this name"})
        wrong = api.request(method, path(" spaces ", action), json=body)
        assert (wrong.status_code, wrong.json()["details"][0]["loc"]) == (400, "name")
    # A path of the API is no schedule.
    assert api.delete(path("preview")).status_code == 405
    assert api.get(path("new")).status_code == 400
    assert api.get(path("a/b")).status_code == 404


def test_lists_go_by_queue_name_state_and_source_page_by_page(
    api: httpx.Client, db: psycopg.Connection, name: str
) -> None:
    def found(**params: Any) -> list[str]:
        return [one["name"] for page in pages(api, **params) for one in page]

    queue = f"queue of {name}"
    a, b, c, d = (f"{name} {letter}" for letter in "abcd")
    create(api, b, queue_name=queue, task_name="Report_Sales")
    create(api, a, queue_name=queue)
    create(api, d, queue_name=queue)
    create(api, c, queue_name="another")
    api.post(path(a, "/pause"))
    db.execute("UPDATE lapinq_schedules SET next_fire_at = NULL WHERE name = %s", (b,))
    db.execute("UPDATE lapinq_schedules SET source = 'app/schedules.toml' WHERE name = %s", (d,))
    assert found(queue=queue) == [a, b, d]
    assert found(name=name.upper()) == [a, b, c, d]
    assert found(queue=queue, name="report_s") == [b]
    assert [found(queue=queue, state=state) for state in ("active", "paused", "ended")] == [[d], [a], [b]]
    assert found(source="app/schedules.toml") == [d]
    assert found(source="app") == []
    whole = [one for page in pages(api, queue=queue, limit=1) for one in page]
    assert whole == api.get(PATH, params={"queue": queue, "limit": 3}).json()
    assert whole == [api.get(path(one)).json() for one in (a, b, d)]
    wrong = {
        "queue": [""], "name": ["", "a\0"], "source": ["x" * 1001], "state": ["running"], "limit": ["0", "1001"],
        "cursor": ["x", "____", "AAAA", "Lw"], "task_name": ["a"],
    }  # fmt: skip
    rows = [({name: value}, name) for name, values in wrong.items() for value in values]
    check_queries_refused(api, "GET", PATH, rows)
