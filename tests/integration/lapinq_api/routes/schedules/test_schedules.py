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
    shown = create(api, name)
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


def test_every_value_is_kept(api: httpx.Client, db: psycopg.Connection, name: str) -> None:
    add_limit(db, "openai", burst=1200)
    shown = create(api, name, **WHOLE)
    assert {field: shown[field] for field in WHOLE} == WHOLE
    assert set(Definition.__struct_fields__) - {"name"} == set(WHOLE)
    assert shown["description"] == "Every 1 hour and 30 minutes"
    assert shown["next_fire_at"] == WHOLE["starts_at"]


def test_a_limit_must_exist_when_the_schedule_is_stored(
    api: httpx.Client, db: psycopg.Connection, name: str
) -> None:
    add_limit(db, "openai", burst=1200)
    for limits, problem in (
        ({"tpu": 1}, "limits.tpu is not a limit that exists"),
        ({"openai": 1201}, "limits.openai must be at most 1200"),
        ({"openai": "1"}, "limits.openai must be an integer, not a string"),
    ):
        refused = api.post(PATH, json={"name": name, **MINIMAL, "limits": limits})
        assert (refused.status_code, refused.json()["error"][: len(problem)]) == (400, problem)
    create(api, name)
    changed = api.patch(path(name), json={"version": 1, "limits": {"tpu": 1}})
    assert changed.json()["error"] == "limits.tpu is not a limit that exists"


def test_times_without_an_offset_are_utc_and_intervals_are_written_in_one_way(
    api: httpx.Client, name: str
) -> None:
    shown = create(
        api, name, cron=None, every="90m", starts_at="2090-01-01T00:00:00", ends_at="2090-06-01T02:00+02:00"
    )
    assert (shown["starts_at"], shown["ends_at"]) == (
        "2090-01-01T00:00:00+00:00",
        "2090-06-01T00:00:00+00:00",
    )
    assert shown["every"] == "1h30m"


def test_null_counts_as_left_out(api: httpx.Client, name: str) -> None:
    nothing = {field: None for field in WHOLE if field not in MINIMAL}
    shown = create(api, name, **nothing)
    assert (shown["max_retries"], shown["misfire"], shown["timezone"]) == (3, "latest", "UTC")


def test_a_name_is_taken_once(api: httpx.Client, schedule: dict[str, Any]) -> None:
    again = api.post(PATH, json={"name": schedule["name"], **MINIMAL, "cron": "@daily"})
    assert again.status_code == 409
    assert again.json() == {"error": "a schedule with this name exists already"}
    assert api.get(path(schedule["name"])).json() == schedule


WRONG: list[Row] = [
    ({"name": "a/b"}, "name", "without a slash"),
    ({"name": "new"}, "name", "not preview or new"),
    ({"name": " a"}, "name", "spaces around"),
    ({"name": ""}, "name", "must have 1 to 255 characters"),
    ({"name": 1}, "name", "must be a string, not an integer"),
    ({"task_name": "\n"}, "task_name", "printable"),
    ({"task_name": None}, "task_name", "must be a string, not null"),
    ({"module_path": "a b"}, "module_path", "dotted"),
    ({"queue_name": ""}, "queue_name", "must have 1 to 255 characters"),
    ({"args": {}}, "args", "must be a list, not an object"),
    ({"args": ["\0"]}, "args[0]", "NUL"),
    ({"kwargs": []}, "kwargs", "must be an object, not a list"),
    ({"metadata": {"a": "\0"}}, "metadata.a", "NUL"),
    ({"cron": "61 * * * *"}, "cron", "61"),
    ({"cron": "0 0 30 2 *"}, "cron", "never fires"),
    ({"cron": "@reboot"}, "cron"),
    ({"cron": None}, "cron", "must be given, or every"),
    ({"every": "1h"}, "every", "must not be given together with cron"),
    ({"cron": None, "every": "0s"}, "every", "must be between 1s"),
    ({"cron": None, "every": "often"}, "every", "whole numbers"),
    ({"timezone": "Mars/Olympus"}, "timezone", "is not a time zone"),
    ({"timezone": "../etc/passwd"}, "timezone", "is not a time zone"),
    ({"starts_at": "soon"}, "starts_at", "ISO 8601"),
    ({"starts_at": 5}, "starts_at", "must be a string, not an integer"),
    ({"starts_at": "9999-12-31T23:59:59-14:00"}, "starts_at", "can be converted to UTC"),
    ({"ends_at": "2001-01-01"}, "ends_at", "must not be in the past"),
    ({"starts_at": "2091-01-01", "ends_at": "2090-01-01"}, "ends_at", "must not be before starts_at"),
    ({"starts_at": "2090-01-02", "ends_at": "2090-01-02T01:00Z"}, "cron", "no tick falls between"),
    ({"jitter": -1}, "jitter", "between 0 and 86400"),
    ({"jitter": 86_401}, "jitter", "between 0 and 86400"),
    ({"misfire": "never"}, "misfire", "must be one of latest, skip, all"),
    ({"misfire_limit": 0}, "misfire_limit", "between 1 and 1000"),
    ({"misfire_limit": 1.5}, "misfire_limit", "must be an integer, not a decimal fraction"),
    ({"overlap": "LATEST"}, "overlap", "must be one of allow, skip, queue_one, cancel_previous"),
    ({"max_retries": "3"}, "max_retries", "must be an integer, not a string"),
    ({"priority": True}, "priority", "must be an integer, not a boolean"),
    ({"ttl_seconds": 0}, "ttl_seconds", "must be more than 0: the tasks of a schedule are kept"),
    ({"retry_delay": -1}, "retry_delay", "ten years"),
    ({"retry_backoff": 1}, "retry_backoff", "must be true or false, not an integer"),
    ({"webhook_url": "ftp://a"}, "webhook_url", "http or https"),
    ({"timeout_seconds": 0}, "timeout_seconds", "must be more than 0"),
    ({"version": 1}, "version", "is not a known field"),
    ({"scheduled_at": "2090-01-01"}, "scheduled_at", "is not a known field"),
]  # fmt: skip


