"""How long the pages take on a large database: `python -m tests.bench.dashboard.pages URL`, as a table in Markdown.

A real server, one request after the other, as an admin who is logged in. A *page* comes whole over HTTP. A *look* is
how long an open page takes to come up to date: from the message that watches it to the one with all its parts, over
`/ws`. The database is one that `world` has filled; what it lacks since then is added first.
"""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString, NamedTuple

import click
import httpx
import psycopg
from psycopg import sql
from websockets.sync.client import ClientConnection, connect

from tests.bench.dashboard.addresses import addresses
from tests.bench.dashboard.world import bring_up_to_date
from tests.bench.run.facts import machine_facts
from tests.support.http import people
from tests.support.programs.processes import ApiProcess

PAGE_MS, LOOK_MS = 150, 50
"""The 95th percentile may be as long."""
SLOW_STATEMENT_MS = 5
PAUSE_SECONDS = 0.12
"""Between two messages, of which the server reads no more."""


class Taken(NamedTuple):
    """Milliseconds of a page and of its looks, each in the order in which they were taken; None for a page that is not
    live."""

    page: list[float]
    looks: list[float] | None
    kilobytes: float
    status: int

    @property
    def is_slow(self) -> bool:
        return _p95(self.page) > PAGE_MS or (self.looks is not None and _p95(self.looks) > LOOK_MS)


@click.command()
@click.argument("url")
@click.option("--only", multiple=True, help="Names of pages; all others are left out.")
@click.option("--times", default=30, show_default=True)
@click.option(
    "--server-log",
    type=click.Path(exists=True, path_type=Path),
    help="That of PostgreSQL. Then the plans of the slow statements of each slow page follow.",
)
def main(url: str, only: tuple[str, ...], times: int, server_log: Path | None) -> None:
    """Prints a row for each page, the slowest first."""
    bring_up_to_date(url)
    pages = {name: address for name, address in addresses(url).items() if not only or name in only}
    taken = _measure(url, pages, times)
    click.echo(machine_facts())
    click.echo(
        "| page | address | status | kB | p50 | p95 | first | look p50 | look p95 |\n"
        "| --- | --- | --: | --: | --: | --: | --: | --: | --: |"
    )
    for name, one in sorted(taken.items(), key=lambda item: -_p95(item[1].page)):
        looks = "– | –" if one.looks is None else f"{_p50(one.looks):.0f} | {_p95(one.looks):.0f}"
        click.echo(
            f"| {name}{' **slow**' * one.is_slow} | `{pages[name]}` | {one.status} | {one.kilobytes:.0f} |"
            f" {_p50(one.page):.0f} | {_p95(one.page):.0f} | {one.page[0]:.0f} | {looks} |"
        )
    if server_log is not None:
        slow = {name: pages[name] for name, one in taken.items() if one.is_slow}
        for name, plans in _explained(url, slow, server_log):
            click.echo(f"\n## {name}: {slow[name]}\n\n```\n{plans.strip()}\n```")


def _measure(url: str, pages: dict[str, str], times: int) -> dict[str, Taken]:
    with ApiProcess(url, "--log-level", "warning") as server, _client(server) as client:
        token = people.log_in(client)
        for warm in ("/account", "/docs"):
            client.get(warm)
        with connect(server.url.replace("http", "ws", 1) + "/ws", max_size=None, proxy=None) as socket:
            socket.send(json.dumps({"type": "auth", "token": token}))
            return {name: _take(client, socket, address, times) for name, address in pages.items()}


def _take(client: httpx.Client, socket: ClientConnection, address: str, times: int) -> Taken:
    page: list[float] = []
    answer = httpx.Response(0)
    for _ in range(times):
        began = time.perf_counter()
        answer = client.get(address)
        page.append(1000 * (time.perf_counter() - began))
    looks = [_look(socket, address) for _ in range(times)] if " data-part" in answer.text else None
    return Taken(page, looks, len(answer.content) / 1000, answer.status_code)


def _look(socket: ClientConnection, address: str) -> float:
    time.sleep(PAUSE_SECONDS)
    began = time.perf_counter()
    socket.send(json.dumps({"type": "watch", "page": address}))
    while True:
        message = json.loads(socket.recv(timeout=30))
        # The page before may have sent its badges meanwhile.
        if len(message.get("parts", ())) > 2 or "error" in message:
            return 1000 * (time.perf_counter() - began)


def _explained(url: str, pages: dict[str, str], log: Path) -> Iterator[tuple[str, str]]:
    """By page the plans of its slow statements, as PostgreSQL logs them."""
    settings: dict[LiteralString, str] = {
        "session_preload_libraries": "auto_explain",
        "auto_explain.log_min_duration": str(SLOW_STATEMENT_MS),
        "auto_explain.log_analyze": "on",
        "auto_explain.log_buffers": "on",
        "auto_explain.log_nested_statements": "on",
    }
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("LOAD 'auto_explain'")
        database = sql.Identifier(conn.info.dbname)
        for name, value in settings.items():
            conn.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(database, sql.SQL(name), value))
        try:
            with ApiProcess(url, "--log-level", "warning") as server, _client(server) as client:
                people.log_in(client)
                for name, address in pages.items():
                    client.get(address)  # plans are made, and long windows are read
                    begin = log.stat().st_size
                    client.get(address)
                    time.sleep(0.5)
                    with log.open("rb") as file:
                        file.seek(begin)
                        yield name, file.read().decode(errors="replace")
        finally:
            conn.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(database))


def _client(server: ApiProcess) -> httpx.Client:
    return httpx.Client(base_url=server.url, trust_env=False, timeout=60, headers={"Accept": "text/html"})


def _p50(taken: list[float]) -> float:
    return sorted(taken)[len(taken) // 2]


def _p95(taken: list[float]) -> float:
    return sorted(taken)[math.ceil(0.95 * len(taken)) - 1]


if __name__ == "__main__":
    main()
