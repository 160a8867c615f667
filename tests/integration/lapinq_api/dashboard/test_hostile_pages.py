"""Hostile requests to the pages and the login: no failure, nothing comes back as it was said, nobody gets in."""

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import psycopg
import pytest
from starlette.routing import Route

from lapinq_api.app import build_app
from lapinq_api.routes import OPERATIONS
from lapinq_core.runtime.settings import Settings
from tests.support.http.hostile_values import HEADERS, MALFORMED, SEGMENTS, STRINGS
from tests.support.http.people import browser

pytestmark = pytest.mark.http

Serve = Callable[..., httpx.Client]
T = TypeVar("T")

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
EVIL = '"><script>alert(1)</script>'
MAX_SECONDS = 5.0

PAGES = sorted(
    {
        route.path
        for route in build_app(Settings(database_url="postgresql:///x")).routes
        if isinstance(route, Route) and route.path not in {one.path for one in OPERATIONS}
    }
)


def _part(head: str, value: bytes = b"a") -> bytes:
    return b"--x\r\n" + head.encode("latin-1") + b"\r\n\r\n" + value + b"\r\n"


_NAME = 'Content-Disposition: form-data; name="username"'
_WORD = 'Content-Disposition: form-data; name="password"'

FORMS: dict[str, tuple[dict[str, str], bytes]] = {
    "nothing": (FORM, b""),
    "no type": ({}, b"username=a&password=b"),
    "one field": (FORM, b"username=a"),
    "the other": (FORM, b"password=a"),
    "both, empty": (FORM, b"username=&password="),
    "twice": (FORM, b"username=a&username=b&password=c"),
    "as lists": (FORM, b"username[]=a&password[]=b"),
    "nul": (FORM, b"username=%00&password=%00"),
    "nul itself": (FORM, b"username=\x00&password=\x00"),
    "bad utf-8": (FORM, b"username=%ff&password=%fe"),
    "bad utf-8 itself": (FORM, b"username=\xff&password=\xfe"),
    "half a surrogate": (FORM, b"username=%ed%a0%80&password=%ed%b0%80"),
    "bad percents": (FORM, b"username=%&password=%zz%u0000"),
    "a thousand fields": (FORM, b"&".join(b"f%d=1" % n for n in range(1000))),
    "separators": (FORM, b"&&&;;;===&&&" * 500),
    "a long name": (FORM, b"username=" + b"a" * 10_000 + b"&password=b"),
    "a long password": (FORM, b"username=lapinq&password=" + b"a" * 15_000),
    "beyond the limit": (FORM, b"username=lapinq&password=" + b"a" * 100_000),
    "far beyond the limit": (FORM, b"username=lapinq&password=" + b"a" * 3_000_000),
    "a strange charset": (
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-7"},
        b"username=+AAA-",
    ),
    "no charset that exists": (
        {"Content-Type": "multipart/form-data; boundary=x; charset=none"},
        b"--x--\r\n",
    ),
    "json": ({"Content-Type": "application/json"}, b'{"username":"lapinq","password":"lapinq"}'),
    "no boundary": ({"Content-Type": "multipart/form-data"}, b"--x\r\n"),
    "an empty boundary": ({"Content-Type": "multipart/form-data; boundary="}, b"--\r\n"),
    "a long boundary": ({"Content-Type": "multipart/form-data; boundary=" + "x" * 5000}, b"--x\r\n"),
    "another boundary": (MULTIPART, b"--y\r\n\r\n--y--\r\n"),
    "no end": (MULTIPART, _part(_NAME)),
    "only the end": (MULTIPART, b"--x--\r\n"),
    "a part without a name": (MULTIPART, _part("Content-Disposition: form-data") + b"--x--\r\n"),
    "a part without a disposition": (MULTIPART, _part("X: y") + b"--x--\r\n"),
    "a part of junk": (MULTIPART, b"--x\r\n\xff\x00:\r\n\r\n\r\n--x--\r\n"),
    "files": (
        MULTIPART,
        _part(_NAME + '; filename="../../etc/passwd"') + _part(_WORD + '; filename="b"') + b"--x--\r\n",
    ),
    "a part in another charset": (
        MULTIPART,
        _part(_NAME + "\r\nContent-Type: text/plain; charset=utf-16", b"\xff") + _part(_WORD) + b"--x--\r\n",
    ),
    "a thousand parts": (MULTIPART, _part(_NAME) * 200 + b"--x--\r\n"),
    "headers of a part without end": (MULTIPART, b"--x\r\n" + b"A: b\r\n" * 2000),
    "a compressed form": ({**FORM, "Content-Encoding": "gzip"}, b"\x1f\x8b\x08"),
    "markup": (FORM, f"username={quote(EVIL)}&password={quote(EVIL)}".encode()),
    "an injection": (FORM, b"username=' OR '1'='1&password=' OR '1'='1"),
    "a template": (FORM, b"username={{7*7}}&password={% include 'x' %}"),
    "deep json": ({"Content-Type": "application/json"}, MALFORMED["deep objects"]),
    "text that is no utf-8": ({"Content-Type": "text/plain"}, MALFORMED["bad utf-8"]),
}


