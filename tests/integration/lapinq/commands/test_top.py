"""`lapinq top` on a real server with a real worker: as a screen with keys, and as one picture."""

import json

import pytest

from lapinq.server import create_app
from tests.support.database.invariants import statuses
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually
from tests.support.http.serving import serving
from tests.support.programs.command_line import lapinq, lapinq_at
from tests.support.programs.screen import Screen
from tests.support.programs.terminal import Terminal
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.http


def test_keys_act_on_what_is_selected_and_the_terminal_is_restored(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAPINQ_HEARTBEAT_INTERVAL", "0.2")
    monkeypatch.setenv("LAPINQ_SHUTDOWN_GRACE", "0.5")
    running = new_task(task_name="asleep", args=[60], queue_name="mail")
    failing = new_task(task_name="afail", args=["no paper"], queue_name="mail", max_retries=0)
    with serving(create_app(database, worker=True)) as client:
        enqueue_all(database, [failing, running])
        eventually(lambda: statuses(database) == {"running": 1, "failed": 1}, 30)

        def is_paused() -> bool:
            return client.get("/api/v1/queues/mail").json()["paused_at"] is not None

        place = ("--server", str(client.base_url))
        with Terminal("lapinq", "top", *place, "--interval", "0.2") as terminal:
            modes = terminal.modes
            terminal.until("asleep", 30)
            assert terminal.modes != modes
            terminal.type("p")
            terminal.until("paused mail")
            assert is_paused()
            terminal.until("\x1b[7;33mpaused")  # the next picture
            for key, shown in (
                ("p", "resumed mail"),
                ("r", "requeue 1 failed task of mail? y/n"),
                ("n", "not done"),
                ("\x1b[Z", "no paper"),
                ("r", f"requeue afail {failing.id}? y/n"),
                ("y", f"requeued afail {failing.id}"),
                ("\x1b[Z", "c cancel"),
                ("c", f"cancel asleep {running.id}? y/n"),
                ("y", f"asked asleep {running.id} to stop"),
            ):
                terminal.type(key)
                terminal.until(shown)
            assert not is_paused()
            eventually(lambda: statuses(database) == {"cancelled": 1, "failed": 1})
            terminal.until("nothing runs")
            terminal.type("q")
            assert terminal.end() == 0
            assert terminal.modes == modes
            screen = Screen(80, 24)
            screen.feed(terminal.output)
            assert screen.text().strip() == ""


def test_it_goes_on_while_the_database_is_away(database: str) -> None:
    with (
        proxy(database) as way,
        Terminal("lapinq", "top", "--database-url", way.url, "--interval", "0.2") as terminal,
    ):
        terminal.until("no queues yet", 30)
        way.cut()
        terminal.until("trying again", 30)
        terminal.type("")
        way.heal()
        enqueue_all(database, [new_task(queue_name="mail")])
        assert "trying again" not in terminal.until("no worker", 30).rpartition("\x1b[J")[2]
        way.swallow()
        terminal.type("\x03")
        assert terminal.end(60) == 0
        assert terminal.output.endswith("\x1b[?1049l")


def test_one_picture_and_json_show_the_same(database: str) -> None:
    enqueue_all(database, [new_task(queue_name="a\x1b[2J"), new_task(queue_name="mail")])
    once = lapinq(database, "top")
    assert (once.exit_code, once.stderr) == (0, "")
    lines = once.stdout.splitlines()
    assert lines[0].startswith("tasks   2 pending")
    [mail] = [line for line in lines if line.startswith("mail")]
    assert "no worker" in mail
    assert "\x1b" not in once.stdout
    assert lines[-2:] == ["RUNNING TASK  TIME  QUEUE  WORKER  TRY  PROGRESS  ID", "nothing runs"]
    of_one = json.loads(lapinq(database, "top", "--json", "--queue", "mail", "--minutes", "1").stdout)
    assert (of_one["window_seconds"], [each["queue_name"] for each in of_one["queues"]]) == (60, ["mail"])
    away = lapinq_at(("--server", "http://127.0.0.1:1"), "top", "--once")
    assert (away.exit_code, away.stdout) == (1, "")
    assert away.stderr.startswith("Error: no answer from http://127.0.0.1:1")
