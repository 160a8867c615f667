"""The client of the only server, which is killed again and again: each enqueue returns, and is stored once."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from lapinq import TaskQueue
from tests.support.database.invariants import check_invariants
from tests.support.eventually import eventually
from tests.support.programs.processes import ApiProcess, reserved_port
from tests.support.sample import tasks

pytestmark = pytest.mark.slow

KILLS = 2
CLIENTS = 4
STORED_BETWEEN_KILLS = 60


def test_enqueues_amid_which_the_server_is_killed_return_and_are_stored_once(database: str) -> None:
    over = threading.Event()
    with (
        reserved_port() as port,
        psycopg.connect(database, autocommit=True) as conn,
        TaskQueue(f"http://127.0.0.1:{port}", timeout=90) as queue,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        add = queue.task(tasks.add)

        def send(client: int) -> list[str | None]:
            ids: list[str | None] = []
            for number in itertools.count():
                if over.is_set():
                    return ids
                ids.append(add.queue(client, number).task_id)
                if number % 5 == 0:
                    ids += queue.batch_enqueue([add.entry(client, number)] * 3).task_ids
            return ids

        def stored() -> set[str]:
            return {str(row[0]) for row in conn.execute("SELECT id FROM lapinq_tasks")}

        ids: list[str | None] = []
        sent = [pool.submit(send, client) for client in range(CLIENTS)]
        try:
            for kill in range(KILLS + 1):
                with ApiProcess(database, "--port", str(port)) as server:
                    enough = len(stored()) + STORED_BETWEEN_KILLS
                    eventually(lambda enough=enough: len(stored()) > enough, 60)
                    if kill < KILLS:
                        server.kill()
                        continue
                    over.set()
                    for one in sent:
                        ids += one.result(60)
        finally:
            over.set()
        assert len(ids) == len(set(ids))
        assert set(ids) == stored()
        check_invariants(database, [str(task_id) for task_id in ids])
