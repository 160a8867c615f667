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


def scope(*cookies: bytes, **values: object) -> Scope:
    headers = [(b"cookie", cookie) for cookie in cookies]
    return {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": headers, **values}


def test_a_new_token_has_32_bytes_that_nobody_saw_before() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(is_token(token) and len(token) == 43 for token in tokens)


@pytest.mark.parametrize(
    "cookies",
    [
        [f"lapinq_session={TOKEN}".encode()],
        [f"a=b; lapinq_session={TOKEN}; c=d".encode()],
        [f"a=b;lapinq_session={TOKEN}".encode()],
        [b"a=b", f"lapinq_session={TOKEN}".encode()],
        [b"lapinq_session=junk", f"lapinq_session={TOKEN}".encode()],
        [f"lapinq_session=; lapinq_session={TOKEN}".encode()],
    ],
)
def test_the_token_is_found_among_other_cookies(cookies: list[bytes]) -> None:
    assert token_in(scope(*cookies)) == TOKEN


@pytest.mark.parametrize(
    "cookie",
    [
        b"",
        b"lapinq_session",
        b"lapinq_session=",
        b"lapinq_session=short",
        f"lapinq_session={TOKEN}x".encode(),
        f"my_lapinq_session={TOKEN}".encode(),
        f"LAPINQ_SESSION={TOKEN}".encode(),
        f'lapinq_session="{TOKEN}"'.encode(),
        b"lapinq_session=" + b"\xff" * 43,
        b"lapinq_session=" + b"\x00" * 43,
        b"lapinq_session=" + b"A" * 100_000,
        b";" * 60_000 + b"lapinq_session=",
        b" " * 60_000 + b"lapinq_session=",
    ],
)
def test_what_is_no_token_is_none(cookie: bytes) -> None:
    assert token_in(scope(cookie)) is None


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        (f"__Host-lapinq_session={TOKEN}", TOKEN),
        (f"lapinq_session={PLANTED}; __Host-lapinq_session={TOKEN}", TOKEN),
        (f"__Host-lapinq_session={TOKEN}; lapinq_session={PLANTED}", TOKEN),
        (f"lapinq_session={PLANTED}; __Host-lapinq_session=expired", None),
        (f"lapinq_session={TOKEN}; x=__Host-lapinq_session=1", TOKEN),
        (f"__host-lapinq_session={PLANTED}; lapinq_session={TOKEN}", TOKEN),
    ],
)
def test_what_other_hosts_can_set_does_not_override_what_they_can_not(cookie: str, token: str | None) -> None:
    assert token_in(scope(cookie.encode())) == token
    first, _, second = cookie.partition("; ")
    assert token_in(scope(first.encode(), second.encode())) == token


def test_all_that_a_browser_may_be_logged_in_by_is_found() -> None:
    cookie = f"lapinq_session={PLANTED}; lapinq_session={PLANTED}; __Host-lapinq_session={TOKEN}"
    assert tokens_in(scope(cookie.encode())) == [TOKEN, PLANTED]
    assert tokens_in(scope(b"lapinq_session=short")) == []


@pytest.mark.parametrize(
    ("given", "expected", "cleared"),
    [
        ({}, [f"lapinq_session={TOKEN}; HttpOnly; Max-Age=604800; Path=/; SameSite=Lax"], ["lapinq_session"]),
        (
            {"scheme": "https"},
            [
                f"__Host-lapinq_session={TOKEN}; HttpOnly; Max-Age=604800; Path=/; SameSite=Lax; Secure",
                'lapinq_session=""; HttpOnly; Max-Age=0; Path=/; SameSite=Lax; Secure',
            ],
            ["__Host-lapinq_session", "lapinq_session"],
        ),
        (
            {"root_path": "/tasks"},
            [f"lapinq_session={TOKEN}; HttpOnly; Max-Age=604800; Path=/tasks; SameSite=Lax"],
            ["lapinq_session"],
        ),
        (
            {"root_path": "/tasks", "scheme": "https"},
            [f"lapinq_session={TOKEN}; HttpOnly; Max-Age=604800; Path=/tasks; SameSite=Lax; Secure"],
            ["lapinq_session"],
        ),
    ],
)
def test_it_is_kept_from_scripts_and_other_sites(
    given: dict[str, str], expected: list[str], cleared: list[str]
) -> None:
    request = Request(scope(**given))
    response = Response()
    set_token(response, request, TOKEN)
    assert response.headers.getlist("set-cookie") == expected
    response = Response()
    clear_token(response, request)
    flags = expected[0].partition("; ")[2].replace("604800", "0")
    assert response.headers.getlist("set-cookie") == [f'{name}=""; {flags}' for name in cleared]


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
