"""Times in answers: all of them in UTC, with the offset written out."""

import re

import httpx

from lapinq_core.domain.tasks.state import Status

_TIME = re.compile(r'"(at|since|until|\w+_at)":"([^"]*)"')


def test_every_time_that_is_answered_ends_in_its_offset(
    signed_in: httpx.Client, made: dict[Status, str]
) -> None:
    assert signed_in.post("/api/v1/keys", json={"name": "clock", "scopes": ["read"]}).status_code == 201
    assert signed_in.post("/api/v1/queues/clock/pause").status_code == 200
    task = f"tasks/{made[Status.COMPLETED]}"
    for path, name in (
        ("api/v1/keys", "created_at"),
        ("api/v1/audit", "at"),
        ("account/sessions", "seen_at"),
        ("api/v1/queues/clock", "paused_at"),
        ("api/v1/tasks", "created_at"),
        (f"api/v1/{task}", "completed_at"),
        (f"api/v1/{task}/result", "completed_at"),
        (f"api/v1/{task}/attempts", "finished_at"),
    ):
        times = _TIME.findall(signed_in.get(f"/{path}").text)
        assert name in {found for found, _ in times}, path
        assert all(text.endswith("+00:00") for _, text in times), (path, times)
