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


@pytest.mark.slow
def test_a_rule_is_made_tested_edited_and_taken_away(page: Page, axe: CheckAccess) -> None:
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
    axe(page.locator("main"))
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
    confirm(page, "Delete")
    expect(rule).to_have_count(0)


@pytest.mark.slow
def test_the_audit_log_grows_while_its_details_stay_open(page: Page, admin: httpx.Client) -> None:
    admin.post("/api/v1/queues/audited/pause", json={"reason": "out of stamps"})
    page.goto("/admin/audit")
    resumed = page.get_by_role("link", name="queue.resume")
    before = resumed.count()
    details = page.get_by_role("group").filter(has_text="out of stamps").first
    details.get_by_text("Details").click()
    expect(page.get_by_text('"reason": "out of stamps"')).to_be_visible()
    admin.post("/api/v1/queues/audited/resume")
    page.get_by_role("button", name="1 new").click()
    expect(resumed).to_have_count(before + 1)
    expect(page.get_by_text('"reason": "out of stamps"')).to_be_visible()
