"""What those who look at the dashboard cost the API: `python -m tests.bench.dashboard.viewers --viewers 200`.

A real API process and a worker on a private database, tasks coming in at a steady rate, and so many sockets on which
the overview is watched. Measured from outside: the processor time of the API process, with and without viewers, and how
long after its enqueueing a viewer is told of a change.
"""

import asyncio
import json
import os
import statistics
import time
from pathlib import Path

import click
import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.run.server import own_server
from tests.support.database import postgres
from tests.support.http.people import log_in
from tests.support.programs.processes import ApiProcess, WorkerProcess

DELAYS = 10
TASK = {"module_path": "math", "task_name": "gcd", "args": [12, 18], "queue_name": "bench"}


@click.command()
@click.option("--viewers", default=200)
@click.option("--seconds", default=20.0, help="For how long each is measured.")
@click.option("--rate", default=50, help="Tasks enqueued a second.")
@click.option("--page", default="", help="Address of the page that is watched.")
def main(viewers: int, seconds: float, rate: int, page: str) -> None:
    """Prints shares of a core, and delays in milliseconds."""
    with (
        own_server(None) as url,
        postgres.private_database(url) as database,
        ApiProcess(database, "--log-level", "warning") as api,
        WorkerProcess(database),
    ):
        with httpx.Client(base_url=api.url, trust_env=False) as client:
            token = log_in(client)
        asyncio.run(_measure(api, token, viewers, seconds, rate, page))


async def _measure(api: ApiProcess, token: str, viewers: int, seconds: float, rate: int, page: str) -> None:
    enqueuing = asyncio.create_task(_enqueue(api.url, rate))
    await asyncio.sleep(3)
    alone = await _cost(api.pid, seconds)
    print(f"nobody looks: {alone:.3f} of a core at {rate} tasks/s")
    memory = _resident_bytes(api.pid)
    address = f"{api.url.replace('http', 'ws', 1)}/ws"
    counts = [0, 0]  # messages, bytes
    sockets: list[ClientConnection] = []
    for _ in range(viewers):
        socket = await connect(address, proxy=None)
        await socket.send(json.dumps({"type": "auth", "token": token}))
        await socket.send(json.dumps({"type": "watch", "page": page}))
        await socket.recv()  # only few of one address may be there that are not known yet
        sockets.append(socket)
    readers = [asyncio.create_task(_read(socket, counts)) for socket in sockets]
    await asyncio.sleep(3)
    counts[:] = 0, 0
    watched = await _cost(api.pid, seconds)
    print(f"{viewers} look:   {watched:.3f} of a core, {watched - alone:+.3f}")
    print(f"{(_resident_bytes(api.pid) - memory) / viewers / 1024:.0f} KiB of memory for each")
    print(
        f"{counts[0] / seconds / viewers:.2f} messages a second to each, "
        f"{counts[1] / seconds / 2**20:.2f} MiB/s in all before compression"
    )
    enqueuing.cancel()
    for _ in range(min(DELAYS, viewers)):  # for there may be as many as there are places
        readers.pop().cancel()
        await sockets.pop().close()
    delays = [await _delay(api.url, address, token, number) for number in range(DELAYS)]
    print(
        f"told of a new queue after {1000 * statistics.median(delays):.0f} ms, {1000 * max(delays):.0f} at most"
    )
    for reader in readers:
        reader.cancel()
    for socket in sockets:
        await socket.close()


async def _enqueue(url: str, rate: int) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        started = time.monotonic()
        for number in range(10**9):
            await client.post("/api/v1/enqueue", json=TASK)
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))


async def _read(socket: ClientConnection, counts: list[int]) -> None:
    async for message in socket:
        counts[0] += 1
        counts[1] += len(message)


async def _cost(pid: int, seconds: float) -> float:
    before, started = _processor_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return (_processor_seconds(pid) - before) / (time.monotonic() - started)


async def _delay(url: str, address: str, token: str, number: int) -> float:
    """Seconds from before an enqueue to the message that shows its queue."""
    queue = f"new-{number}"
    async with (
        connect(address, proxy=None) as socket,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        await socket.send(json.dumps({"type": "auth", "token": token}))
        await socket.send(json.dumps({"type": "watch", "page": ""}))
        async for message in socket:
            if "overview-queues" in str(message):
                break
        started = time.monotonic()
        await client.post("/api/v1/enqueue", json={**TASK, "queue_name": queue})
        async for message in socket:
            if f"queue-{queue}" in str(message):
                break
        return time.monotonic() - started


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
