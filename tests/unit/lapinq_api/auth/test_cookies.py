"""The session's cookie: what is read of it, and how it is set."""

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from lapinq_api.auth.cookies import clear_token, is_token, set_token, token_in, tokens_in
from lapinq_api.auth.sessions import new_token
from lapinq_api.wire.redirect import to_login

TOKEN = "A" * 42 + "-"
PLANTED = "B" * 43


def scope(*cookies: str, **values: object) -> Scope:
    headers = [(b"cookie", cookie.encode("latin-1")) for cookie in cookies]
    return {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": headers, **values}


def test_a_new_token_has_32_bytes_that_nobody_saw_before() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(is_token(token) and len(token) == 43 for token in tokens)


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        (f"a=b; lapinq_session={TOKEN}; c=d", TOKEN),
        (f"lapinq_session=junk; lapinq_session={TOKEN}", TOKEN),
        (f"lapinq_session=; lapinq_session={TOKEN}", TOKEN),
        # What other hosts can set does not override what they cannot.
        (f"__Host-lapinq_session={TOKEN}", TOKEN),
        (f"lapinq_session={PLANTED}; __Host-lapinq_session={TOKEN}", TOKEN),
        (f"__Host-lapinq_session={TOKEN}; lapinq_session={PLANTED}", TOKEN),
        (f"lapinq_session={PLANTED}; __Host-lapinq_session=expired", None),
        (f"lapinq_session={TOKEN}; x=__Host-lapinq_session=1", TOKEN),
        (f"__host-lapinq_session={PLANTED}; lapinq_session={TOKEN}", TOKEN),
        # No token:
        ("", None),
        ("lapinq_session=short", None),
        (f"lapinq_session={TOKEN}x", None),
        (f"my_lapinq_session={TOKEN}", None),
        (f'lapinq_session="{TOKEN}"', None),
        ("lapinq_session=" + "\xff" * 43, None),
        ("lapinq_session=" + "A" * 100_000, None),
        (";" * 60_000 + "lapinq_session=", None),
    ],
)
def test_the_token_is_found_among_other_cookies(cookie: str, token: str | None) -> None:
    assert token_in(scope(cookie)) == token
    first, _, second = cookie.partition("; ")
    assert token_in(scope(first, second)) == token


def test_all_that_a_browser_may_be_logged_in_by_is_found() -> None:
    cookie = f"lapinq_session={PLANTED}; lapinq_session={PLANTED}; __Host-lapinq_session={TOKEN}"
    assert tokens_in(scope(cookie)) == [TOKEN, PLANTED]
    assert tokens_in(scope("lapinq_session=short")) == []


@pytest.mark.parametrize(
    ("given", "prefix", "flags"),
    [
        ({}, "", "HttpOnly; Max-Age=604800; Path=/; SameSite=Lax"),
        ({"scheme": "https"}, "__Host-", "HttpOnly; Max-Age=604800; Path=/; SameSite=Lax; Secure"),
        ({"root_path": "/tasks"}, "", "HttpOnly; Max-Age=604800; Path=/tasks; SameSite=Lax"),
        (
            {"root_path": "/tasks", "scheme": "https"},
            "",
            "HttpOnly; Max-Age=604800; Path=/tasks; SameSite=Lax; Secure",
        ),
    ],
)
def test_it_is_kept_from_scripts_and_other_sites(given: dict[str, str], prefix: str, flags: str) -> None:
    request, response = Request(scope(**given)), Response()
    gone = flags.replace("604800", "0")
    # Over TLS one that other hosts may have set is taken away.
    plain = [f'lapinq_session=""; {gone}'] if prefix else []
    set_token(response, request, TOKEN)
    assert response.headers.getlist("set-cookie") == [f"{prefix}lapinq_session={TOKEN}; {flags}", *plain]
    response = Response()
    clear_token(response, request)
    assert response.headers.getlist("set-cookie") == [f'{prefix}lapinq_session=""; {gone}', *plain]


@pytest.mark.parametrize(
    ("prefix", "path"),
    [
        ("", "/"),
        ("/a-b.c/@d", "/a-b.c/@d"),
        ("/t\u00e4glich", "/t%C3%A4glich"),
        ("/\u4efb;x", "/%E4%BB%BB%3Bx"),
    ],
)
def test_the_path_is_the_one_that_browsers_ask_for(prefix: str, path: str) -> None:
    response = Response()
    set_token(response, Request(scope(root_path=prefix)), TOKEN)
    assert f"; Path={path};" in response.headers["set-cookie"]
    assert to_login(Request(scope(root_path=prefix))).headers["location"] == f"{path.rstrip('/')}/login"
