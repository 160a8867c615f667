"""`lapinq bulk`."""

import json
from functools import partial

import pytest

from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.command_line import lapinq_at
from tests.support.rows.factories import enqueue

pytestmark = pytest.mark.http

NIL = "00000000-0000-0000-0000-000000000000"


def test_bulk_actions_are_listed_shown_and_stopped(command_database: str, at_server: tuple[str, ...]) -> None:
    on_connections(command_database, partial(enqueue, count=3, queue_name="mail"))

    def said(line: str, code: int = 0) -> str:
        done = lapinq_at(at_server, *line.split())
        assert done.exit_code == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    assert said("bulk list") == ""
    started = json.loads(said("api POST /api/v1/tasks/cancel?queue=mail&background=true&expected=3"))["id"]
    eventually(lambda: json.loads(said(f"bulk show {started} --json"))["state"] == "completed")
    row = said("bulk list --headings").splitlines()[1].split()
    assert row[:5] == [started, "cancel", "completed", "3", "3"]
    assert row[-1] == "queue=mail"
    assert said("bulk list --active") == ""
    assert ["done", "3"] in [line.split() for line in said(f"bulk show {started}").splitlines()]
    assert said(f"bulk stop {started}") == f"{started} is completed\n"
    for verb in ("show", "stop"):
        assert said(f"bulk {verb} {NIL}", 1) == f"Error: no bulk action {NIL}\n"
