"""Schedules as programs that call the API make them and look for them."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

PATH = "/api/v1/schedules"
MINIMAL = {"task_name": "send", "module_path": "app.mail", "cron": "0 9 * * 1-5"}
WHOLE: dict[str, Any] = {
    "task_name": "send",
    "module_path": "app.mail",
    "queue_name": "mail",
    "args": [1, None, {"a": []}],
    "kwargs": {"b": 2.5},
    "cron": None,
    "every": "1h30m",
    "timezone": "Europe/Madrid",
    "starts_at": "2090-01-31T12:00:00+00:00",
    "ends_at": "2091-01-31T12:00:00+00:00",
    "jitter": 30,
    "misfire": "all",
    "misfire_limit": 7,
    "overlap": "queue_one",
    "max_retries": 1,
    "priority": -5,
    "ttl_seconds": 90.5,
    "metadata": {"c": 3},
    "retry_delay": 2.5,
    "retry_backoff": False,
    "webhook_url": "https://a.example/",
    "timeout_seconds": 1,
    "key": "acme",
    "limits": {"openai": 1200},
}
"""A value for each field but the name, none of them the default."""


def path(name: str, action: str = "") -> str:
    """Where a schedule is, or an action on it."""
    return f"{PATH}/{quote(name, safe='')}{action}"


def create(client: httpx.Client, name: str, **values: Any) -> dict[str, Any]:
    """A new schedule as it was answered; at nine on working days unless `values` say otherwise."""
    answer = client.post(PATH, json={"name": name, **MINIMAL, **values})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def pages(client: httpx.Client, where: str = PATH, **params: Any) -> Iterator[list[dict[str, Any]]]:
    """A list, page by page."""
    while True:
        answer = client.get(where, params=params)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        if (cursor := answer.headers.get("X-Next-Cursor")) is None:
            return
        params["cursor"] = cursor
