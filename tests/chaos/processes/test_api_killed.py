"""Two API processes on one database; one of them is killed again and again amid batches of a thousand."""

import os
import random
import signal
import threading
import time
from http import HTTPStatus
from itertools import chain, count
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
import pytest

from tests.support.database.invariants import check_invariants
from tests.support.eventually import eventually
from tests.support.programs.processes import ApiProcess, children_of

KILLS = 3
CLIENTS = 4
BATCH = 1000
TRANSIENT = 200
"""Of each batch so many tasks are fire and forget, which go into a table of their own."""
MAX_DELAY_SECONDS = 0.1
TASK: dict[str, Any] = {
    "task_name": "aadd",
    "module_path": "tests.support.sample.tasks",
    "args": [1, 2],
}


# A request has 2 s, which a server that is not killed keeps where nothing else asks for the machine.
@pytest.mark.alone
@pytest.mark.slow
def test_each_batch_amid_which_a_server_is_killed_is_stored_whole_or_not_at_all(database: str) -> None:
    chance = random.Random(28)
    taken: dict[str, list[str]] = {}
    unknown: list[str] = []
    with ApiProcess(database) as survivor, Batches("spared", survivor.url, 1) as spared:
        for kill in range(KILLS):
            with ApiProcess(database) as doomed, Batches(f"doomed {kill}", doomed.url, CLIENTS) as cut_off:
                eventually(lambda cut_off=cut_off: len(cut_off.taken) > CLIENTS, 30, 0)
                kill_at = time.monotonic() + chance.uniform(0, MAX_DELAY_SECONDS)
                eventually(lambda kill_at=kill_at: time.monotonic() > kill_at, interval=0.001)
                doomed.kill()
            assert len(cut_off.unknown) == CLIENTS
            taken |= cut_off.taken
            unknown += cut_off.unknown
        # Whoever got no answer asks the other server again, with the same key.
        with httpx.Client(base_url=survivor.url, timeout=30, trust_env=False) as client:
            repeated = {name: post(client, name) for name in unknown if is_keyed(name)}
    assert not spared.unknown
    check_whole(database, taken | spared.taken | repeated, unknown)


@pytest.mark.alone
@pytest.mark.slow
def test_the_same_when_it_is_one_of_the_processes_of_a_server(database: str) -> None:
    with ApiProcess(database, "--processes", "2") as server:
        with Batches("both", server.url, CLIENTS) as sent:
            eventually(lambda: len(sent.taken) > CLIENTS, 30, 0)
            os.kill(children_of(server.pid)[1], signal.SIGKILL)
            eventually(lambda: "starting another" in server.output)
        with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
            repeated = {name: post(client, name) for name in sent.unknown if is_keyed(name)}
        # A server without its parent ends, too.
        left = children_of(server.pid)
        server.kill()
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), 30)
    check_whole(database, sent.taken | repeated, sent.unknown)


def check_whole(database: str, taken: dict[str, list[str]], unknown: list[str]) -> None:
    """Fails unless each batch that was `taken` is stored as a whole, and each of the `unknown` ones or not at all."""
    with psycopg.connect(database) as conn:
        stored = dict(
            conn.execute("SELECT metadata->>'batch', count(*) FROM lapinq_tasks GROUP BY 1").fetchall()
        )
        transient = dict(
            conn.execute("SELECT metadata->>'batch', count(*) FROM lapinq_transient GROUP BY 1").fetchall()
        )
    assert set(stored.values()) == {BATCH - TRANSIENT}
    assert transient == dict.fromkeys(stored, TRANSIENT)
    assert set(taken) <= set(stored) <= {*taken, *unknown}
    check_invariants(database, chain.from_iterable(taken.values()))


class Batches:
    """Clients that send batches to a server, until it is gone or the context ends.

    `taken` has the ids of those that were acknowledged, by the name of the batch; `unknown` names those that got no
    answer.
    """

    def __init__(self, name: str, url: str, clients: int) -> None:
        self.taken: dict[str, list[str]] = {}
        self.unknown: list[str] = []
        self._url = url
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(f"{name}, client {client}",))
            for client in range(clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _send(self, client_name: str) -> None:
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False) as client:
            for number in count():
                if self._stop.is_set():
                    return
                name = f"{client_name}, batch {number}"
                try:
                    self.taken[name] = post(client, name)
                except httpx.TransportError:
                    self.unknown.append(name)
                    return


def is_keyed(name: str) -> bool:
    """Whether a batch is sent with a key: those of every other client are."""
    return "client 0" in name or "client 2" in name


def post(client: httpx.Client, name: str) -> list[str]:
    """Sends a batch; answers the ids of what is kept of it."""
    tasks = [
        {**TASK, "metadata": {"batch": name}, "ttl_seconds": 0 if n < TRANSIENT else None}
        for n in range(BATCH)
    ]
    headers = {"Idempotency-Key": name} if is_keyed(name) else {}
    answer = client.post("/api/v1/enqueue/batch", json=tasks, headers=headers)
    assert answer.status_code == HTTPStatus.CREATED, answer.text
    ids = [task_id for task_id in answer.json()["task_ids"] if task_id]
    assert len(ids) == BATCH - TRANSIENT
    return ids
