"""Clients of the HTTP API that enqueue without a pause and note what was acknowledged."""

import random
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

BATCH = 25
CREATED = 201


class Load:
    """Single tasks and batches of all kinds in turn, from several threads, until the server at `url` is gone.

    `accepted` are the ids that were acknowledged, each with the task. Tasks that may start once only leave a file for
    each start in `directory`.
    """

    def __init__(self, url: str, directory: Path, clients: int) -> None:
        self.accepted: dict[str, dict[str, Any]] = {}
        self._url = url
        self._directory = directory
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._enqueue, args=(n,)) for n in range(clients)]

    @contextmanager
    def running(self) -> Generator[None]:
        """While it enqueues; at the end no client waits for an answer any more."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(30)
                assert not thread.is_alive()

    def _enqueue(self, client: int) -> None:
        chance = random.Random(client)
        number = 0
        with httpx.Client(base_url=self._url, timeout=10, trust_env=False) as api:
            while not self._stop.is_set():
                number += 1
                count = 1 if number % BATCH else BATCH
                tasks = [self._task(chance, f"{client}-{number}-{n}") for n in range(count)]
                try:
                    ids = _post(api, tasks)
                except httpx.TransportError:
                    return
                # The server refuses when its database is gone before itself.
                self.accepted.update(zip(ids, tasks, strict=bool(ids)))

    def _task(self, chance: random.Random, name: str) -> dict[str, Any]:
        kind = chance.random()
        task: dict[str, Any] = {
            "module_path": "tests.support.sample.tasks",
            "retry_delay": 0.1,
            "retry_backoff": False,
        }
        if kind < 0.05:
            return {**task, "task_name": "afail", "args": ["on purpose"], "max_retries": 1}
        if kind < 0.15:
            marked = [str(self._directory), name, 0.02]
            return {**task, "task_name": "amark", "args": marked, "max_retries": 0}
        if kind < 0.3:
            return {**task, "task_name": "asleep", "args": [0.02]}
        return {**task, "task_name": "add" if kind < 0.5 else "aadd", "args": [1, 2]}


def _post(api: httpx.Client, tasks: list[dict[str, Any]]) -> list[str]:
    """Their ids; none where the server refused."""
    if len(tasks) == 1:
        answer = api.post("/api/v1/enqueue", json=tasks[0])
        return [answer.json()["task_id"]] if answer.status_code == CREATED else []
    answer = api.post("/api/v1/enqueue/batch", json=tasks)
    return answer.json()["task_ids"] if answer.status_code == CREATED else []
