"""The database goes away while clients go on enqueueing as fast as before, whatever they are answered."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.support.database.invariants import check_invariants
from tests.support.database.proxy import Proxy, proxy
from tests.support.eventually import eventually
from tests.support.programs.processes import ApiProcess

RATE = 300
SECONDS = 4.0
IN_TIME_SECONDS = 2.3  # two seconds, and something for a busy machine
BACK_SECONDS = 5.0
MAX_GROWTH_BYTES = 64 * 1024 * 1024

TASK = {"task_name": "aadd", "module_path": "tests.support.sample.tasks", "args": [1, "x" * 1000]}


class Answer(msgspec.Struct):
    """What one request got, and how long that took."""

    status: int
    seconds: float
    says_when_to_retry: bool


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("take_away", [Proxy.cut, Proxy.swallow], ids=["refused", "silent"])
def test_three_hundred_enqueues_a_second_are_all_refused_in_time(
    database: str, take_away: Callable[[Proxy], None]
) -> None:
    accepted: list[str] = []
    with (
        proxy(database) as between,
        ApiProcess(between.url) as api,
        httpx.Client(base_url=api.url, trust_env=False) as client,
    ):

        def is_taken() -> bool:
            answer = client.post("/api/v1/enqueue", json=TASK)
            if answer.status_code == HTTPStatus.CREATED:
                accepted.append(answer.json()["task_id"])
            return answer.status_code == HTTPStatus.CREATED

        assert is_taken()
        asyncio.run(enqueue_for(0.5, api.url))  # what a server sets up for its first requests is there
        before = resident(api.pid)

        take_away(between)
        answers = asyncio.run(enqueue_for(SECONDS, api.url))
        assert Counter(one.status for one in answers) == {HTTPStatus.SERVICE_UNAVAILABLE: RATE * SECONDS}
        assert all(one.says_when_to_retry for one in answers)
        times = sorted(one.seconds for one in answers)
        assert times[int(len(times) * 0.99)] < IN_TIME_SECONDS
        assert resident(api.pid) - before < MAX_GROWTH_BYTES

        between.heal()
        eventually(is_taken, BACK_SECONDS)
    check_invariants(database, accepted)


async def enqueue_for(seconds: float, url: str) -> list[Answer]:
    """What each of `RATE` requests a second got; each begins at its time, whether or not others have their answers."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        asked: list[asyncio.Task[Answer]] = []
        for number in range(int(RATE * seconds)):
            await asyncio.sleep(max(0.0, began + number / RATE - loop.time()))
            asked.append(group.create_task(ask(httpx.URL(url))))
    return [one.result() for one in asked]


async def ask(url: httpx.URL) -> Answer:
    """Enqueues over a connection of its own: hundreds wait at once, which must not take the time of the client."""
    body = json.dumps(TASK)
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"POST /api/v1/enqueue HTTP/1.1\r\nHost: {url.host}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    head, _, _ = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return Answer(
        status=int(head.split(" ", 2)[1]),
        seconds=time.perf_counter() - began,
        says_when_to_retry=re.search(r"(?im)^retry-after: [1-9]", head) is not None,
    )


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
