"""The three daemons as containers, on a database: tasks, schedules, health, an outage, and their stop."""

import re
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx

from tests.deploy.building import DERIVED, DERIVED_WITH_PACKAGES, name_of
from tests.deploy.podman import STOP_SECONDS, Container, once, zombies
from tests.deploy.setting import SECRETS_AT, Setting
from tests.deploy.transcript import Transcript
from tests.support.eventually import eventually

SLOW_SECONDS = 4


class Fleet:
    """The daemons of one run, and the API as a client sees it."""

    def __init__(self, setting: Setting, transcript: Transcript, stack: ExitStack) -> None:
        self.setting = setting
        self.transcript = transcript
        self._stack = stack
        self.api = stack.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{setting.api_port}",
                headers={"X-API-Key": setting.api_key},
                timeout=15,
                trust_env=False,
            )
        )

    def start(self, image: str, *arguments: str, **env: str) -> Container:
        """A container that is healthy; removed with the stack."""
        started = time.monotonic()
        container = self._stack.enter_context(
            Container(image, *arguments, env=self.setting.environment(**env), volumes=self.setting.volumes)
        )
        _holds(lambda: container.is_healthy() or not container.is_running())
        seconds = time.monotonic() - started
        if not self.transcript.check(
            f"{short(image)} is healthy", f"{seconds:.1f} s after its start", holds=container.is_healthy()
        ):
            self.transcript.note(container.log())
            raise AssertionError(f"{image} does not come up")
        return container

    def enqueue(self, task: str, *args: Any, module: str = "shop") -> str:
        answer = self.api.post(
            "/api/v1/enqueue", json={"module_path": module, "task_name": task, "args": list(args)}
        )
        assert answer.status_code < 300, answer.text
        return answer.json()["task_id"]

    def task(self, task_id: str) -> dict[str, Any]:
        return self.api.get(f"/api/v1/tasks/{task_id}").raise_for_status().json()

    def result(self, task_id: str, timeout: float = 30) -> dict[str, Any]:
        """The task once it has ended."""

        def ended() -> dict[str, Any] | None:
            task = self.task(task_id)
            return task if task["status"] not in {"pending", "running"} else None

        task = eventually(ended, timeout=timeout)
        assert task is not None
        return task


def short(image: str) -> str:
    """An image's name without the place it comes from."""
    return re.sub(r"^.*/|:[^:/]*$", "", image)


def run_daemons(setting: Setting, transcript: Transcript) -> None:
    """API, worker and scheduler in containers of their own."""
    transcript.part("The three daemons")
    migrated = once(
        name_of("lapinq-api"),
        "migrate",
        entrypoint="lapinq",
        env=setting.environment(),
        volumes=setting.volumes,
    )
    said = migrated.stdout.strip().splitlines()[-1:]
    transcript.check("lapinq migrate", *said or [migrated.stderr], holds=migrated.returncode == 0)
    with ExitStack() as stack:
        fleet = Fleet(setting, transcript, stack)
        files = {
            f"LAPINQ_{name.upper()}_FILE": f"{SECRETS_AT}/{name}"
            for name in ("api_key", "session_secret", "admin_password")
        }
        api = fleet.start(name_of("lapinq-api"), LAPINQ_PORT=str(setting.api_port), **files)
        lease = {
            "LAPINQ_HEARTBEAT_INTERVAL": "2",
            "LAPINQ_LEASE_SECONDS": "8",
        }  # so that an outage shows soon
        worker = fleet.start(
            DERIVED, "--import", "shop", LAPINQ_METRICS_PORT=str(setting.worker_port), **lease
        )
        scheduler = fleet.start(name_of("lapinq-scheduler"), LAPINQ_METRICS_PORT=str(setting.scheduler_port))
        daemons = {"api": api, "worker": worker, "scheduler": scheduler}
        for container in daemons.values():
            _look_at_confinement(container, transcript)
        _run_tasks(fleet, worker)
        _fire_a_schedule(fleet)
        for container in daemons.values():
            transcript.note(f"{short(container.image)} uses {container.memory()} of memory")
        _take_the_database_away(fleet, daemons)
        _stop(fleet, worker)
        for container in (scheduler, api):
            code, seconds = container.stop()
            transcript.check(
                f"{short(container.image)} stops at SIGTERM",
                f"code {code} after {seconds:.1f} s",
                holds=code == 0,
            )


def run_all_in_one(setting: Setting, transcript: Transcript) -> None:
    """The image `lapinq`: the three in one process."""
    transcript.part("All in one")
    with ExitStack() as stack:
        fleet = Fleet(setting, transcript, stack)
        files = {"LAPINQ_API_KEY_FILE": f"{SECRETS_AT}/api_key"}
        server = fleet.start(name_of("lapinq"), LAPINQ_PORT=str(setting.api_port), **files)
        task = fleet.result(fleet.enqueue("factorial", 20, module="math"))
        transcript.check("a task", task["result"], holds=task["status"] == "completed")
        transcript.note(f"it uses {server.memory()} of memory")
        code, seconds = server.stop()
        transcript.check("it stops at SIGTERM", f"code {code} after {seconds:.1f} s", holds=code == 0)


