"""What a worker says when it begins, and of its rates."""

# pyright: reportPrivateUsage=false

import json
import os
import re
import sys
from pathlib import Path

import pytest

from lapinq_core.domain.version import __version__
from lapinq_core.runtime.settings import Settings
from lapinq_worker.reporting.banner import MAX_TASKS, database_label, registered_tasks
from lapinq_worker.reporting.rates import wants_rates
from tests.integration.lapinq_worker.desk import Desk, task_of, until
from tests.support.eventually import eventually
from tests.support.programs.processes import WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.sample import tasks

DECLARED = "tests.support.sample.declared"
QUICK = """
import sys
import lapinq_worker.reporting.rates
from lapinq.cli import main
lapinq_worker.reporting.rates.RATES_INTERVAL_SECONDS = 0.3
main()
"""


class QuickRates(WorkerProcess):
    """A worker whose minute is short."""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", QUICK, *arguments]


def test_it_says_what_it_serves(database: str, tmp_path: Path) -> None:
    lines = [f"@queue.task\ndef task_{n:03}(): ...\n" for n in range(MAX_TASKS + 9)]
    (tmp_path / "many_tasks.py").write_text(
        "from lapinq import TaskQueue\nqueue = TaskQueue()\n" + "".join(lines)
    )
    queues = ("-q", "a", "-q", "b", "--strict-order", "--import", "many_tasks")
    arguments = ("--name", "anna", "--concurrency", "7", "--max-memory", "512M")
    with WorkerProcess(database, *queues, *arguments, cwd=tmp_path) as worker:
        for line in (
            rf"lapinq {re.escape(__version__)} on Python 3\.\d+\.\d+, worker anna",
            r"database: \S+/lapinq_test_\w+",
            r"up to 7 tasks at once, plain functions in processes",
            r"limits: time 300 s, .*memory of a child 512 MiB",
            rf"tasks: many_tasks\.task_000, .*many_tasks\.task_{MAX_TASKS - 1:03} and 9 more",
            r"worker \S+ serves a, b, strictly in this order",
        ):
            worker.said(line)


def test_as_json_it_is_one_line_with_fields_and_so_are_the_rates(database: str) -> None:
    arguments = ("--rates", "--json-log", "-q", "video=3", "--import", DECLARED)
    with QuickRates(database, *arguments) as worker:
        worker.said(r"rates of the last.*\n")
        lines = [json.loads(line) for line in re.findall(r"^{.*}$", worker.output, re.MULTILINE)]
    (line,) = [line for line in lines if "serves" in line["message"]]
    assert line["message"] == f"worker {line['worker']} serves video=3"
    assert line["version"] == __version__
    assert line["queues"] == {"video": 3}
    assert line["strict_order"] is False
    assert f"{DECLARED}.fail_always" in line["tasks"]
    assert line["task_count"] == len(line["tasks"])
    assert line["limits"]["time"] == "300 s"
    rates = next(line for line in lines if "rates of" in line["message"])
    names = ("started_per_second", "completed", "failed", "retried", "running", "waiting_here")
    assert {name: rates[name] for name in names} == dict.fromkeys(names, 0)


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("postgresql://me:secret@db.example:6432/app?sslmode=require", "db.example:6432/app"),
        ("postgresql://db.example/app", "db.example/app"),
        ("postgresql:///app", "localhost/app"),
        ("host=/run/postgresql dbname=app user=me password=secret", "/run/postgresql/app"),
        ("postgresql:///lapinq?host=/tmp/a%20b&port=5432&user=lapinq", "embedded"),
        ("postgresql://me:secret@one:1,two:2/app", "one:1,two:2/app"),
    ],
)
def test_the_database_is_named_without_the_way_in(url: str, label: str) -> None:
    assert database_label(url) == label


def test_modules_that_were_not_imported_are_not_for_the_list() -> None:
    assert registered_tasks(Settings(worker_imports=("no.such.module",))) == []


def test_rates_are_said_once_a_while(database: str) -> None:
    with QuickRates(database, "--rates") as worker:
        worker.said(r"modules are imported when their first task comes")
        worker.said(
            r"0\.0 started/s; in the last 0\.\d+ s 0 completed, 0 failed, 0 retried; 0 running, 0 waiting"
        )
        enqueue_all(
            database,
            [
                *(task_of((tasks.noop, tasks.anoop)[n % 2]) for n in range(40)),
                task_of(tasks.fail, "x", max_retries=2),
                task_of(tasks.asleep, 3.0),
            ],
        )
        worker.said(r"1 running")

        def total(what: str) -> int:
            return sum(map(int, re.findall(rf"(\d+) {what}", worker.output)))

        # The last of the three starts is the end of it.
        worker.said(r"1 failed")
        assert (total("retried"), total("failed")) == (2, 1)
        eventually(lambda: total("completed") == 41)
        worker.said(r"0 running, 0 waiting here\n(?s:.*)0 completed")
        assert total("completed") == 41


async def test_every_start_is_counted_once(desk: Desk) -> None:
    quick = [task_of((tasks.noop, tasks.anoop)[n % 2]) for n in range(200)]
    slow = [task_of(tasks.asleep, 0.01) for _ in range(20)]
    async with desk.working() as worker:
        await desk.ended(*await desk.hand_in_many([*quick, *slow]))
        dispatcher, settler = worker._dispatcher, worker._settler
        await until(lambda: dispatcher.active == 0)
        assert dispatcher.started_count == dispatcher.ended_count == settler.completed_count == 220


def test_rates_are_for_terminals_unless_it_is_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, terminal = os.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(terminal, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        assert wants_rates(Settings())
        assert not wants_rates(Settings(worker_rates=False))
        monkeypatch.undo()
    with Path(os.devnull).open("w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        assert not wants_rates(Settings())
        assert wants_rates(Settings(worker_rates=True))
        monkeypatch.undo()
