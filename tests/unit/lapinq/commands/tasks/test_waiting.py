"""Waiting for tasks: the exit code, and a server that is away meanwhile."""

from typing import Any

import pytest

from lapinq.commands.console.api import remote
from lapinq.commands.tasks import waiting
from lapinq.commands.tasks.waiting import await_tasks
from lapinq_core.runtime import exits
from tests.unit.lapinq.conftest import TASK_ID, Script, finished

JSON = {"content-type": "application/json"}
NOT_FINISHED = {"error": "task not finished", "status": "running"}


def wait(server: Script, count: int, timeout: float | None) -> tuple[list[dict[str, Any]], int]:
    with remote(server.url, None) as api:
        return await_tasks(api, [TASK_ID] * count, timeout, prints=False)


def test_one_that_is_late_decides_the_exit_code_among_those_that_failed(server: Script) -> None:
    failed = {**finished("null"), "status": "failed"}
    for answer in (failed, NOT_FINISHED, {"why": "It runs."}, failed):
        server.answer(200, answer, JSON)
    assert wait(server, 3, timeout=0)[1] == exits.TIMED_OUT


def test_a_server_that_is_away_meanwhile_is_asked_again(
    server: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_PAUSE_SECONDS", 0.0)
    server.answer(200, NOT_FINISHED, JSON)
    server.answer(503, {"error": "the database is away"}, JSON)
    server.answer(502, "Bad Gateway")
    server.answer(200, finished("3"), JSON)
    assert wait(server, 1, timeout=None) == ([finished("3")], 0)