def test_a_login_form_that_is_none_is_refused_plainly(api: httpx.Client, db: psycopg.Connection) -> None:
    for name, (headers, body) in FORMS.items():
        db.execute("DELETE FROM lapinq_login_tries")  # else the fiftieth is not looked at
        answer = _ask(api, "POST", "/login", content=body, headers=headers)
        assert answer.status_code in {400, 401, 413, 415}, name
        assert "set-cookie" not in answer.headers
        assert answer.headers["x-request-id"]
        assert EVIL not in answer.text
    endless = _ask(api, "POST", "/login", content=(b"x" * 1000 for _ in range(1000)), headers=FORM)
    assert endless.status_code == 413
    assert db.execute("SELECT count(*) FROM lapinq_sessions").fetchone() == (0,)


@pytest.mark.parametrize("rest", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("template", PAGES)
def test_a_page_survives_whatever_is_sent(api: httpx.Client, template: str, rest: bool) -> None:
    """By default a page gets a tenth of the texts and headers, and the next page the next tenth."""
    path = template.replace("{digest}", "none").replace("{name:path}", "none.css").replace("{id}", "none")
    tenth = PAGES.index(template) % 10

    def some(values: Iterable[T]) -> list[T]:
        return [value for number, value in enumerate(values) if (number % 10 == tenth) is not rest]

    with browser(api, None) as stranger, browser(api) as visitor:
        for client in (stranger, visitor):
            for text in some(STRINGS.values()):
                answer = _ask(client, "GET", f"{path}?next={quote(text, safe='')}&{quote(EVIL)}")
                assert answer.status_code < 500
                assert "<script>alert" not in answer.text
                assert "evil" not in answer.headers.get("location", "")
            for name, value in some(HEADERS.values()):
                answer = _ask(client, "GET", path, headers=[(name.encode(), value)])
                assert answer.status_code < 500
                assert "<script>" not in answer.text
            for method in some(("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND")):
                assert _ask(client, method, path).status_code in {401, 405}
            for segment in some(SEGMENTS.values()) if "{" in template else ():
                named = template.replace("{digest}", "x").replace("{name:path}", segment)
                assert _ask(client, "GET", named.replace("{id}", segment)).status_code in {303, 400, 404}
    assert api.get("/health").status_code == 200


CROOKED = [
    "//", "/%2e%2e/", "/static/..%2f..%2fapp.py", "/static/%2e%2e/page.py", "/admin", "/admin/", "/admin//users",
    "/ADMIN/users", "/admin/users/", "/admin%2fusers", "/account/", "/%00", "/%ff", "/login/", "/login%20",
    "/api", "/api/", "/api/v1/", "//api/v1/tasks", "/api//v1/tasks", "/./api/v1/tasks", "/api/v1/tasks%2f",
    "/.git/config", "/.env", "/metrics/", "/fragments/", "/fragments/none", "/" + "a/" * 5000,
]  # fmt: skip


def test_a_crooked_path_leads_nowhere_without_a_login(serve: Serve) -> None:
    client = serve(api_key="secret")
    for path in CROOKED:
        answer = _ask(client, "GET", path, headers={"Accept": "application/json"})
        assert answer.status_code in {401, 404}, path
        assert answer.json()["error"]


def _ask(client: httpx.Client, method: str, path: str, **given: Any) -> httpx.Response:
    """The answer, which has to be there soon."""
    started = time.monotonic()
    answer = client.request(method, path, **given)
    assert time.monotonic() - started < MAX_SECONDS
    return answer
