"""What jobs cost an operator: `python -m tests.bench.dashboard.jobs`, as a table in Markdown.

A real server with a worker runs 20,000 tasks of a small shop; then each job is done in a browser, once, by the shortest
way that the pages offer (`ways.py`).
"""

import click
import httpx
from playwright.sync_api import Browser, Error, sync_playwright

from tests.bench.dashboard.jobs import shop
from tests.bench.dashboard.jobs.person import TIMEOUT_MS, Person
from tests.bench.dashboard.jobs.ways import WAYS, Way
from tests.bench.run.server import own_server
from tests.support.database import postgres
from tests.support.http import people
from tests.support.pages import browser
from tests.support.programs.processes import QUICK_LEASE, ApiProcess

OPTIONS = f"--worker --worker-concurrency 200 --scheduler --import {shop.MODULE} --log-level warning"


@click.command()
@click.option("--receipts", default=20_000, help="How many tasks there are.")
@click.option("--only", multiple=True, type=click.Choice([way.__name__ for way in WAYS]))
def main(receipts: int, only: tuple[str, ...]) -> None:
    """Prints clicks, keys and seconds of each job."""
    program = browser.find()
    if program is None:
        raise click.ClickException(browser.HOW_TO_GET_ONE)
    print("| job | clicks | keys | seconds | of them waiting for pages |\n| --- | --- | --- | --- | --- |")
    with (
        own_server(None) as url,
        postgres.private_database(url) as database,
        ApiProcess(database, *OPTIONS.split(), env=QUICK_LEASE) as server,
        sync_playwright() as playwright,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
    ):
        token = people.log_in(client)
        failed = shop.fill(client, database, receipts)
        chromium = playwright.chromium.launch(executable_path=program, args=list(browser.FLAGS))
        for way in WAYS:
            if not only or way.__name__ in only:
                print(f"| {way.__doc__} | {_done(way, chromium, server.url, token, failed)} |", flush=True)


def _done(way: Way, chromium: Browser, url: str, token: str, failed: dict[int, str]) -> str:
    """What the job cost, or why it could not be done."""
    window = chromium.new_context(base_url=url, locale="en-GB", viewport={"width": 1440, "height": 900})
    window.add_cookies([{"name": "lapinq_session", "value": token, "url": url}])
    page = window.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto("/", wait_until="networkidle")
    person = Person(page)
    try:
        way(person, failed)
    except Error as problem:
        return f"{str(problem).splitlines()[0]} | | |"
    finally:
        window.close()
    seconds = person.acted + person.waited
    return f"{person.clicks} | {person.keys} | {seconds:.1f} | {person.waited:.1f}"


if __name__ == "__main__":
    main()