def test_a_wrong_value_is_refused_by_name(api: httpx.Client, name: str) -> None:
    whole = {"name": name, **MINIMAL}
    check_refused(api, "POST", PATH, WRONG, whole)
    for field in ("name", "task_name", "module_path"):
        body = {one: value for one, value in whole.items() if one != field}
        check_refused(api, "POST", PATH, [(body, field, "is required")])
    assert api.get(path(name)).status_code == 404


def test_modules_are_those_that_the_server_allows(serve: Serve, name: str) -> None:
    client = serve(allowed_modules=("app.*",))
    version = create(client, name)["version"]
    for refused in (
        client.post(PATH, json={"name": "other", **MINIMAL, "module_path": "os"}),
        client.patch(path(name), json={"version": version, "module_path": "os"}),
    ):
        assert refused.status_code == 400
        assert refused.json()["error"] == "module_path is not one of the modules that this server allows"
    for refused in (
        client.post(PATH, json={"name": "other", **MINIMAL, "task_name": "__loader__.get_data"}),
        client.patch(path(name), json={"version": version, "task_name": "_send"}),
    ):
        assert refused.status_code == 400
        assert refused.json()["details"][0]["loc"] == "task_name"
    assert client.patch(path(name), json={"version": version, "module_path": "app.sms"}).status_code == 200


def test_what_a_schedule_carries_is_bounded(api: httpx.Client, name: str) -> None:
    create(api, name, args=["x" * (MAX_BYTES - 4)])
    values = {
        "args": ["x" * MAX_BYTES],
        "kwargs": {"a": "x" * MAX_BYTES},
        "metadata": {"a": [1] * MAX_BYTES},
    }
    for field, value in values.items():
        for refused in (
            api.post(PATH, json={"name": f"{name} larger", **MINIMAL, field: value}),
            api.patch(path(name), json={"version": 1, field: value}),
        ):
            assert refused.status_code == 400
            assert refused.json()["error"] == f"{field} must have at most 64 KiB as JSON"


# Finding


def test_a_name_may_be_anything_printable_without_a_slash(api: httpx.Client) -> None:
    for odd in ("two words", "ü🐇", "100%", "%41", "?#&=+;:@", "previews", "a.b", "...", "\\", "'"):
        assert create(api, odd)["name"] == odd
        assert api.get(path(odd)).json()["name"] == odd
        assert [[one["name"] for one in page] for page in pages(api, name=odd)] == [[odd]]
        assert api.post(path(odd, "/pause")).json()["state"] == "paused"
        assert api.get(path(odd, "/ticks")).json() == []
        assert api.delete(path(odd)).json() == {"name": odd, "deleted": True}


def test_an_unknown_name_is_404_and_one_that_can_be_none_is_400(api: httpx.Client) -> None:
    calls: tuple[tuple[str, str, Any], ...] = (
        ("GET", "", None),
        ("PATCH", "", {"version": 1}),
        ("DELETE", "", None),
        ("POST", "/pause", None),
        ("POST", "/resume", None),
        ("POST", "/run", None),
        ("GET", "/ticks", None),
    )
    for method, action, body in calls:
        unknown = api.request(method, path("no such thing", action), json=body)
        assert (unknown.status_code, unknown.json()) == (404, {"error": "there is no schedule of this name"})
        wrong = api.request(method, path(" spaces ", action), json=body)
        assert (wrong.status_code, wrong.json()["details"][0]["loc"]) == (400, "name")


def test_a_path_of_the_api_is_no_schedule(api: httpx.Client) -> None:
    assert api.delete(path("preview")).status_code == 405
    assert api.get(path("new")).status_code == 400
    assert api.get(path("a/b")).status_code == 404


def test_lists_go_by_queue_name_state_and_source(
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
    assert found(queue=queue, name="report%") == []
    assert [found(queue=queue, state=state) for state in ("active", "paused", "ended")] == [[d], [a], [b]]
    assert found(source="app/schedules.toml") == [d]
    assert found(source="app") == []


def test_pages_follow_each_other_and_show_each_as_by_itself(api: httpx.Client, name: str) -> None:
    names = sorted(f"{name} {letter}" for letter in "edcbaü")
    for one in names:
        create(api, one, queue_name=name)
    assert [len(page) for page in pages(api, queue=name, limit=4)] == [4, 2]
    assert [len(page) for page in pages(api, queue=name, limit=6)] == [6]
    whole = [one for page in pages(api, queue=name, limit=1) for one in page]
    assert sorted(one["name"] for one in whole) == names
    assert whole == api.get(PATH, params={"queue": name}).json()
    assert whole == [api.get(path(one["name"])).json() for one in whole]


def test_a_wrong_filter_is_refused_by_name(api: httpx.Client) -> None:
    wrong = {
        "queue": [""], "name": ["", "a\0"], "source": ["x" * 1001], "state": ["running"], "limit": ["0", "1001"],
        "cursor": ["x", "____", "AAAA", "Lw"], "task_name": ["a"],
    }  # fmt: skip
    rows = [({name: value}, name) for name, values in wrong.items() for value in values]
    check_queries_refused(api, "GET", PATH, rows)
