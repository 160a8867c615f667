"""Trying out over HTTP when a schedule would come."""

import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import httpx
import pytest

from tests.support.http.refusals import Row, check_queries_refused

PATH = "/api/v1/schedules/preview"


def preview(client: httpx.Client, **params: Any) -> dict[str, Any]:
    answer = client.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_it_tells_in_words_and_on_both_clocks(api: httpx.Client) -> None:
    shown = preview(api, cron="0 9 * * 1-5", timezone="Europe/Madrid", count=2, after="2026-03-27T12:00:00Z")
    assert shown == {
        "description": "At 09:00, Monday through Friday",
        "times": [
            {"at": "2026-03-30T07:00:00+00:00", "local": "2026-03-30T09:00:00+02:00"},
            {"at": "2026-03-31T07:00:00+00:00", "local": "2026-03-31T09:00:00+02:00"},
        ],
    }
    shown = preview(api, every="1h30m", starts_at="2090-01-01", ends_at="2090-01-01T03:00:00Z", language="es")
    assert shown["description"] == "Cada 1 hora y 30 minutos"
    assert [one["at"][11:16] for one in shown["times"]] == ["00:00", "01:30", "03:00"]


def test_left_out_it_is_five_times_from_now_on_in_utc(api: httpx.Client) -> None:
    times = preview(api, cron="* * * * *")["times"]
    assert len(times) == 5
    assert all(one["at"] == one["local"] for one in times)
    assert len(preview(api, cron="* * * * *", count=100)["times"]) == 100


def test_no_more_times_than_there_are(api: httpx.Client) -> None:
    assert preview(api, cron="@daily", after="2090-01-01", ends_at="2090-01-01T12:00:00Z")["times"] == []
    for params in ({"cron": "@daily"}, {"every": "1w"}):
        for zone in ("UTC", "Asia/Tokyo", "America/Bogota"):
            assert len(preview(api, **params, after="9999-12-30T12:00:00Z", timezone=zone)["times"]) <= 2
        assert len(preview(api, **params, after="0001-01-01", timezone="Asia/Tokyo")["times"]) == 5


def test_what_is_hashed_goes_by_the_name_as_in_a_schedule(api: httpx.Client, name: str) -> None:
    body = {"name": name, "task_name": "send", "module_path": "app", "cron": "H H * * *"}
    made = api.post("/api/v1/schedules", json=body).json()
    shown = preview(api, cron="H H * * *", name=name)
    assert shown["times"][0]["at"] == made["next_fire_at"]
    assert shown["description"] == made["description"]
    assert len({preview(api, cron="H H * * *", name=f"{name} {n}")["description"] for n in range(4)}) > 1


WRONG: list[Row] = [
    ({}, "cron", "must be given, or every"),
    ({"cron": "@daily", "every": "1h"}, "every", "must not be given together with cron"),
    ({"cron": "0 0 31 2 *"}, "cron", "never fires"),
    ({"cron": "@daily", "timezone": "../../etc/passwd"}, "timezone", "is not a time zone"),
    ({"cron": "@daily", "count": "101"}, "count", "between 1 and 100"),
    ({"cron": "@daily", "after": "soon"}, "after", "ISO 8601"),
    ({"cron": "@daily", "starts_at": "2091-01-01", "ends_at": "2090-01-01"}, "ends_at", "before starts_at"),
    ({"cron": "@daily", "name": "a/b"}, "name", "without a slash"),
    ({"cron": "@daily", "language": "fr"}, "language", "must be one of en, es"),
]


def test_a_wrong_value_is_refused_by_name(api: httpx.Client) -> None:
    check_queries_refused(api, "GET", PATH, WRONG)


HOSTILE = (
    "0 0 29 2 1#5",
    "28 31 */21 31 1,3,5,7,8,10,12 0#5",
    "* * * 29 2 1#5",
    "59 59 23 31 12 5#5",
    ",".join(["0-59/7"] * 30) + " 0 29 2 */7",
)
"""Expressions that come once in decades, or take long to read."""


@pytest.mark.alone
def test_nobody_waits_for_an_expression_that_is_hard_to_work_out(api: httpx.Client) -> None:
    def ask(expression: str) -> int:
        params = {"cron": expression, "count": 100, "timezone": "Antarctica/Troll"}
        return api.get(PATH, params=params).status_code

    with ThreadPoolExecutor(max_workers=10) as pool:
        asked = [pool.submit(ask, expression) for expression in HOSTILE * 4]
        waits: list[float] = []
        while wait(asked, timeout=0.02).not_done:
            began = time.monotonic()
            assert api.get("/livez").status_code == 200
            waits.append(time.monotonic() - began)
    assert {one.result() for one in asked} <= {200, 429}
    assert max(waits, default=0) < 1
