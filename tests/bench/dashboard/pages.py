"""How long the pages of the dashboard take with a long history: `python -m tests.bench.dashboard.pages URL`.

The database at URL was filled before (`tests.bench.dashboard.seed`). Pages are asked for over HTTP from a real server,
one after the other; looks of the socket are loads as `/ws` makes them, without rendering, in this process.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, LiteralString, cast
from urllib.parse import parse_qsl, urlsplit

import click
import httpx
import psycopg

from lapinq_api.batching.long_windows import LongWindows
from lapinq_api.dashboard.page.view import Views
from lapinq_api.dashboard.views import VIEWS
from lapinq_api.overload.database import Database
from lapinq_core.domain.tasks.profile import MAX_STACKS, Frame, collapsed, packed
from lapinq_core.runtime.settings import Settings
from tests.support.http.people import log_in
from tests.support.programs.processes import ApiProcess

if TYPE_CHECKING:
    from lapinq_api.state import State

PAGES = (
    "/",
    "/?window=15m",
    "/?window=24h",
    "/?window=7d",
    "/tasks",
    *(
        f"/tasks?status={status}"
        for status in ("pending", "running", "completed", "failed", "cancelled", "expired")
    ),
    *(f"/tasks?state={state}" for state in ("ready", "scheduled", "retrying", "paused", "stopping")),
    "/tasks?state=ready&queue={queue}",
    "/tasks?status=failed,cancelled,expired",
    "/tasks?not_status=completed",
    "/tasks?not_state=paused",
    "/tasks?sort=longest",
    "/tasks?sort=due",
    "/tasks?sort=due&task_name=no-such-task",
    "/tasks?columns=state,task,arguments,priority,worker,schedule",
    "/tasks?queue={queue}",
    "/tasks?queues={queue},rare",
    "/tasks?not_queues={queue}&not_task_names={task}",
    "/tasks?status=failed&not_errors=timeout",
    "/tasks?queue={queue}&status=failed",
    "/tasks?queue=no-such-queue",
    "/tasks?task_name={task}",
    "/tasks?task_name=no-such-task",
    "/tasks?arguments=no-such-argument",
    "/tasks?metadata=no-such-metadata",
    "/tasks?error=timeout",
    "/tasks?error=no-such-error",
    "/tasks?since=1h",
    "/tasks/{pending}",
    "/tasks/{running}",
    "/tasks/{completed}",
    "/tasks/{failed}",
    "/tasks/{completed}/profile",
    "/errors",
    "/errors?queue={queue}&sort=-failed",
    "/errors?state=resolved",
    "/errors/{error}",
    "/search?text={queue}",
    "/search?text=no-such-name",
    "/tasks/{failed}/again",
    "/tasks/new",
    "/queues",
    "/queue?name={queue}",
    "/queue?name={queue}&window=7d",
    "/queue?name={keyed}",
    "/function?name={task}",
    "/function?name={task}&window=7d",
    "/schedules",
    "/workers",
    "/workers/{worker}",
    "/webhooks",
    "/admin/users",
    "/admin/notifications",
    "/admin/audit",
    "/account",
)


@click.command()
@click.argument("url")
@click.option("--times", default=30, help="How often each page is asked for.")
@click.option("--only", default="", help="Only addresses that contain this.")
def main(url: str, times: int, only: str) -> None:
    """Prints p50, p95 and the longest of each page and each look, in milliseconds."""
    pages = [page.format(**_found(url)) for page in PAGES if only in page]
    worst = 0.0
    with ApiProcess(url) as program:
        address = program.said(r"dashboard (http://127\.0\.0\.1:\d+)/")[1]
        with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
            log_in(client)
            for page in pages:
                taken: list[float] = []
                for _ in range(times):
                    began = time.perf_counter()
                    answer = client.get(page)
                    taken.append(time.perf_counter() - began)
                    if answer.status_code != 200:
                        print(f"{page}: {answer.status_code}", file=sys.stderr)
                worst = max(worst, _say("page", page, taken))
    looks = dict(asyncio.run(_looks(url, pages, times)))
    for page, taken in looks.items():
        _say("look", page, taken)
    print(f"the slowest page has a p95 of {worst:.1f} ms")


async def _looks(url: str, pages: list[str], times: int) -> Iterator[tuple[str, list[float]]]:
    settings = Settings(database_url=url)
    database = Database(url, settings.pool_size)
    await database.open()
    database.is_ready = True
    # All of the application's state that loads use.
    watched = SimpleNamespace(wake=list)  # of a running task's page; the loads here tell no worker
    state = cast(
        "State",
        SimpleNamespace(settings=settings, database=database, watched=watched, long_windows=LongWindows()),
    )
    views = Views(VIEWS)
    found: dict[str, list[float]] = {}
    try:
        for page in pages:
            parts = urlsplit(page)
            if parts.path in {"/account", "/search"}:
                continue
            view, asked = views.find(page)
            assert dict(parse_qsl(parts.query)).keys() >= asked.query.keys()
            if not view.parts:
                continue
            taken = found.setdefault(page, [])
            for _ in range(times):
                began = time.perf_counter()
                await view.load(state, asked)
                taken.append(time.perf_counter() - began)
    finally:
        await database.close()
    return iter(found.items())


def _say(what: str, page: str, taken: list[float]) -> float:
    """Prints a line; the p95 in milliseconds."""
    in_order = sorted(1000 * each for each in taken)
    p95 = in_order[min(len(in_order) - 1, int(len(in_order) * 0.95))]
    print(f"{what}  {statistics.median(in_order):8.1f} {p95:8.1f} {in_order[-1]:8.1f}  {page}", flush=True)
    return p95


def _found(url: str) -> dict[str, str]:
    """A queue, a task's name and a task of each status that are there."""
    with psycopg.connect(url, autocommit=True) as conn:

        def one(query: LiteralString) -> str:
            row = conn.execute(query).fetchone()
            assert row is not None, query
            return str(row[0])

        found = {
            "queue": one("SELECT min(queue_name) FROM lapinq_counts WHERE queue_name <> 'keyed'"),
            "keyed": one("SELECT name FROM lapinq_queues ORDER BY is_laned DESC, name LIMIT 1"),
            "task": one("SELECT task_name FROM lapinq_tasks LIMIT 1"),
            "pending": one("SELECT id FROM lapinq_ready ORDER BY id DESC LIMIT 1"),
            "running": one("SELECT id FROM lapinq_running LIMIT 1"),
            "worker": one("SELECT worker_id FROM lapinq_running LIMIT 1"),
            "completed": one(
                "SELECT task_id FROM lapinq_attempts WHERE final AND outcome = 'completed' LIMIT 1"
            ),
            "error": one("SELECT id FROM lapinq_error_groups ORDER BY last_at DESC LIMIT 1"),
            "failed": one("SELECT task_id FROM lapinq_attempts WHERE final AND outcome = 'failed' LIMIT 1"),
        }
        conn.execute(
            "UPDATE lapinq_attempts SET profile = %s WHERE task_id = %s AND final",
            (_profile(), found["completed"]),
        )
        return found


def _profile() -> bytes:
    """A profile as large as they get."""
    frames = [Frame(f"function_{number}", f"/srv/app/room_{number % 40}.py", number) for number in range(400)]
    stacks: dict[tuple[Frame, ...], int] = {}
    for number in range(MAX_STACKS):
        places = [(number // int(3**level) * 7 + level) % 400 for level in reversed(range(30))]
        stacks[tuple(frames[place] for place in places)] = 1 + number % 50
    return packed(collapsed(stacks, interval=0.005, seconds=60.0))


if __name__ == "__main__":
    main()
