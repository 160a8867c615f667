"""Users, keys, rules of notification and the audit log in a browser."""

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import CheckAccess, Enqueue
from tests.support.http.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def confirm(page: Page, button: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=button).click()


def test_users_and_keys_are_made_and_taken_away_invited_and_given_permissions(
    page: Page, stranger: Page, enqueue: Enqueue, admin: httpx.Client, axe: CheckAccess
) -> None:
    enqueue(queue_name="0 known queue")
    guest = add_user(admin)["username"]
    page.goto("/admin/users")
    page.get_by_text("New user").click()
    page.get_by_label("Username").fill("lisa")
    page.get_by_label("Invite by a one-time link").uncheck()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create user").click()
    expect(page.get_by_text("The user is created.")).to_be_visible()
    lisa = row(page, "lisa")
    lisa.get_by_text("nowhere").click()
    lisa.get_by_role("group", name="0 known queue").get_by_label("cancel").check()
    lisa.get_by_label("Another queue").fill("video")
    lisa.get_by_role("group", name="Another queue video").get_by_label("pause").check()
    lisa.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The permissions of lisa are saved.")).to_be_visible()
    expect(lisa).to_contain_text("2 queues")
    lisa.get_by_text("Reads: all queues").click()
    lisa.get_by_label("What lisa may read").fill("mail,bulk\n news ")
    lisa.get_by_role("button", name="Save").click()
    expect(page.get_by_text("What lisa may read is saved.")).to_be_visible()
    expect(lisa).to_contain_text("Reads: 2 queues")
    lisa.get_by_role("combobox", name="Role of lisa").select_option("admin")
    lisa.get_by_role("button", name="Set the role of lisa").click()
    expect(lisa).to_contain_text("everything, everywhere")
    page.get_by_role("button", name="Delete lisa").click()
    confirm(page, "Delete")
    expect(page.get_by_text("User lisa is deleted.")).to_be_visible()
    expect(lisa).to_have_count(0)

    with browser(admin, guest, PASSWORD) as theirs:
        page.reload()
        page.get_by_role("button", name=f"End all sessions of {guest}").click()
        confirm(page, "End")
        expect(page.get_by_text(f"All sessions of {guest} are ended.")).to_be_visible()
        assert theirs.get("/me").status_code == 401

    page.get_by_text("New user").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_role("button", name="Create user").click()
    link = page.get_by_role("group", name="One-time link")
    expect(link).to_be_focused()
    axe(page.locator("main"))
    stranger.goto(link.locator("code").inner_text())
    axe(stranger)
    stranger.get_by_label("New password").fill("another horse")
    stranger.get_by_role("button", name="Set password and log in").click()
    expect(stranger).to_have_title("Overview · lapinq")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Reset password of ada").click()
    confirm(page, "Reset password")
    expect(link.locator("code")).to_contain_text("/welcome?token=")
    page.get_by_role("link", name="Done").click()

    # A key is shown once.
    page.get_by_text("New key", exact=True).click()
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("see tasks").check()
    page.get_by_role("button", name="Create key").click()
    secret = page.get_by_role("group", name="Your new key")
    expect(secret).to_be_focused()
    key = secret.locator("code").inner_text()
    with browser(admin, None) as program:
        assert program.get("/api/v1/queues", headers={"X-API-Key": key}).status_code == 200
    page.get_by_role("link", name="Done").click()
    expect(row(page, "shop")).to_contain_text("enqueue, read")
    expect(page.get_by_text(key)).to_have_count(0)
    page.get_by_role("button", name="Delete the key shop").click()
    confirm(page, "Delete")
    expect(page.get_by_text("Key shop is deleted.")).to_be_visible()
