"""Takes the pictures of the documentation: `python -m tests.browser.pictures FOLDER [NAMES]`.

A real server with a worker on its own database runs the tasks of a small shop (`tests.support.sample.shop`). The
history that charts show is made up.
"""

from pathlib import Path
from typing import Any

import click
import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.run.server import own_server
from tests.browser.pictures import flows, shop
from tests.support.database import postgres
from tests.support.http import people
from tests.support.pages import browser
from tests.support.programs.processes import ApiProcess

WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1)
def main(folder: Path, names: tuple[str, ...]) -> None:
    """Writes a picture of every page in every look, or only of the pages with these NAMES."""
    program = browser.find()
    if program is None:
        raise click.ClickException(browser.HOW_TO_GET_ONE)
    folder.mkdir(parents=True, exist_ok=True)
    with own_server(None) as url, postgres.private_database(url) as database:
        arguments = (
            "--worker",
            "--worker-concurrency",
            "8",
            "--scheduler",
            "--import",
            shop.MODULE,
            "--log-level",
            "warning",
        )
        with ApiProcess(database, *arguments) as server, sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=program, args=list(browser.FLAGS))
            with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
                token = people.log_in(client)
                pages = {
                    "login": "/login",
                    **flows.fill(client),
                    **shop.fill(client, database),
                    "palette": "/",
                }
            pages = {name: address for name, address in pages.items() if not names or name in names}
            for look, options in LOOKS.items():
                _take(chromium, server.url, token, pages, folder, look, options)


def _take(
    chromium: Browser,
    url: str,
    token: str,
    pages: dict[str, str],
    folder: Path,
    look: str,
    options: dict[str, Any],
) -> None:
    window = chromium.new_context(base_url=url, locale="en-GB", **options)
    page = window.new_page()
    for name, address in pages.items():
        if name != "login":
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
        page.screenshot(path=folder / f"{name}-{look}.png")
    window.close()


def _settle(page: Page) -> None:
    page.wait_for_function(
        "() => !document.querySelector('[data-part]')"
        " || document.querySelector('#live-state').dataset.state === 'live'"
    )
    page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
