"""The page of one's own account."""

import re

import httpx
import pytest

from tests.support.http.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http

HOSTILE = '"><script>alert(1)</script>'


def test_it_says_what_one_may_do(signed_in: httpx.Client) -> None:
    assert "You are lapinq, an admin: you can do everything." in signed_in.get("/account").text
    someone, nobody = add_user(signed_in, "user", **{HOSTILE: ["pause", "cancel"]}), add_user(signed_in)
    with browser(signed_in, someone["username"], PASSWORD) as client:
        page = client.get("/account").text
        assert "<script>alert" not in page
        assert re.search(r"<dt>&#34;&gt;&lt;script&gt;[^\n]+</dt>\s*<dd>cancel, pause</dd>", page)
    with browser(signed_in, nobody["username"], PASSWORD) as client:
        page = client.get("/account").text
        assert "You can see everything." in page
        assert 'id="permissions"' not in page


def test_the_sessions_are_named_by_their_browsers(signed_in: httpx.Client) -> None:
    person = add_user(signed_in)
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    login = {"username": person["username"], "password": PASSWORD}
    with browser(signed_in, None) as elsewhere:
        elsewhere.post("/login", data=login, headers={"User-Agent": firefox})
        with browser(signed_in, **login) as client:
            page = client.get("/account").text
            assert ">Firefox on Linux</span>" in page
            assert page.count("this session</span>") == 1
            assert "End all others" in page


def test_the_language_that_was_chosen_is_selected(signed_in: httpx.Client) -> None:
    assert (
        " selected" not in re.findall(r'<select id="language".*?</select>', _account(signed_in), re.DOTALL)[0]
    )
    chosen = _account(signed_in, "lapinq_language=en")
    assert re.search(r'<option value="en" lang="en" selected>English', chosen)
    assert '<select id="theme"' in chosen


def _account(client: httpx.Client, cookie: str = "a=b") -> str:
    session = f"lapinq_session={client.cookies['lapinq_session']}"
    return client.get("/account", headers={"Cookie": f"{session}; {cookie}"}).text
