"""The page of one's own account."""

import re

import httpx
import pytest

from tests.support.http.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_it_says_what_one_may_do(signed_in: httpx.Client) -> None:
    assert "You are lapinq, an admin: you can do everything." in signed_in.get("/account").text
    someone, nobody = add_user(signed_in, "user", **{"<mail>": ["pause", "cancel"]}), add_user(signed_in)
    with browser(signed_in, someone["username"], PASSWORD) as client:
        page = client.get("/account").text
        assert re.search(r"<dt>&lt;mail&gt;[^\n]*</dt>\s*<dd>cancel, pause</dd>", page)
    with browser(signed_in, nobody["username"], PASSWORD) as client:
        page = client.get("/account").text
        assert "You can see everything." in page
        assert 'id="permissions"' not in page


def test_the_sessions_are_named_by_their_browsers_and_the_chosen_language_is_selected(
    signed_in: httpx.Client,
) -> None:
    login = {"username": add_user(signed_in)["username"], "password": PASSWORD}
    with browser(signed_in, None) as elsewhere, browser(signed_in, **login) as client:
        elsewhere.post("/login", data=login, headers={"User-Agent": FIREFOX})
        page = client.get("/account").text
        assert ">Firefox on Linux</span>" in page
        assert page.count("this session</span>") == 1
        assert "End all others" in page
        [languages] = re.findall(r'<select id="language".*?</select>', page, re.DOTALL)
        assert " selected" not in languages
        client.cookies.set("lapinq_language", "en")
        assert re.search(r'<option value="en" lang="en" selected>English', client.get("/account").text)
