"""A person without an account decides by a link, on a phone, without scripts."""

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Enqueue
from tests.support.eventually import eventually

pytestmark = pytest.mark.http


def asked(database: str, task: str) -> str:
    """The address of the link by which the task asks; empty until it waits."""
    with psycopg.connect(database) as conn:
        row = conn.execute(
            "SELECT a.result::json #>> '{}' FROM lapinq_steps a JOIN lapinq_steps w ON w.task_id = a.task_id"
            " WHERE a.task_id = %s AND a.name = 'ask' AND w.kind = 'signal'",
            (task,),
        ).fetchone()
    return row[0] if row else ""


@pytest.mark.parametrize(("language", "yes", "send", "done"), [
    ("en", "Yes", "Send", "Your answer was sent"),
    ("es", "Sí", "Enviar", "Tu respuesta se ha enviado"),
])  # fmt: skip
def test_a_task_goes_on_once_somebody_has_decided_by_its_link(
    browser: Browser,
    enqueue: Enqueue,
    server_database: str,
    admin: httpx.Client,
    language: str,
    yes: str,
    send: str,
    done: str,
) -> None:
    task = enqueue(
        queue_name=f"orders {language}",
        module_path="tests.support.sample.shop",
        task_name="large_order",
        args=[4711, "Ana", 0.01],
    )
    address = eventually(lambda: asked(server_database, task), 60)
    phone = browser.new_context(
        viewport={"width": 390, "height": 800},
        locale=language,
        java_script_enabled=False,
        color_scheme="dark",
    )
    try:
        page = phone.new_page()
        page.goto(address)
        expect(page.get_by_role("heading", name="Approve order 4711?")).to_be_visible()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
        page.get_by_label(yes).check()
        page.get_by_label("Note").fill("Well\ndone")
        page.get_by_label("Carrier").select_option("SEUR")
        page.get_by_role("button", name=send).click()
        expect(page.get_by_role("heading", name=done)).to_be_visible()
        page.goto(address)
        expect(page.get_by_role("button", name=send)).to_have_count(0)
    finally:
        phone.close()
    eventually(lambda: admin.get(f"/api/v1/tasks/{task}").json()["status"] == "completed", 60)
