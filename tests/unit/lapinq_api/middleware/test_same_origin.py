"""Which requests count as coming from a page of this server, and which of them that matters for."""

import pytest
from starlette.types import Scope

from lapinq_api.middleware.guard import check_origin
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.origins import is_same_origin

Headers = list[tuple[bytes, bytes]]

COOKIE = (b"cookie", b"a=b; lapinq_session=token")
ELSEWHERE = (b"origin", b"https://evil.example")


@pytest.mark.parametrize(
    ("headers", "is_same"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-origin, cross-site"}, False),
        ({"sec-fetch-site": ""}, False),
        # The browser's own word counts for more than a comparison that a proxy can spoil.
        ({"sec-fetch-site": "same-origin", "origin": "https://elsewhere.example"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://tasks.example:8001"}, False),
        ({"origin": "http://tasks.example:8001"}, True),
        ({"origin": "https://tasks.example:8001"}, False),
        ({"origin": "http://tasks.example"}, False),
        ({"origin": "http://tasks.example:8001.evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "\xff"}, False),
    ],
)
def test_the_origin_is_what_the_browser_says(headers: dict[str, str], is_same: bool) -> None:
    assert is_same_origin(scope(headers)) is is_same


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("https", "tasks.example:443", "https://tasks.example"),
        ("https", "tasks.example", "https://tasks.example"),
        ("wss", "tasks.example", "https://tasks.example"),
        ("http", "[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_the_port_that_goes_with_the_scheme_is_left_out(scheme: str, host: str, origin: str) -> None:
    assert is_same_origin(scope({"origin": origin}, scheme, host))
    assert not is_same_origin(scope({"origin": origin.replace("://", "://x.")}, scheme, host))


def test_two_origins_have_to_be_right_both() -> None:
    right = (b"origin", b"http://tasks.example:8001")
    two = scope({})
    two["headers"] += [right, ELSEWHERE]
    assert not is_same_origin(two)
    two = scope({})
    two["headers"] += [(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-site", b"cross-site")]
    assert not is_same_origin(two)


@pytest.mark.parametrize(
    ("method", "path", "headers", "passes"),
    [
        ("POST", "/account/password", [COOKIE, ELSEWHERE], False),
        ("DELETE", "/api/v1/tasks", [COOKIE, ELSEWHERE], False),
        ("POST", "/api/v1/enqueue", [COOKIE, (b"x-api-key", b"k"), ELSEWHERE], False),
        ("POST", "/login", [ELSEWHERE], False),
        ("POST", "/api/v1/enqueue", [ELSEWHERE], True),
        ("POST", "/api/v1/enqueue", [(b"cookie", b"other=1"), ELSEWHERE], True),
        ("POST", "/api/v1/enqueue", [COOKIE], True),
        ("GET", "/api/v1/tasks", [COOKIE, ELSEWHERE], True),
        ("GET", "/logout", [COOKIE, (b"sec-fetch-site", b"cross-site")], False),
        ("HEAD", "/logout", [COOKIE, (b"sec-fetch-site", b"same-site")], False),
        ("GET", "/logout", [COOKIE, (b"sec-fetch-site", b"none")], True),
    ],
)
def test_changes_with_a_session_and_logins_are_refused_from_elsewhere(
    method: str, path: str, headers: Headers, passes: bool
) -> None:
    asked = scope({})
    asked["headers"] += headers
    asked.update(method=method, path=path)
    if passes:
        check_origin(asked)
    else:
        with pytest.raises(Refused) as refused:
            check_origin(asked)
        assert refused.value.status == 403


def test_the_login_is_known_below_a_prefix_too() -> None:
    asked = {**scope({"origin": "null"}), "method": "POST", "path": "/tasks/login", "root_path": "/tasks"}
    with pytest.raises(Refused):
        check_origin(asked)


def scope(headers: dict[str, str], scheme: str = "http", host: str = "tasks.example:8001") -> Scope:
    given = {"host": host, **headers}
    kind = "websocket" if scheme.startswith("ws") else "http"
    raw = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    return {"type": kind, "scheme": scheme, "path": "/", "headers": raw}
