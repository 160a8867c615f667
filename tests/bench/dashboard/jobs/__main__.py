"""What jobs cost an operator: `python -m tests.bench.dashboard.jobs`, as a table in Markdown.

A real server with a worker runs 20,000 tasks of a small shop; then each job is done in a browser, once, by the shortest
way that the pages offer (`ways.py`). With `--database-url` the jobs are those on a large site (`large_site.py`).
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import click
import httpx
from playwright.sync_api import Browser, Error, sync_playwright

from tests.bench.dashboard.jobs import shop
from tests.bench.dashboard.jobs.large_site import SITE_WAYS
from tests.bench.dashboard.jobs.person import TIMEOUT_MS, Person
from tests.bench.dashboard.jobs.ways import WAYS, Way
from tests.bench.dashboard.world import bring_up_to_date
from tests.bench.run.server import own_server
from tests.support.database import postgres
from tests.support.http import people
from tests.support.pages import browser
from tests.support.programs.processes import QUICK_LEASE, ApiProcess

OPTIONS = f"--worker --worker-concurrency 200 --scheduler --import {shop.MODULE} --log-level warning"
Job = tuple[str, str, Callable[[Person], None]]
"""Its name, what one wants, and the way."""


@click.command()
@click.option("--receipts", default=20_000, help="How many tasks the shop has.")
@click.option("--only", multiple=True, type=click.Choice([way.__name__ for way in (*WAYS, *SITE_WAYS)]))
@click.option("--database-url", help="A database that tests.bench.dashboard.world has filled.")
def main(receipts: int, only: tuple[str, ...], database_url: str | None) -> None:
    """Prints clicks, keys and seconds of each job."""
    program = browser.find()
    if program is None:
        raise click.ClickException(browser.HOW_TO_GET_ONE)
    print("| job | clicks | keys | seconds | of them waiting for pages |\n| --- | --- | --- | --- | --- |")
    site = _shop(receipts) if database_url is None else _large_site(database_url)
    with site as (url, token, jobs), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(browser.FLAGS))
        for name, wanted, way in jobs:
            if not only or name in only:
                print(f"| {wanted} | {_done(way, chromium, url, token)} |", flush=True)


@contextmanager
def _shop(receipts: int) -> Generator[tuple[str, str, list[Job]]]:
    """The server's address, the token of a session, and the jobs."""
    with (
        own_server(None) as url,
        postgres.private_database(url) as database,
        ApiProcess(database, *OPTIONS.split(), env=QUICK_LEASE) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
    ):
        token = people.log_in(client)
        failed = shop.fill(client, database, receipts)
        yield server.url, token, [(way.__name__, way.__doc__ or "", _with(failed, way)) for way in WAYS]


def _with(failed: dict[int, str], way: Way) -> Callable[[Person], None]:
    return lambda person: way(person, failed)


@contextmanager
def _large_site(database: str) -> Generator[tuple[str, str, list[Job]]]:
    bring_up_to_date(database)
    with (
        ApiProcess(database, "--log-level", "warning") as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
    ):
        token = people.log_in(client)
        yield server.url, token, [(way.__name__, way.__doc__ or "", way) for way in SITE_WAYS]


def _done(way: Callable[[Person], None], chromium: Browser, url: str, token: str) -> str:
    """What the job cost, or why it could not be done."""
    window = chromium.new_context(base_url=url, locale="en-GB", viewport={"width": 1440, "height": 900})
    window.add_cookies([{"name": "lapinq_session", "value": token, "url": url}])
    page = window.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto("/", wait_until="networkidle")
    person = Person(page)
    try:
        way(person)
    except Error as problem:
        lines = [line.strip() for line in str(problem).splitlines()]
        where = next((line for line in lines if "waiting for" in line), "")
        return f"{lines[0]} {where} | | |"
    finally:
        window.close()
    seconds = person.acted + person.waited
    return f"{person.clicks} | {person.keys} | {seconds:.1f} | {person.waited:.1f}"


if __name__ == "__main__":
    main()
