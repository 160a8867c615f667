"""Times in answers: all of them in UTC, with the offset written out."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx

from lapinq_core.domain.tasks.state import Status
from tests.support.http.people import add_user

_NAMES = re.compile(r"at|since|until|.*_at")


def test_every_time_that_is_answered_ends_in_its_offset(
    signed_in: httpx.Client, made: dict[Status, str]
) -> None:
    assert signed_in.post("/api/v1/keys", json={"name": "clock", "scopes": ["read"]}).status_code == 201
    assert signed_in.post("/api/v1/queues/clock/pause").status_code == 200
    add_user(signed_in, mail=["pause"])
    found: dict[str, str] = {}
    for path in (
        "/api/v1/keys",
        "/api/v1/audit",
        "/account/sessions",
        "/api/v1/queues/clock",
        f"/api/v1/tasks/{made[Status.COMPLETED]}",
        f"/api/v1/tasks/{made[Status.COMPLETED]}/result",
        f"/api/v1/tasks/{made[Status.COMPLETED]}/attempts",
        "/api/v1/tasks",
        "/api/v1/tasks/failed",
        "/api/v1/webhooks",
    ):
        answer = signed_in.get(path)
        assert answer.status_code == 200, path
        for name, text in _times(answer.json()):
            assert text.endswith("+00:00"), (path, name, text)
            assert datetime.fromisoformat(text).utcoffset() == timedelta(0)
            found[f"{path.split('/')[-1]} {name}"] = text
    made_now = signed_in.post("/api/v1/keys", json={"name": "second", "scopes": ["read"]}).json()
    assert made_now["created_at"].endswith("+00:00")
    for expected in (
        "keys created_at",
        "audit at",
        "sessions seen_at",
        "clock paused_at",
        "tasks created_at",
    ):
        assert expected in found


def _times(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _times(one)
    elif isinstance(value, dict):
        for name, one in value.items():  # pyright: ignore[reportUnknownVariableType]
            if isinstance(name, str) and isinstance(one, str) and _NAMES.fullmatch(name):
                yield name, one
            yield from _times(one)