def run_derived(transcript: Transcript) -> None:
    """The worker with packages of its own: that they are there, and lapinq's whole."""
    done = once(DERIVED_WITH_PACKAGES, "-c", "import shop; print(shop.next_midnight())", entrypoint="python")
    transcript.check(
        "a worker with packages of its own finds them",
        done.stdout.strip() or done.stderr,
        holds=done.stdout.strip() == "2026-01-02T00:00:00+00:00",
    )


def _look_at_confinement(container: Container, transcript: Transcript) -> None:
    look = (
        "import os, pathlib\n"
        "status = dict(line.split(':\\t', 1) for line in open('/proc/1/status').read().splitlines())\n"
        "facts = [status[key].split()[0] for key in ('Uid', 'Gid', 'CapEff', 'NoNewPrivs')]\n"
        "for path in ('/app/x', '/opt/lapinq/x', '/var/x', '/x'):\n"
        "    try: pathlib.Path(path).touch(); facts.append('wrote ' + path)\n"
        "    except OSError: pass\n"
        "print(*facts)"
    )
    found = container.run("python", "-c", look).stdout.strip()
    transcript.check(
        f"{short(container.image)} has user, group, capabilities, no new ones, and writes nowhere",
        found,
        holds=found == "10001 10001 0000000000000000 1",
    )


def _run_tasks(fleet: Fleet, worker: Container) -> None:
    for name, args, wanted in (
        ("thumbnail", ["a.jpg"], '"a.jpg-200.jpg"'),
        ("greet", ["Ada"], '"Hello, Ada"'),
    ):
        started = time.monotonic()
        task = fleet.result(fleet.enqueue(name, *args))
        seen = f"{task['status']}, {task['result']}, {time.monotonic() - started:.2f} s"
        fleet.transcript.check(
            f"shop.{name} over HTTP", seen, holds=task["status"] == "completed" and task["result"] == wanted
        )
    left = fleet.result(fleet.enqueue("leave_behind"))
    gone = _holds(lambda: worker.run("test", "-e", f"/proc/{left['result']}").returncode == 1)
    fleet.transcript.check(
        "a process that a task left behind is reaped",
        zombies(worker) or "no zombies",
        holds=left["status"] == "completed" and gone and not zombies(worker),
    )


def _fire_a_schedule(fleet: Fleet) -> None:
    schedule = {
        "name": "each-second",
        "module_path": "shop",
        "task_name": "greet",
        "args": ["tick"],
        "every": "1s",
    }
    fleet.api.post("/api/v1/schedules", json=schedule).raise_for_status()

    def completed() -> int:
        answer = fleet.api.get("/api/v1/schedules/each-second/ticks").raise_for_status().json()
        return sum(tick["status"] == "completed" for tick in answer)

    fired = _holds(lambda: completed() >= 2)
    fleet.transcript.check("a schedule fires each second", f"{completed()} tasks completed", holds=fired)
    fleet.api.delete("/api/v1/schedules/each-second").raise_for_status()


def _take_the_database_away(fleet: Fleet, daemons: dict[str, Container]) -> None:
    for role, container in daemons.items():
        ready = _ready(container, role)
        fleet.transcript.check(f"{role} is ready", _last(ready.stdout), holds=ready.returncode == 0)
    fleet.setting.database.cut()
    for role in ("api", "worker"):  # a scheduler may be away for longer before it matters
        unready = _holds(lambda r=role: _ready(daemons[r], r).returncode == 1)
        seen = _last(_ready(daemons[role], role).stderr)
        fleet.transcript.check(f"{role} is not ready while the database is away", seen, holds=unready)
    for role, container in daemons.items():
        fleet.transcript.check(f"{role} is healthy all the same", "", holds=container.is_healthy())
    fleet.setting.database.heal()
    for role, container in daemons.items():
        ready = _holds(lambda c=container, r=role: _ready(c, r).returncode == 0)
        fleet.transcript.check(f"{role} is ready when it is back", "", holds=ready)
    task = fleet.result(fleet.enqueue("thumbnail", "b.jpg"))
    fleet.transcript.check("a task after that", task["result"], holds=task["status"] == "completed")


def _stop(fleet: Fleet, worker: Container) -> None:
    slow = fleet.enqueue("slow", SLOW_SECONDS)
    eventually(lambda: fleet.task(slow)["status"] == "running", timeout=30)
    code, seconds = worker.stop()
    task = fleet.task(slow)
    fleet.transcript.check(
        f"{short(worker.image)} finishes what it runs at SIGTERM",
        f"code {code} after {seconds:.1f} s of {STOP_SECONDS}, the task is {task['status']}",
        holds=code == 0 and task["status"] == "completed" and seconds < STOP_SECONDS,
    )


def _ready(container: Container, role: str) -> subprocess.CompletedProcess[str]:
    return container.run("lapinq", "health", role, "--ready")


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return eventually(check, timeout=40, interval=0.1)
    except AssertionError:
        return False


def _last(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
