"""The orders of `examples/order`, of which a person decides on two by the links in the mails."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.eventually import eventually
from tests.support.programs.processes import REPOSITORY, ApiProcess

pytestmark = pytest.mark.http


def test_orders_end_as_somebody_decides_by_the_links_in_the_mails(
    browser: Browser, server: ApiProcess, tmp_path: Path
) -> None:
    program = [sys.executable, "-m", "examples.order", "--by-hand", "--server-url", server.url]
    boss = browser.new_context(java_script_enabled=False)
    with subprocess.Popen(
        [*program, "--folder", str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as orders:
        try:
            for number, answer, reason in ((2, "Yes", ""), (3, "No", "a hoax")):
                mail = tmp_path / "mail" / f"order-{number}-boss.txt"
                eventually(mail.exists, 60)
                page = boss.new_page()
                page.goto(mail.read_text(encoding="utf-8").strip())
                expect(page.get_by_role("heading", name=f"Order {number}")).to_be_visible()
                page.get_by_role("radio", name=answer).check()
                page.get_by_label("If not, why?").fill(reason)
                page.get_by_role("button", name="Send").click()
                expect(page.get_by_role("heading", name="Your answer was sent")).to_be_visible()
            said, _ = orders.communicate(timeout=60)
        finally:
            boss.close()
            orders.kill()
    assert said.splitlines()[2:] == [
        "order 1 shipped",
        "order 2 shipped",
        "order 3 refused: a hoax",
        "order 4 refused: nobody decided in time",
    ]
