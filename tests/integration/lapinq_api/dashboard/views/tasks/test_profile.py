"""The page of a profile."""

from datetime import datetime

import httpx
import psycopg
import pytest

from lapinq_api.dashboard.page import words
from lapinq_core.domain.tasks.diagnostics.profile import WAITING, Frame, collapsed, packed
from lapinq_core.domain.tasks.state import Status

pytestmark = pytest.mark.http


def test_a_profile_is_shown_as_graph_and_table(
    signed_in: httpx.Client, made: dict[Status, str], db: psycopg.Connection
) -> None:
    task_id = made[Status.COMPLETED]
    path = f"/tasks/{task_id}/profile"
    assert signed_in.get(path).status_code == 404
    assert "/profile" not in signed_in.get(f"/tasks/{task_id}").text
    main, slow = Frame("main", "/srv/app/main.py", 3), Frame("slow", "/srv/app/slow.py", 7)
    profile = collapsed({(main, slow): 150, (main,): 30, (main, WAITING): 20}, interval=0.005, seconds=2.0)
    store = "UPDATE lapinq_attempts SET profile = %s WHERE task_id = %s AND final"
    db.execute(store, (packed(profile), task_id))
    page = signed_in.get(path).text.replace("\xa0", " ").replace("\u202f", " ")
    for piece in (
        "main, /srv/app/main.py:3: 2.0 s, 100 %",
        "75 %",
        "1.5 s",
        "200 samples",
        "waiting: 200 ms, 10 %",
        "A coroutine that waits",
    ):
        assert piece in page, piece
    [attempt] = signed_in.get(f"/api/v1/tasks/{task_id}/attempts").json()
    at = words.address(datetime.fromisoformat(attempt["started_at"]))
    assert f'href="../tasks/{task_id}/profile?attempt={at}"' in signed_in.get(f"/tasks/{task_id}").text
    assert "Show the whole attempt" in signed_in.get(path, params={"call": "2"}).text
    for query, status in (
        ({"attempt": at}, 200),
        ({"attempt": "2026-01-31T12:00:00Z"}, 404),
        ({"attempt": "1"}, 400),
        ({"call": "-1"}, 400),
        ({"call": "9999"}, 200),
    ):
        assert signed_in.get(path, params=query).status_code == status, query
    db.execute(store, (b"x", task_id))
    assert signed_in.get(path).status_code == 404
    assert signed_in.get(f"/api/v1/tasks/{task_id}/attempts/{at}/profile").status_code == 404
