"""Takes the pictures of the documentation: `python -m tests.browser.pictures FOLDER [NAMES]`.

A real server with a worker on its own database runs the tasks of a small shop (`tests.support.sample.shop`). The
history that charts show is made up. With `--every` it takes pictures to look at instead, of the shop or of a large
database (`tests.bench.dashboard.world`).
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import click
import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.dashboard.addresses import addresses
from tests.bench.dashboard.world import bring_up_to_date
from tests.bench.run.server import own_server
from tests.browser.pictures import flows, shop
from tests.support.database import postgres
from tests.support.http import people
from tests.support.pages import browser
from tests.support.programs.processes import ApiProcess

WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": WIDE, "color_scheme": "light", "locale": "en-GB"},
    "dark": {"viewport": WIDE, "color_scheme": "dark", "locale": "en-GB"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "locale": "en-GB"},
}
EVERY_LOOK: dict[str, dict[str, Any]] = {
    f"{width}-{theme}-{language[:2]}": {
        "viewport": {"width": width, "height": 900},
        "color_scheme": theme,
        "locale": language,
    }
    for width, theme, language in product((390, 1024, 1440), ("light", "dark"), ("en-GB", "es-ES"))
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1)
@click.option(
    "--every",
    type=click.Path(path_type=Path),
    help="Instead of those of the documentation: whole pages at three widths, in both themes and both languages, into "
    "this folder.",
)
@click.option(
    "--database-url", help="A database that tests.bench.dashboard.world has filled, instead of the shop."
)
def main(folder: Path, names: tuple[str, ...], every: Path | None, database_url: str | None) -> None:
    """Writes a picture of every page in every look, or only of the pages with these NAMES."""
    program = browser.find()
    if program is None:
        raise click.ClickException(browser.HOW_TO_GET_ONE)
    if database_url and every is None:
        raise click.UsageError("--database-url needs --every: the documentation shows the shop")
    (every or folder).mkdir(parents=True, exist_ok=True)
    site = _shop() if database_url is None else _world(database_url)
    with site as (url, token, pages), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(browser.FLAGS))
        pages = {name: address for name, address in pages.items() if not names or name in names}
        for look, options in (EVERY_LOOK if every else LOOKS).items():
            _take(
                chromium, url, token, pages, every or folder, look, {"full_page": every is not None}, options
            )


@contextmanager
def _shop() -> Generator[tuple[str, str, Mapping[str, str]]]:
    """The server's address, the token of a session, and the addresses of the pages by name."""
    with own_server(None) as server_url, postgres.private_database(server_url) as database:
        options = f"--worker --worker-concurrency 8 --scheduler --import {shop.MODULE} --log-level warning"
        with ApiProcess(database, *options.split()) as server:
            with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
                token = people.log_in(client)
                pages = {
                    "login": "/login",
                    **flows.fill(client),
                    **shop.fill(client, database),
                    "palette": "/",
                }
            yield server.url, token, pages


@contextmanager
def _world(database: str) -> Generator[tuple[str, str, Mapping[str, str]]]:
    """The same of a large database."""
    bring_up_to_date(database)
    with ApiProcess(database, "--log-level", "warning") as server:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
            token = people.log_in(client)
        yield server.url, token, addresses(database)


def _take(
    chromium: Browser,
    url: str,
    token: str,
    pages: Mapping[str, str],
    folder: Path,
    look: str,
    taking: Mapping[str, Any],
    options: dict[str, Any],
) -> None:
    window = chromium.new_context(base_url=url, **options)
    page = window.new_page()
    for name, address in pages.items():
        if name == "login":
            window.clear_cookies()
        else:
            window.add_cookies([{"name": "lapinq_session", "value": token, "url": url}])
        page.goto(address)
        _settle(page)
        if name == "palette":
            page.keyboard.press("Control+k")
            page.keyboard.insert_text("mail")
            page.get_by_role("option").filter(has_text="mail").first.wait_for()
        elif name.startswith("workflow-") and look == "phone":
            # It is below the counts.
            page.locator("#workflow-graph").evaluate("(graph) => graph.scrollIntoView()")
        elif name.startswith("workflow-"):
            page.get_by_role("button", name="Fit").click()
        page.screenshot(path=folder / f"{name}-{look}.png", **taking)
    window.close()


def _settle(page: Page) -> None:
    page.wait_for_function(
        "() => !document.querySelector('[data-part]')"
        " || document.querySelector('#live-state').dataset.state === 'live'"
    )
    page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
