"""Users, keys, the audit log and one's account in a browser."""

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import CheckAccess, Enqueue, UserPage
from tests.support.http.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def test_a_user_is_made_given_permissions_and_taken_away(page: Page) -> None:
    page.goto("/admin/users")
    page.get_by_text("New user").click()
    page.get_by_label("Username").fill("lisa")
    page.get_by_label("Invite by a one-time link").uncheck()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create user").click()
    expect(page.get_by_text("The user is created.")).to_be_visible()
    lisa = row(page, "lisa")
    lisa.get_by_text("nowhere").click()
    lisa.get_by_label("Another queue").fill("video")
    lisa.get_by_label("pause").check()
    lisa.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The permissions of lisa are saved.")).to_be_visible()
    expect(lisa).to_contain_text("1 queue")
    lisa.get_by_role("combobox", name="Role of lisa").select_option("admin")
    lisa.get_by_role("button", name="Set the role of lisa").click()
    expect(lisa).to_contain_text("everything, everywhere")
    page.get_by_role("button", name="Delete lisa").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("User lisa is deleted.")).to_be_visible()
    expect(lisa).to_have_count(0)


def test_a_user_is_invited_and_sets_a_password(
    page: Page, stranger: Page, enqueue: Enqueue, axe: CheckAccess
) -> None:
    enqueue(queue_name="known queue")
    page.goto("/admin/users")
    page.get_by_text("New user").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_role("button", name="Create user").click()
    link = page.get_by_role("group", name="One-time link")
    expect(link).to_be_focused()
    axe(page)
    stranger.goto(link.locator("code").inner_text())
    axe(stranger)
    stranger.get_by_label("New password").fill("another horse")
    stranger.get_by_role("button", name="Set password and log in").click()
    expect(stranger).to_have_title("Overview · lapinq")
    page.get_by_role("link", name="Done").click()
    ada = row(page, "ada")
    ada.get_by_text("nowhere").click()
    ada.get_by_role("group", name="known queue").get_by_label("pause").check()
    ada.get_by_role("button", name="Save").click()
    expect(ada).to_contain_text("1 queue")
    page.get_by_role("button", name="Reset password of ada").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset password").click()
    expect(link.locator("code")).to_contain_text("/welcome?token=")


def test_the_sessions_of_somebody_else_are_ended(page: Page, admin: httpx.Client) -> None:
    name = add_user(admin)["username"]
    with browser(admin, name, PASSWORD) as theirs:
        page.goto("/admin/users")
        page.get_by_role("button", name=f"End all sessions of {name}").click()
        page.get_by_role("dialog").get_by_role("button", name="End").click()
        expect(page.get_by_text(f"All sessions of {name} are ended.")).to_be_visible()
        assert theirs.get("/me").status_code == 401


def test_a_key_is_shown_once_and_works(page: Page, admin: httpx.Client) -> None:
    page.goto("/admin/users")
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
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Key shop is deleted.")).to_be_visible()


def test_a_rule_is_made_tested_and_edited(page: Page, axe: CheckAccess) -> None:
    page.goto("/admin/notifications")
    page.get_by_text("New rule").click()
    page.get_by_label("Name", exact=True).fill("On call")
    page.get_by_label("Slack").check()
    page.get_by_label("URL").fill("http://127.0.0.1:1/secret")
    page.get_by_label("backlog").uncheck()
    expect(page.get_by_label("Longest wait in a queue")).to_be_hidden()
    page.get_by_label("Queues").fill("mail\nvideo")
    page.get_by_role("button", name="Create rule").click()
    rule = row(page, "On call")
    expect(rule).to_contain_text("new errors, returning errors, dead workers")
    expect(rule).to_contain_text("mail, video")
    # It takes the way of every message, which refuses private addresses.
    page.get_by_role("button", name="Send a test by the rule On call").click()
    expect(rule).to_contain_text("the address of 127.0.0.1 is private")
    expect(page.get_by_role("rowheader", name="Test, sent by lapinq")).to_be_visible()
    axe(page)
    rule.locator("summary").click()
    page.get_by_role("link", name="Edit the rule On call").click()
    page.get_by_label("Mail", exact=True).check()
    page.get_by_label("Mail addresses").fill("lisa@example.org")
    page.get_by_label("Queues").fill("")
    page.get_by_role("button", name="Save").click()
    expect(rule).to_contain_text("lisa@example.org")
    expect(rule.get_by_role("cell", name="all", exact=True)).to_be_visible()
    rule.locator("summary").click()
    page.get_by_role("button", name="Delete the rule On call").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No rules yet. Nobody is notified of anything.")).to_be_visible()


def test_the_audit_log_grows_while_its_details_stay_open(page: Page, admin: httpx.Client) -> None:
    admin.post("/api/v1/queues/mail/pause", json={"reason": "out of stamps"})
    page.goto("/admin/audit")
    details = page.get_by_role("group").filter(has_text="out of stamps").first
    details.get_by_text("Details").click()
    expect(page.get_by_text('"reason": "out of stamps"')).to_be_visible()
    page.get_by_role("heading", name="Audit log").click()
    admin.post("/api/v1/queues/mail/resume")
    expect(page.get_by_role("link", name="queue.resume")).to_be_visible()
    expect(page.get_by_text('"reason": "out of stamps"')).to_be_visible()


def test_the_theme_and_the_language_are_kept_by_the_browser(user_page: UserPage) -> None:
    page = user_page()
    page.goto("/account")
    page.get_by_label("Theme").select_option("dark")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    expect(page.get_by_label("Theme")).to_have_value("dark")
    page.get_by_label("Language").select_option("en")
    page.wait_for_function("document.cookie.includes('lapinq_language=en')")
    expect(page.get_by_label("Language")).to_have_value("en")


def test_they_keep_nobody_out(page: Page, axe: CheckAccess) -> None:
    for path in ("/admin/users", "/admin/audit", "/account", "/webhooks"):
        page.goto(path)
        for summary in page.locator("summary").all():
            summary.click()
        axe(page)
